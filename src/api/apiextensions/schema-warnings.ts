/** What authors of a definition are told beside the answer: formats that nothing checks, and sets that apply cannot keep. Wording is upstream's. */
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import { quoted } from '#meta/causes.ts';
import { sameValue } from '#meta/same.ts';
import type { CustomResourceDefinitionSpec } from './customresourcedefinition.ts';
import { allSchemas } from './schema-walk.ts';

/** By type, without dashes, which upstream does not count. */
const formats: Readonly<Record<string, readonly string[]>> = {
  string:
    'bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor rgbcolor byte password date duration datetime k8sshortname k8slongname'.split(
      ' ',
    ),
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

function isKnown({ type = '', format = '' }: JsonSchemaProps): boolean {
  const known = formats[type === '' ? 'string' : type] ?? [];
  return known.includes(type === '' || type === 'string' ? format.replaceAll('-', '') : format);
}

/** The schemas of the versions; one that all share counts once. */
function schemasOf({ versions = [] }: CustomResourceDefinitionSpec): readonly JsonSchemaProps[] {
  const roots = versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? []);
  const shared = roots.length === versions.length && roots.every((root) => sameValue(root, roots[0]));
  return (shared ? roots.slice(0, 1) : roots).flatMap((root) => [...allSchemas(root)]);
}

function warningsOf(spec: CustomResourceDefinitionSpec): readonly string[] {
  const schemas = schemasOf(spec);
  const unknown = schemas.filter((schema) => schema.format && !isKnown(schema));
  const sets = schemas.flatMap(({ items, 'x-kubernetes-list-type': list }) => {
    const type = list === 'set' && !Array.isArray(items) ? (items as JsonSchemaProps | undefined)?.type : undefined;
    return type === 'object' || type === 'array' ? [type] : [];
  });
  return [
    ...unknown.map(({ format = '' }) => `unrecognized format ${quoted(format)}`),
    ...[...new Set(sets)]
      .sort()
      .map(
        (type) =>
          `x-kubernetes-list-type: set for items of type ${quoted(type)} is not supported by server-side apply or CEL validation rules`,
      ),
  ];
}

/** Of an update, only what it brings. */
export function schemaWarnings(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | undefined,
): readonly string[] {
  const before = new Set(old && warningsOf(old));
  return warningsOf(spec).filter((warning) => !before.has(warning));
}
