/**
 * Rules of the defaults in a schema: a default must have the type that its schema says, all the way down, and hold no field that would be pruned. Whether it keeps
 * the schema's other rules (patterns, ranges, CEL) is for the validator that serving brings; it is not looked at here.
 */
import { invalidValue, required } from '#meta/causes.ts';
import type { Causes } from '../field-checks.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function* defaultCauses(at: string, schema: JsonSchemaProps, level?: 'root'): Causes {
  if (schema.default !== undefined) {
    const path = `${at}.default`;
    const isObject = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
    if (hasUnknown(schema, schema.default, isObject))
      yield invalidValue(path, schema.default, 'must not have unknown fields');
    const lacking = isObject && isRecord(schema.default) ? [...lackingCauses(path, schema.default)] : [];
    yield* lacking;
    if (lacking.length === 0) yield* typeCauses({ path, name: '' }, schema, schema.default);
  }
  const { items, additionalProperties: additional } = schema;
  if (isRecord(items)) yield* defaultCauses(`${at}.items`, items);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    yield* defaultCauses(`${at}.properties[${name}]`, child);
  if (isRecord(additional)) yield* defaultCauses(`${at}.additionalProperties`, additional);
}

/** An object in its own right says what it is. */
function* lackingCauses(path: string, value: Readonly<Record<string, unknown>>): Causes {
  for (const field of ['apiVersion', 'kind']) if (!value[field]) yield required(`${path}.${field}`);
}

function hasUnknown(
  schema: JsonSchemaProps,
  value: unknown,
  isObject = schema['x-kubernetes-embedded-resource'] === true,
): boolean {
  const { items, properties = {}, additionalProperties: additional } = schema;
  if (Array.isArray(value)) return isRecord(items) && value.some((item) => hasUnknown(items, item));
  if (!isRecord(value)) return false;
  const meta = isObject ? ['apiVersion', 'kind', 'metadata'] : [];
  return Object.entries(value).some(([name, inner]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : isRecord(additional) ? additional : undefined;
    if (known !== undefined) return hasUnknown(known, inner);
    return !(additional === true || meta.includes(name) || schema['x-kubernetes-preserve-unknown-fields'] === true);
  });
}

/** JSON Schema's name of a value's type. */
function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function fits(schema: JsonSchemaProps, type: string): boolean {
  if (type === 'null') return schema.nullable === true;
  if (schema['x-kubernetes-int-or-string'] === true) return type === 'integer' || type === 'string';
  return !schema.type || schema.type === type || (schema.type === 'number' && type === 'integer');
}

interface Place {
  readonly path: string;
  /** The same within the default, which is what upstream's validator knows. */
  readonly name: string;
}

function* typeCauses({ path, name: own }: Place, schema: JsonSchemaProps, value: unknown): Causes {
  const type = typeOf(value);
  if (!fits(schema, type)) {
    const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type;
    yield {
      reason: 'FieldValueTypeInvalid',
      field: path,
      message: `Invalid value: "${type}": ${own} in body must be of type ${wanted}: "${type}"`,
    };
    return;
  }
  const { items, properties = {}, additionalProperties: additional } = schema;
  if (Array.isArray(value) && isRecord(items))
    for (const [index, item] of value.entries())
      yield* typeCauses({ path: `${path}[${index}]`, name: `${own}[${index}]` }, items, item);
  if (!isRecord(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : isRecord(additional) ? additional : undefined;
    if (known !== undefined)
      yield* typeCauses({ path: `${path}.${name}`, name: own === '' ? name : `${own}.${name}` }, known, inner);
  }
}
