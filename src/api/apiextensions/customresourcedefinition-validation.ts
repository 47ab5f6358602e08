/**
 * Rules of CustomResourceDefinitions, schemas aside (`schema-validation.ts`). Wording and paths are upstream's. Paths are those of its internal form: what all
 * versions have in common stands at the top there (`spec.validation`, `spec.subresources`), and a webhook's settings in `spec.conversion.webhookClientConfig`.
 * Upstream excuses old objects from rules that came after them; there are none here.
 */
import { forbiddenField, immutableDetail, invalidValue, required, tooMany, duplicate } from '#meta/causes.ts';
import { dns1035Label, dns1123Subdomain } from '#meta/names.ts';
import { sameValue } from '#meta/same.ts';
import { internalValue } from '#schema/go-internal.ts';
import { t } from '#schema/type.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { caBundleCauses, clientConfigCauses } from '../webhook-checks.ts';
import {
  customResourceDefinitionVersion,
  type CustomResourceColumnDefinition,
  type CustomResourceConversion,
  type CustomResourceDefinitionNames,
  type CustomResourceDefinitionSpec,
  type CustomResourceDefinitionStatus,
  type CustomResourceDefinitionVersion,
  type CustomResourceSubresources,
} from './customresourcedefinition.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import { rootSchemaCauses } from './schema-validation.ts';
import { someSchema } from './schema-walk.ts';

const selectableFieldsMax = 8;
const warningBytesMax = 256;
const approval = 'api-approved.kubernetes.io';
const reviewVersions = ['v1', 'v1beta1'];

/** All messages about one name in one cause. */
function* joined(
  path: string,
  value: string | undefined,
  [messages, prefix = '']: readonly [readonly string[], string?],
): Causes {
  if (messages.length > 0) yield invalidValue(path, value ?? '', prefix + messages.join(','));
}

interface Definition {
  readonly metadata: {
    readonly name: string;
    readonly generateName?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: CustomResourceDefinitionSpec;
  readonly status: CustomResourceDefinitionStatus;
}

export function* crdCauses(crd: Definition): Causes {
  const { spec } = crd;
  if (spec === undefined) return;
  yield* specCauses(spec);
  yield* crdStatusCauses(crd.status);
  yield* storedVersionCauses(crd);
  yield* approvalCauses(crd);
  if (spec.preserveUnknownFields === true)
    yield invalidValue(
      'spec.preserveUnknownFields',
      true,
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    );
}

/** Of new definitions: neither the name nor what it is made of can change later. */
export function* crdNameCauses({ metadata, spec }: Definition): Causes {
  for (const field of ['generateName', 'name'] as const)
    if (metadata[field] && metadata[field] !== `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}`)
      yield invalidValue(`metadata.${field}`, metadata[field], 'must be spec.names.plural+"."+spec.group');
}

/** Groups of the Kubernetes community need a word of approval. */
function* approvalCauses({ metadata, spec }: Definition): Causes {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec?.group ?? '')) return;
  const path = `metadata.annotations[${approval}]`;
  const annotation = metadata.annotations?.[approval] ?? '';
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (annotation === '') yield required(path, `protected groups must have approval annotation "${approval}", ${see}`);
  else if (!annotation.startsWith('unapproved') && !/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+/i.test(annotation))
    yield invalidValue(
      path,
      annotation,
      `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${see}`,
    );
}

/** Upstream's internal form: what is the same in all versions, once. */
function shared<K extends keyof CustomResourceDefinitionVersion>(
  versions: readonly CustomResourceDefinitionVersion[],
  field: K,
): boolean {
  const [first] = versions;
  return first !== undefined && versions.every((version) => sameValue(version[field], first[field]));
}

function* specCauses(spec: CustomResourceDefinitionSpec): Causes {
  const { group, versions = [], names, preserveUnknownFields = false } = spec;
  if (group) {
    const wrong = dns1123Subdomain(group);
    if (wrong.length > 0) yield invalidValue('spec.group', group, wrong.join(','));
    else if (!group.includes('.')) yield invalidValue('spec.group', group, 'should be a domain with at least one dot');
  }
  const schemaOf = (version: CustomResourceDefinitionVersion): JsonSchemaProps | undefined =>
    version.schema?.openAPIV3Schema;
  for (const [version, at] of indexed('spec.versions', versions))
    if (schemaOf(version) === undefined) yield required(`${at}.schema.openAPIV3Schema`);
  const hasDefault = (schema: JsonSchemaProps | undefined): boolean =>
    schema !== undefined && someSchema(schema, (one) => one.default !== undefined);
  if (preserveUnknownFields && versions.some((version) => hasDefault(schemaOf(version))))
    yield invalidValue('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema');
  const same = {
    schema: shared(versions, 'schema'),
    subresources: shared(versions, 'subresources'),
    columns: shared(versions, 'additionalPrinterColumns'),
    selectable: shared(versions, 'selectableFields'),
  };
  for (const [version, at] of indexed('spec.versions', versions)) {
    yield* joined(`${at}.name`, version.name, [dns1035Label(version.name ?? '')]);
    yield* warningCauses(at, version);
    if (!same.schema)
      yield* rootSchemaCauses(`${at}.schema`, schemaOf(version), version.subresources?.status !== undefined);
    if (!same.subresources) yield* subresourceCauses(`${at}.subresources`, version.subresources);
    if (!same.columns) yield* columnCauses(`${at}.additionalPrinterColumns`, version.additionalPrinterColumns);
    if (!same.selectable) yield* selectableCauses(`${at}.selectableFields`, version);
  }
  const told = internalValue(
    t.list(customResourceDefinitionVersion),
    versions.map((version) => ({
      ...version,
      schema: same.schema ? undefined : version.schema,
      subresources: same.subresources ? undefined : version.subresources,
      additionalPrinterColumns: same.columns ? undefined : version.additionalPrinterColumns,
      selectableFields: same.selectable ? undefined : version.selectableFields,
    })),
  );
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    yield invalidValue('spec.versions', told, 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1)
    yield invalidValue(
      'spec.versions',
      spec.versions && told,
      'must have exactly one version marked as storage version',
    );
  const [first] = versions;
  if (first?.name) yield* joined('spec.version', first.name, [dns1035Label(first.name)]);
  if (!names?.singular) yield required('spec.names.singular');
  if (!names?.listKind) yield required('spec.names.listKind');
  if (names !== undefined) yield* nameCauses('spec.names', names);
  if (first !== undefined) {
    const anyStatus = versions.some(({ subresources }) => subresources?.status !== undefined);
    if (same.schema) yield* rootSchemaCauses('spec.validation', schemaOf(first), anyStatus);
    if (same.subresources) yield* subresourceCauses('spec.subresources', first.subresources);
    if (same.columns) yield* columnCauses('spec.additionalPrinterColumns', first.additionalPrinterColumns);
    if (same.selectable) yield* selectableCauses('spec.selectableFields', first);
  }
  if (spec.conversion !== undefined) yield* conversionCauses(spec.conversion, preserveUnknownFields);
}

function* warningCauses(
  at: string,
  { deprecated = false, deprecationWarning: text }: CustomResourceDefinitionVersion,
): Causes {
  if (text === undefined) return;
  const path = `${at}.deprecationWarning`;
  if (!deprecated) {
    yield invalidValue(path, text, 'can only be set for deprecated versions');
    return;
  }
  if (Buffer.byteLength(text) > warningBytesMax) yield invalidValue(path, text, 'must be <= 256 characters long');
  if (text === '') yield invalidValue(path, text, 'must not be an empty string');
  const strange = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(text);
  if (strange !== null) {
    const index = Buffer.byteLength(text.slice(0, strange.index));
    yield invalidValue(
      path,
      text,
      `must only contain printable UTF-8 characters; non-printable character found at index ${index}`,
    );
  }
}

const mixedCase = 'may have mixed case, but should otherwise match: ';

function* nameCauses(at: string, names: CustomResourceDefinitionNames): Causes {
  const { plural, singular, kind, listKind, shortNames, categories } = names;
  if (plural) yield* joined(`${at}.plural`, plural, [dns1035Label(plural)]);
  if (singular) yield* joined(`${at}.singular`, singular, [dns1035Label(singular)]);
  if (kind) yield* joined(`${at}.kind`, kind, [dns1035Label(kind.toLowerCase()), mixedCase]);
  if (listKind) yield* joined(`${at}.listKind`, listKind, [dns1035Label(listKind.toLowerCase()), mixedCase]);
  for (const [name, each] of indexed(`${at}.shortNames`, shortNames)) yield* joined(each, name, [dns1035Label(name)]);
  if (kind && kind === listKind)
    yield invalidValue(`${at}.listKind`, listKind, 'kind and listKind may not be the same');
  for (const [name, each] of indexed(`${at}.categories`, categories)) yield* joined(each, name, [dns1035Label(name)]);
}

function* simplePath(path: string, text: string): Causes {
  if (!text.startsWith('.')) yield invalidValue(path, text, 'must be a simple json path starting with .');
}

function* subresourceCauses(at: string, subresources: CustomResourceSubresources | undefined): Causes {
  const scale = subresources?.scale;
  if (scale === undefined) return;
  const paths = [
    ['specReplicasPath', '.spec.'],
    ['statusReplicasPath', '.status.'],
  ] as const;
  for (const [field, prefix] of paths) {
    const [path, text] = [`${at}.scale.${field}`, scale[field]];
    if (!text) yield required(path);
    else if (!text.startsWith('.')) yield* simplePath(path, text);
    else if (!text.startsWith(prefix))
      yield invalidValue(path, text, `should be a json path under ${prefix.slice(0, -1)}`);
  }
  const { labelSelectorPath: text } = scale;
  if (!text) return;
  if (!text.startsWith('.')) yield* simplePath(`${at}.scale.labelSelectorPath`, text);
  else if (!text.startsWith('.spec.') && !text.startsWith('.status.'))
    yield invalidValue(`${at}.scale.labelSelectorPath`, text, 'should be a json path under either .spec or .status');
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function* columnCauses(path: string, columns: readonly CustomResourceColumnDefinition[] | undefined): Causes {
  for (const [{ name, type, format, jsonPath }, at] of indexed(path, columns)) {
    if (!name) yield required(`${at}.name`);
    const oneOf = `must be one of ${columnTypes.join(',')}`;
    if (!type) yield required(`${at}.type`, oneOf);
    else if (!columnTypes.includes(type)) yield invalidValue(`${at}.type`, type, oneOf);
    if (format && !columnFormats.includes(format))
      yield invalidValue(`${at}.format`, format, `must be one of ${columnFormats.join(',')}`);
    if (!jsonPath) yield required(`${at}.JSONPath`);
    else yield* simplePath(`${at}.JSONPath`, jsonPath);
  }
}

function* selectableCauses(path: string, { selectableFields, schema }: CustomResourceDefinitionVersion): Causes {
  if (!selectableFields?.length) return;
  if (schema?.openAPIV3Schema === undefined) {
    yield invalidValue(
      path,
      '',
      'selectableFields may only be set when version.schema.openAPIV3Schema is not included',
    );
    return;
  }
  const seen = new Set<string>();
  for (const [{ jsonPath }, each] of indexed(path, selectableFields)) {
    const at = `${each}.jsonPath`;
    if (!jsonPath) {
      yield required(at);
      continue;
    }
    const found = schemaAt(schema.openAPIV3Schema, jsonPath);
    if (typeof found === 'string') {
      yield invalidValue(at, jsonPath, `is an invalid path: ${found}`);
      continue;
    }
    if (/^\.metadata(\.|$)/.test(jsonPath)) yield invalidValue(at, jsonPath, 'must not point to fields in metadata');
    if (!['string', 'boolean', 'integer'].includes(found.type ?? ''))
      yield invalidValue(
        at,
        jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      );
    if (seen.has(jsonPath)) yield duplicate(at, jsonPath);
    seen.add(jsonPath);
  }
  if (seen.size > selectableFieldsMax) yield tooMany(path, seen.size, selectableFieldsMax);
}

/** The schema of `.spec.color`, or why there is none. */
function schemaAt(root: JsonSchemaProps, path: string): JsonSchemaProps | string {
  if (!path.startsWith('.')) return `expected [ or . but got: ${path.split('.', 1)[0]}`;
  let schema: JsonSchemaProps = root;
  for (const name of path.slice(1).split('.')) {
    const next = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
    if (next === undefined) return `does not refer to a valid field`;
    schema = next;
  }
  return schema;
}

function* conversionCauses({ strategy, webhook }: CustomResourceConversion, preserving: boolean): Causes {
  const [path, versionsPath] = ['spec.conversion.webhookClientConfig', 'spec.conversion.conversionReviewVersions'];
  const versions = webhook?.conversionReviewVersions ?? [];
  if (strategy === 'Webhook') {
    if (preserving)
      yield invalidValue('spec.conversion.strategy', strategy, 'must be None if spec.preserveUnknownFields is true');
    if (webhook?.clientConfig === undefined) yield required(path, 'required when strategy is set to Webhook');
    else yield* clientConfigCauses(path, webhook.clientConfig);
    if (versions.length === 0) yield required(versionsPath);
    else yield* reviewVersionCauses(versionsPath, versions);
    return;
  }
  if (webhook?.clientConfig !== undefined)
    yield forbiddenField(path, 'should not be set when strategy is not set to Webhook');
  if (versions.length > 0) yield forbiddenField(versionsPath, 'should not be set when strategy is not set to Webhook');
}

function* reviewVersionCauses(path: string, versions: readonly string[]): Causes {
  const seen = new Set<string>();
  for (const [version, at] of indexed(path, versions)) {
    if (seen.has(version)) yield invalidValue(at, version, 'duplicate version');
    else yield* named(dns1035Label, at, version);
    seen.add(version);
  }
  if (!reviewVersions.some((version) => seen.has(version)))
    yield invalidValue(path, versions, `must include at least one of ${reviewVersions.join(', ')}`);
}

function* storedVersionCauses({ spec, status }: Definition): Causes {
  const path = 'status.storedVersions';
  const { storedVersions: stored } = status;
  if (stored.length === 0) {
    yield invalidValue(path, null, 'must have at least one stored version');
    return;
  }
  const known = new Set((spec.versions ?? []).map(({ name }) => name));
  const left = new Set(stored);
  // Of two versions of one name only the first has a stored one, as upstream counts.
  for (const { name, storage } of spec.versions ?? [])
    if (!left.delete(name) && storage) yield invalidValue(path, stored, `must have the storage version ${name}`);
  for (const [name, at] of indexed(path, stored)) {
    if (!known.has(name))
      yield invalidValue(
        at,
        name,
        `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
      );
  }
}

export function* crdStatusCauses(status: CustomResourceDefinitionStatus | undefined): Causes {
  if (status?.acceptedNames !== undefined) yield* nameCauses('status.acceptedNames', status.acceptedNames);
}

/** Runs on updates besides crdCauses. */
export function* crdUpdateCauses(crd: Definition, old: Definition): Causes {
  const { spec } = crd;
  const established = old.status.conditions.some(({ type, status }) => type === 'Established' && status === 'True');
  if (established) {
    if (spec?.scope !== old.spec.scope) yield invalidValue('spec.scope', spec?.scope ?? '', immutableDetail);
    if (spec?.names?.kind !== old.spec.names?.kind)
      yield invalidValue('spec.names.kind', spec?.names?.kind ?? '', immutableDetail);
    const { caBundle } = spec?.conversion?.webhook?.clientConfig ?? {};
    const before = old.spec.conversion?.webhook?.clientConfig?.caBundle;
    const path = 'spec.conversion.webhookClientConfig.caBundle';
    if (caBundle && (!before || [...caBundleCauses(path, before)].length === 0)) yield* caBundleCauses(path, caBundle);
  }
  if (spec?.group !== old.spec.group) yield invalidValue('spec.group', spec?.group ?? '', immutableDetail);
  if (spec?.names?.plural !== old.spec.names?.plural)
    yield invalidValue('spec.names.plural', spec?.names?.plural ?? '', immutableDetail);
}
