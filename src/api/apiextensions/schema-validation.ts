/**
 * Rules of the schemas of custom resources: what OpenAPI allows that Kubernetes does not, and the extensions. That a schema is structural is checked by
 * `structural-validation.ts`. Wording is upstream's. CEL rules are compiled by `rule-expressions.ts`, where the schema around them is in order.
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import type { Cause } from '#meta/status.ts';
import { indexed, type Causes } from '../field-checks.ts';
import { defaultCauses } from './default-validation.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import type { ValidationRule } from './json-schema.ts';
import { ruleExpressionCauses, RuleCosts, type RulePlace } from './rule-expressions.ts';
import { someSchema } from './schema-walk.ts';
import { structuralCauses } from './structural-validation.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Go's names of fields, as the cause lists them. */
const atRoot = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
];
const goName = (field: string): string =>
  field.startsWith('x-kubernetes-')
    ? `X${field.slice('x-kubernetes-'.length).replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`
    : field.charAt(0).toUpperCase() + field.slice(1);

/** All that is wrong with the schema of a version; `path` is that of the validation, in which openAPIV3Schema stands. */
export function* rootSchemaCauses(path: string, schema: JsonSchemaProps | undefined, hasStatus: boolean): Causes {
  if (schema === undefined) return;
  const at = `${path}.openAPIV3Schema`;
  if (hasStatus) yield* rootCauses(at, schema);
  if (schema.nullable === true) yield forbiddenField(`${at}.nullable`, 'nullable cannot be true at the root');
  // What cannot be converted is looked into no further.
  const structural = someSchema(schema, ({ $schema }) => Boolean($schema))
    ? [invalidValue(at, '', "OpenAPIV3Schema 'schema' is not supported")]
    : [...structuralCauses(at, schema)];
  yield* structural;
  // Defaults are judged by schemas that are in order, and rules by schemas whose defaults are.
  const defaults = structural.length === 0 ? [...defaultCauses(at, schema, 'root')] : [];
  yield* defaults;
  const costs = new RuleCosts();
  const rules = { cardinality: 1, costs, uncorrelated: undefined };
  yield* schemaCauses(at, schema, {
    isRoot: true,
    insideMeta: false,
    noDefaults: undefined,
    rules: structural.length + defaults.length === 0 ? rules : undefined,
  });
  yield* costs.causes(at);
}

/** The status is validated by the schema of .status alone: nothing at the root may reach into it. */
function* rootCauses(at: string, schema: JsonSchemaProps): Causes {
  for (const [field, value] of Object.entries(schema)) {
    if (value === undefined || value === false || value === '') continue;
    if (field === 'type') {
      if (value !== 'object') {
        yield invalidValue(
          `${at}.type`,
          value,
          'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
        );
        return;
      }
    } else if (!atRoot.includes(goName(field))) {
      yield invalidValue(
        at,
        schema,
        `only [${atRoot.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`,
      );
      return;
    }
  }
}

interface Place {
  readonly isRoot: boolean;
  /** Inside metadata, kind or apiVersion, of the object itself or of one that is embedded. */
  readonly insideMeta: boolean;
  /** Why defaults are not allowed. */
  readonly noDefaults: string | undefined;
  /** Where rules in CEL are compiled. */
  readonly rules: Omit<RulePlace, 'isObject'> | undefined;
}

/** Yields what is wrong and answers whether any of it is about schemas: rules in CEL are compiled only where nothing is. */
type SchemaCauses = Generator<Cause, boolean>;

const metaFields = ['metadata', 'kind', 'apiVersion'];

function* schemaCauses(at: string, schema: JsonSchemaProps, place: Place): SchemaCauses {
  const own = [...ownCauses(at, schema, place)];
  yield* own;
  const isBelow = yield* childCauses(at, schema, place);
  if (own.length > 0 || isBelow) return true;
  const isObject = place.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  if (place.rules !== undefined) yield* ruleExpressionCauses(at, schema, { ...place.rules, isObject });
  return false;
}

function* ownCauses(at: string, schema: JsonSchemaProps, place: Place): Causes {
  yield* unsupported(at, schema, place);
  if (schema.uniqueItems === true)
    yield forbiddenField(
      `${at}.uniqueItems`,
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    );
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    yield invalidValue(`${at}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  yield* mapTypeCauses(at, schema);
  yield* listTypeCauses(at, schema);
  for (const [rule, each] of indexed(`${at}.x-kubernetes-validations`, schema['x-kubernetes-validations']))
    yield* ruleCauses(each, rule, schema);
}

function* unsupported(at: string, schema: JsonSchemaProps, { noDefaults }: Place): Causes {
  if (schema.type && !types.includes(schema.type)) yield notSupported(`${at}.type`, schema.type, types);
  if (schema.default !== undefined && noDefaults !== undefined)
    yield forbiddenField(`${at}.default`, `must not be set ${noDefaults}`);
  const present: readonly (readonly [string, unknown])[] = [
    ['id', schema.id || undefined],
    ['additionalItems', schema.additionalItems],
    ['patternProperties', nonEmpty(schema.patternProperties)],
    ['definitions', nonEmpty(schema.definitions)],
    ['dependencies', schema.dependencies],
    ['$ref', schema.$ref],
  ];
  for (const [field, value] of present)
    if (value !== undefined) yield forbiddenField(`${at}.${field}`, `${field} is not supported`);
  if (schema.type === 'null')
    yield forbiddenField(`${at}.type`, 'type cannot be set to null, use nullable as an alternative');
  if (Array.isArray(schema.items) && schema.items.length > 0)
    yield forbiddenField(`${at}.items`, 'items must be a schema object and not an array');
}

const nonEmpty = (map: object | undefined): object | undefined =>
  map !== undefined && Object.keys(map).length > 0 ? map : undefined;

const isSchema = (value: unknown): value is JsonSchemaProps =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* childCauses(at: string, schema: JsonSchemaProps, place: Place): SchemaCauses {
  const inner: Place = { ...place, isRoot: false, rules: rulesWithin(at, schema, place.rules) };
  const { additionalProperties: additional, properties = {} } = schema;
  let isWrong = false;
  if (additional !== undefined) {
    if (Object.keys(properties).length > 0 && additional !== true) {
      isWrong = true;
      yield forbiddenField(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
    }
    if (isSchema(additional)) {
      const noDefaults = place.insideMeta
        ? 'inside additionalProperties applying to object metadata'
        : inner.noDefaults;
      isWrong = (yield* schemaCauses(`${at}.additionalProperties`, additional, { ...inner, noDefaults })) || isWrong;
    }
  }
  for (const [name, child] of Object.entries(properties)) {
    const isMeta = (place.isRoot || schema['x-kubernetes-embedded-resource'] === true) && metaFields.includes(name);
    const childPlace = !isMeta
      ? inner
      : { ...inner, insideMeta: true, noDefaults: place.isRoot ? `in top-level ${name}` : inner.noDefaults };
    isWrong = (yield* schemaCauses(`${at}.properties[${name}]`, child, childPlace)) || isWrong;
  }
  for (const [child, each, kind] of otherSchemas(at, schema)) {
    // Those beside items and properties only restrict values: rules of theirs are never run.
    const childPlace = kind === 'items' ? inner : { ...inner, rules: undefined };
    isWrong = (yield* schemaCauses(each, child, childPlace)) || isWrong;
  }
  return isWrong;
}

/** The schemas in a schema that are no properties, each with its path. */
function* otherSchemas(at: string, schema: JsonSchemaProps): Iterable<readonly [JsonSchemaProps, string, string]> {
  if (schema.not !== undefined) yield [schema.not, `${at}.not`, 'not'];
  for (const field of ['allOf', 'oneOf', 'anyOf'] as const)
    for (const [child, each] of indexed(`${at}.${field}`, schema[field])) yield [child, each, field];
  for (const [name, child] of Object.entries(schema.definitions ?? {}))
    yield [child, `${at}.definitions[${name}]`, 'definitions'];
  if (isSchema(schema.items)) yield [schema.items, `${at}.items`, 'items'];
  else for (const [child, each] of indexed(`${at}.items`, schema.items)) yield [child, each, 'items'];
  for (const [name, child] of Object.entries(schema.dependencies ?? {}))
    if (isSchema(child)) yield [child, `${at}.dependencies[${name}]`, 'dependencies'];
}

/** Rules of what is in a list or map run once for each of its elements; those of a list have an old value only if its type is map. */
function rulesWithin(at: string, schema: JsonSchemaProps, rules: Place['rules']): Place['rules'] {
  if (rules === undefined) return undefined;
  const { type, additionalProperties, items, maxItems, maxProperties } = schema;
  const isMap = type === 'object' && additionalProperties !== undefined;
  const max = isMap ? maxProperties : type === 'array' ? maxItems : 1;
  const times = max === undefined ? undefined : Math.max(0, Number(max));
  const isUncorrelated = items !== undefined && schema['x-kubernetes-list-type'] !== 'map';
  return {
    ...rules,
    cardinality: rules.cardinality === undefined || times === undefined ? undefined : rules.cardinality * times,
    uncorrelated: rules.uncorrelated ?? (isUncorrelated ? at : undefined),
  };
}

function* wrongType(at: string, type: string | undefined, detail: string): Causes {
  if (!type) yield required(`${at}.type`, detail);
  else yield invalidValue(`${at}.type`, type, detail);
}

function* mapTypeCauses(at: string, schema: JsonSchemaProps): Causes {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return;
  if (schema.type !== 'object')
    yield* wrongType(at, schema.type, 'must be object if x-kubernetes-map-type is specified');
  if (mapType !== 'atomic' && mapType !== 'granular')
    yield notSupported(`${at}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']);
}

function* listTypeCauses(at: string, schema: JsonSchemaProps): Causes {
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = [], items } = schema;
  const item = isSchema(items) ? items : undefined;
  if (listType !== undefined && schema.type !== 'array')
    yield* wrongType(at, schema.type, 'must be array if x-kubernetes-list-type is specified');
  else if (listType === 'set' && item !== undefined) yield* setItemCauses(`${at}.items`, item);
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType))
    yield notSupported(`${at}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']);
  const mustBeMap = 'must be map if x-kubernetes-list-map-keys is non-empty';
  if (keys.length > 0) {
    if (listType === undefined) yield required(`${at}.x-kubernetes-list-type`, mustBeMap);
    else if (listType !== 'map') yield invalidValue(`${at}.x-kubernetes-list-type`, listType, mustBeMap);
  }
  if (listType === 'map') yield* mapListCauses(at, schema, item);
  if ((listType === 'set' || listType === 'map') && item?.nullable === true)
    yield forbiddenField(`${at}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`);
  if (listType === 'map' && item !== undefined) yield* keyCauses(`${at}.items`, item, keys);
}

/** Items of a set are compared as wholes. */
function* setItemCauses(at: string, item: JsonSchemaProps): Causes {
  const [listType, mapType] = [item['x-kubernetes-list-type'], item['x-kubernetes-map-type']];
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (item.type === 'array' && listType !== undefined && listType !== 'atomic')
    yield invalidValue(`${at}.x-kubernetes-list-type`, listType, detail);
  if (item.type === 'object' && mapType !== 'atomic')
    yield invalidValue(`${at}.x-kubernetes-map-type`, mapType, detail);
}

function* mapListCauses(at: string, schema: JsonSchemaProps, item: JsonSchemaProps | undefined): Causes {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length === 0)
    yield required(`${at}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map');
  if (schema.items === undefined) yield required(`${at}.items`, 'must have a schema if x-kubernetes-list-type is map');
  else if (item === undefined)
    yield invalidValue(`${at}.items`, schema.items, 'must only have a single schema if x-kubernetes-list-type is map');
  else if (item.type !== 'object')
    yield invalidValue(
      `${at}.items.type`,
      item.type ?? '',
      "must be object if parent array's x-kubernetes-list-type is map",
    );
  else {
    const path = `${at}.x-kubernetes-list-map-keys`;
    for (const [index, key] of keys.entries()) {
      const property = Object.hasOwn(item.properties ?? {}, key) ? item.properties?.[key] : undefined;
      if (property === undefined) yield invalidValue(path, keys, 'entries must all be names of item properties');
      else if (property.type === 'array' || property.type === 'object')
        yield invalidValue(
          `${at}.items.properties[${key}].type`,
          item.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        );
      if (keys.indexOf(key) < index) yield invalidValue(path, keys, 'must not contain duplicate entries');
    }
  }
}

/** Keys are always there, so that items can be told apart. */
function* keyCauses(at: string, item: JsonSchemaProps, keys: readonly string[]): Causes {
  for (const key of keys) {
    const property = Object.hasOwn(item.properties ?? {}, key) ? item.properties?.[key] : undefined;
    if (property === undefined) continue;
    const path = `${at}.properties[${key}]`;
    if (!item.required?.includes(key) && property.default === undefined)
      yield required(
        `${path}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      );
    if (property.nullable === true)
      yield forbiddenField(
        `${path}.nullable`,
        'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
      );
  }
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const newline = /[\n\r]/;

function* ruleCauses(at: string, rule: ValidationRule, schema: JsonSchemaProps): Causes {
  const { message = '', messageExpression = '', reason, fieldPath = '' } = rule;
  const [text, said] = [(rule.rule ?? '').trim(), message.trim()];
  if (text === '') yield required(`${at}.rule`, 'rule is not specified');
  else if (message !== '' && said === '')
    yield invalidValue(`${at}.message`, message, 'must be non-empty if specified');
  else if (newline.test(said)) yield invalidValue(`${at}.message`, message, 'must not contain line breaks');
  else if (newline.test(text) && said === '')
    yield required(`${at}.message`, 'message must be specified if rule contains line breaks');
  if (messageExpression !== '' && messageExpression.trim() === '')
    yield required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified');
  if (reason !== undefined && !reasons.includes(reason)) yield notSupported(`${at}.reason`, reason, reasons);
  if (fieldPath === '') return;
  const path = `${at}.fieldPath`;
  if (fieldPath.trim() === '') yield invalidValue(path, fieldPath, 'must be non-empty if specified');
  if (newline.test(fieldPath)) yield invalidValue(path, fieldPath, 'must not contain line breaks');
  if (!leadsSomewhere(schema, fieldPath)) yield invalidValue(path, fieldPath, 'must be a valid path');
}

/** `.spec.items[0].name`, `['a.b']` and `.map.key` lead to a schema. */
function leadsSomewhere(root: JsonSchemaProps, path: string): boolean {
  let schema: JsonSchemaProps | undefined = root;
  let rest = path;
  while (rest !== '') {
    const step = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)+)'\]|\[(\d+)\])/.exec(rest);
    if (step === null || schema === undefined) return false;
    rest = rest.slice(step[0].length);
    const name = step[1] ?? step[2]?.replaceAll("\\'", "'");
    if (name === undefined) schema = isSchema(schema.items) ? schema.items : undefined;
    else if (Object.hasOwn(schema.properties ?? {}, name)) schema = schema.properties?.[name];
    else schema = isSchema(schema.additionalProperties) ? schema.additionalProperties : undefined;
  }
  return schema !== undefined;
}
