/**
 * Whether a schema is structural: every field has one type, said outside of allOf, anyOf, oneOf and not, so that objects can be pruned and defaulted by it
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema). Wording is upstream's.
 */
import { patternFault } from '#base/regexp.ts';
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { sameValue } from '#meta/same.ts';
import { indexed, type Causes } from '../field-checks.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';

type Level = 'root' | 'item' | 'field';

const isSchema = (value: unknown): value is JsonSchemaProps =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of items, where there is one for all. */
const itemOf = (schema: JsonSchemaProps): JsonSchemaProps | undefined =>
  isSchema(schema.items) ? schema.items : undefined;

/** Upstream sorts what it finds by path and words. */
export function* structuralCauses(at: string, schema: JsonSchemaProps): Causes {
  const causes = [...invariants(at, schema, 'root'), ...completeness(at, schema, { values: schema, valuesAt: at })];
  const text = ({ field, message }: (typeof causes)[number]): string => `${field}: ${message}`;
  yield* causes.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

const typeDetail: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function* invariants(at: string, schema: JsonSchemaProps, level: Level): Causes {
  const { type = '', additionalProperties: additional, properties = {} } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const item = itemOf(schema);
  if (type === 'array' && item === undefined) yield required(`${at}.items`, 'must be specified');
  if (item !== undefined) yield* invariants(`${at}.items`, item, 'item');
  for (const [name, child] of Object.entries(properties))
    yield* invariants(`${at}.properties[${name}]`, child, 'field');
  if (additional !== undefined) {
    if (level === 'root') yield forbiddenField(`${at}.additionalProperties`, 'must not be used at the root');
    if (isSchema(additional)) yield* invariants(`${at}.additionalProperties`, additional, 'field');
  }
  const notBoth = 'must be false if x-kubernetes-int-or-string is true';
  if (intOrString && preserves) yield invalidValue(`${at}.x-kubernetes-preserve-unknown-fields`, true, notBoth);
  if (intOrString && embedded) yield invalidValue(`${at}.x-kubernetes-embedded-resource`, true, notBoth);
  yield* junctors(at, schema, {
    anyOf: isIntOrString(schema.anyOf),
    firstAllOf: isIntOrString(schema.allOf?.[0]?.anyOf),
  });
  if (embedded && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    yield type === '' ? required(`${at}.type`, detail) : invalidValue(`${at}.type`, type, detail);
  } else if (type === '' && !intOrString && !preserves) yield required(`${at}.type`, typeDetail[level]);
  if (embedded && additional !== undefined)
    yield forbiddenField(`${at}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set');
  if (level === 'root' && type !== '' && type !== 'object')
    yield invalidValue(`${at}.type`, type, 'must be object at the root');
  yield* metaInvariants(at, schema, level);
  if (embedded && !preserves && Object.keys(properties).length === 0)
    yield required(
      `${at}.properties`,
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    );
}

/** kind and apiVersion are strings; of metadata only the names may be restricted. */
function* metaInvariants(at: string, schema: JsonSchemaProps, level: Level): Causes {
  const isObject = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  const { properties = {} } = schema;
  if (!isObject) return;
  for (const name of ['kind', 'apiVersion']) {
    const type = Object.hasOwn(properties, name) ? (properties[name]?.type ?? '') : 'string';
    if (type !== 'string') yield invalidValue(`${at}.properties[${name}].type`, type, 'must be string');
  }
  const metadata = Object.hasOwn(properties, 'metadata') ? properties['metadata'] : undefined;
  if (metadata === undefined) return;
  const path = `${at}.properties[metadata]`;
  if (metadata.type !== 'object') yield invalidValue(`${path}.type`, metadata.type ?? '', 'must be object');
  if (level !== 'root') return;
  const { type: _type, default: _default, properties: names = {}, ...others } = metadata;
  const onlyNames = Object.keys(names).every((name) => name === 'name' || name === 'generateName');
  if (!onlyNames || Object.values(others).some((value) => value !== undefined))
    yield forbiddenField(
      path,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    );
}

const intOrStringAnyOf = [{ type: 'integer' }, { type: 'string' }];
const isIntOrString = (anyOf: readonly JsonSchemaProps[] | undefined): boolean =>
  anyOf?.length === 2 && sameValue(anyOf, intOrStringAnyOf);

interface Excused {
  readonly anyOf: boolean;
  readonly firstAllOf: boolean;
}
const nothing: Excused = { anyOf: false, firstAllOf: false };

function* junctors(at: string, schema: JsonSchemaProps, excused: Excused): Causes {
  if (!excused.anyOf) for (const [child, each] of indexed(`${at}.anyOf`, schema.anyOf)) yield* nested(each, child);
  for (const [child, each, index] of indexed(`${at}.allOf`, schema.allOf))
    yield* nested(each, child, { anyOf: excused.firstAllOf && index === 0, firstAllOf: false });
  for (const [child, each] of indexed(`${at}.oneOf`, schema.oneOf)) yield* nested(each, child);
  if (schema.not !== undefined) yield* nested(`${at}.not`, schema.not);
  if (schema.pattern) {
    const why = patternFault(schema.pattern);
    if (why !== undefined)
      yield invalidValue(`${at}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${why}`);
  }
}

const mustBeEmpty: readonly (readonly [keyof JsonSchemaProps, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['externalDocs', 'must be undefined to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

/** What stands below a junctor may restrict values, and nothing else. */
function* nested(at: string, schema: JsonSchemaProps, excused: Excused = nothing): Causes {
  yield* junctors(at, schema, excused);
  const item = itemOf(schema);
  if (item !== undefined) yield* nested(`${at}.items`, item);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    yield* nested(`${at}.properties[${name}]`, child);
  for (const [field, detail] of mustBeEmpty) {
    const value = schema[field];
    const isEmpty =
      value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) yield forbiddenField(`${at}.${field}`, detail);
  }
  if (Object.hasOwn(schema.properties ?? {}, 'metadata'))
    yield forbiddenField(`${at}.properties[metadata]`, 'must not be specified in a nested context');
}

interface Values {
  readonly values: JsonSchemaProps;
  readonly valuesAt: string;
}

/** Every field that a junctor speaks of is declared outside of it. */
function* completeness(at: string, schema: JsonSchemaProps, { values, valuesAt }: Values): Causes {
  for (const field of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [child, each] of indexed(`${valuesAt}.${field}`, values[field]))
      yield* nestedCompleteness(at, schema, { values: child, valuesAt: each });
  if (values.not !== undefined)
    yield* nestedCompleteness(at, schema, { values: values.not, valuesAt: `${valuesAt}.not` });
  if (values !== schema) return;
  const item = itemOf(schema);
  if (item !== undefined) yield* completeness(`${at}.items`, item, { values: item, valuesAt: `${at}.items` });
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const path = `${at}.properties[${name}]`;
    yield* completeness(path, child, { values: child, valuesAt: path });
  }
  const { additionalProperties: additional } = schema;
  if (isSchema(additional)) {
    const path = `${at}.additionalProperties`;
    yield* completeness(path, additional, { values: additional, valuesAt: path });
  }
}

function* nestedCompleteness(at: string, schema: JsonSchemaProps | undefined, { values, valuesAt }: Values): Causes {
  if (schema === undefined) {
    yield required(at, `because it is defined in ${valuesAt}`);
    return;
  }
  yield* completeness(at, schema, { values, valuesAt });
  const item = itemOf(values);
  if (item !== undefined)
    yield* nestedCompleteness(`${at}.items`, itemOf(schema), { values: item, valuesAt: `${valuesAt}.items` });
  for (const [name, child] of Object.entries(values.properties ?? {})) {
    const own = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
    yield* nestedCompleteness(`${at}.properties[${name}]`, own, {
      values: child,
      valuesAt: `${valuesAt}.properties[${name}]`,
    });
  }
}
