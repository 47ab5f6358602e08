/**
 * A user's kind: from one version of a CustomResourceDefinition to a Kind, so that what is brought enters through the same door as what is built in. The schema
 * becomes a declared type: it says what is pruned, what is filled in and who owns what. Not here: the values that a schema allows (patterns, ranges, formats, CEL), which a
 * validator of its own judges, and conversion between versions. Values are verbatim: no zero counts as absence, a null only where the schema does not have it.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Crd, CrdVersion, JsonSchemaProps } from './json-schema-props.ts';
import { parseJsonPath, valuesAt } from './json-path.ts';
import { allVerbs, type Cell, type Column, type Kind } from './kind.ts';
import { objectMeta } from './object-meta.ts';
import type { AnyTypeData, FieldData, StructType } from './type.ts';

/** The kind of a version; undefined when the definition has no such version. The definition is valid: its schema is structural. */
export function kindOfCrd(crd: Crd, versionName: string): Kind | undefined {
  const version = crd.spec.versions.find(({ name }) => name === versionName);
  if (version === undefined) return undefined;
  const { group, names, scope } = crd.spec;
  const domain = group.split('.').reverse().join('.');
  const root = version.schema?.openAPIV3Schema ?? {};
  const schema = structOf(
    { ...root, 'x-kubernetes-embedded-resource': true },
    `.${domain}.${version.name}.${names.kind}`,
  );
  const scale = version.subresources?.scale;
  return Object.freeze({
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    scope,
    verbs: allVerbs,
    schema,
    subresources: {
      ...(version.subresources?.status === undefined ? {} : { status: true }),
      ...(scale === undefined
        ? {}
        : {
            scale: {
              replicas: scale.specReplicasPath,
              statusReplicas: scale.statusReplicasPath,
              selector: scale.labelSelectorPath ?? '',
            },
          }),
    },
    columns: columnsOf(version),
    selectable: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), textAt(jsonPath)]),
    ),
    hooks: { generation: true },
    storagePrefix: `${group}/${names.plural}`,
  });
}

// --- Types --------------------------------------------------------------------------------------------------------------------------

const isSchema = (value: unknown): value is JsonSchemaProps =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typeOf(schema: JsonSchemaProps, name: string): AnyTypeData {
  if (schema['x-kubernetes-int-or-string'] === true) return { is: 'intOrString', bits: 64 };
  switch (schema.type) {
    case 'string': {
      const values = (schema.enum ?? []).filter((value) => typeof value === 'string');
      return { is: 'string', ...(values.length > 0 ? { values } : {}) };
    }
    case 'integer':
      return { is: 'integer', bits: schema.format === 'int32' ? 32 : 64 };
    case 'number':
      return { is: 'number' };
    case 'boolean':
      return { is: 'boolean' };
    case 'array':
      return listOf(schema, name);
    case 'object':
      return objectOf(schema, name);
    default:
      // Without a type it is x-kubernetes-preserve-unknown-fields: anything.
      return { is: 'any' };
  }
}

function listOf(schema: JsonSchemaProps, name: string): AnyTypeData {
  const items = typeOf(isSchema(schema.items) ? schema.items : {}, `${name}.items`);
  const { 'x-kubernetes-list-type': kind, 'x-kubernetes-list-map-keys': keys } = schema;
  const list = kind === 'set' || kind === 'map' ? kind : 'atomic';
  return { is: 'list', items, list, nulls: 'kept', ...(list === 'map' && keys !== undefined ? { keys } : {}) };
}

function objectOf(schema: JsonSchemaProps, name: string): AnyTypeData {
  const { additionalProperties: additional } = schema;
  if (additional === undefined || additional === false) return structOf(schema, name);
  const values: AnyTypeData = isSchema(additional) ? typeOf(additional, `${name}.additionalProperties`) : { is: 'any' };
  return { is: 'map', values, nulls: 'kept', ...(isAtomic(schema) ? { atomic: true } : {}) };
}

const isAtomic = (schema: JsonSchemaProps): boolean => schema['x-kubernetes-map-type'] === 'atomic';

/** What every object has. Tags are of no use: custom resources have no protobuf form. */
const metaFields: Readonly<Record<string, FieldData>> = {
  apiVersion: {
    type: { is: 'string' },
    tag: 0,
    presence: 'optional',
    doc: 'The group and version of this object.',
    rules: [],
  },
  kind: {
    type: { is: 'string' },
    tag: 0,
    presence: 'optional',
    doc: 'The kind of this object, in CamelCase.',
    rules: [],
  },
  metadata: {
    type: objectMeta,
    tag: 0,
    presence: 'optional',
    doc: 'Name, namespace, labels and what else every object has.',
    rules: [],
  },
};

function structOf(schema: JsonSchemaProps, name: string): StructType {
  const isObject = schema['x-kubernetes-embedded-resource'] === true;
  const required = new Set(schema.required);
  const fields: [string, FieldData][] = Object.entries(schema.properties ?? {})
    .filter(([field]) => !(isObject && Object.hasOwn(metaFields, field)))
    .map(([field, inner]) => [field, fieldOf(inner, `${name}.${field}`, required.has(field))]);
  return Object.freeze({
    is: 'struct',
    name,
    doc: schema.description ?? '',
    fields: Object.freeze(Object.fromEntries([...(isObject ? Object.entries(metaFields) : []), ...fields])),
    rules: [],
    ...(isAtomic(schema) ? { atomic: true } : {}),
    ...(schema['x-kubernetes-preserve-unknown-fields'] === true ? { preserves: true } : {}),
  });
}

function fieldOf(schema: JsonSchemaProps, name: string, isRequired: boolean): FieldData {
  const hasDefault = schema.default !== undefined;
  return Object.freeze({
    type: typeOf(schema, name),
    tag: 0,
    // A default is there before anything could be missing.
    presence: hasDefault ? 'defaulted' : isRequired ? 'required' : 'optional',
    ...(hasDefault ? { default: schema.default } : {}),
    doc: schema.description ?? '',
    verbatim: schema.nullable === true ? 'nullable' : 'value',
    rules: [],
  });
}

// --- Columns and fields ---------------------------------------------------------------------------------------------------------------

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object.',
  cell: (object) => object.metadata.name,
};

const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  description: 'Time since the server created the object.',
  cell: (object) => object.metadata.creationTimestamp,
};

const columnTypes = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function columnsOf({ additionalPrinterColumns: columns = [] }: CrdVersion): readonly Column[] {
  if (columns.length === 0) return [nameColumn, ageColumn];
  return [
    nameColumn,
    ...columns.map(({ name, type, format, description, priority, jsonPath }): Column => {
      const path = parseJsonPath(jsonPath);
      const known = columnTypes.find((one) => one === type) ?? 'string';
      return {
        name,
        type: known,
        ...(format === undefined ? {} : { format }),
        ...(priority === undefined ? {} : { priority }),
        description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
        cell: (object) => (path === undefined ? null : cellOf(known, valuesAt(path, object)[0])),
      };
    }),
  ];
}

/** A value that does not fit the column's type is not shown. */
function cellOf(type: Column['type'], value: unknown): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | bigint | boolean);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : typeof value === 'bigint' ? Number(value) : null;
    case 'number':
      return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? value : null;
    default:
      return type satisfies never;
  }
}

/** What a field selector compares: the value as text, empty when there is none. */
function textAt(jsonPath: string): (object: AnyObject) => string {
  const path = parseJsonPath(jsonPath);
  return (object) => {
    const [value] = path === undefined ? [] : valuesAt(path, object);
    return value === undefined || value === null || typeof value === 'object'
      ? ''
      : String(value as string | number | bigint | boolean);
  };
}
