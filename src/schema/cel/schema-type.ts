/**
 * The types that the structural schema of a custom resource declares for its rules. What a schema leaves open (no type, unknown fields) has no type and cannot be
 * named. How large values can become follows from the limits of the schema, or from how much fits into a request.
 */
import type { JsonSchemaProps } from '../json-schema-props.ts';
import {
  declaredList,
  declaredMap,
  declaredObject,
  reservedWords,
  scalar,
  type DeclaredType,
} from './declared-type.ts';
import { boolType, bytesType, doubleType, durationType, dynType, intType, stringType, timestampType } from './types.ts';

/** What a request may have: 3 MiB. */
export const requestBytesMax = 3 * 1024 * 1024;
/** `""`, `[]` and `{}`: what is around the content. */
const aroundBytes = 2;
/** The longest duration and instant, in quotes. */
const timeBytesMax = 32;
/** `"2006-01-02"`. */
const dateBytes = 12;
/** `"2006-01-02T15:04:05"`. */
const instantBytesMin = 21;
/** A character in UTF-8. */
const characterBytesMax = 4;

type Schema = JsonSchemaProps;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A limit that a schema states: of 64 bits, and never below zero. */
const limit = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.max(0, Number(value));

/**
 * The type of values of the schema, undefined where they have none. `name` is that of the type, if it is an object; types within are named by where they
 * stand. `isObject`: the root of a custom resource or an object within one, which has a kind and a name whatever the schema says.
 */
export function schemaType(schema: Schema, name: string, isObject: boolean): DeclaredType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true)
    return scalar(dynType, { elementsMax: textBytesMax(schema) ?? requestBytesMax - aroundBytes, bytesMin: 1 });
  const whole = isObject ? withMeta(schema) : schema;
  switch (whole.type) {
    case 'array':
      return arrayType(whole, name);
    case 'object':
      return isSchema(whole.additionalProperties)
        ? valuesType(whole, whole.additionalProperties, name)
        : fieldsType(whole, name);
    case 'string':
      return textType(whole);
    case 'boolean':
      return scalar(boolType);
    case 'number':
      return scalar(doubleType);
    case 'integer':
      return scalar(intType);
    default:
      return undefined;
  }
}

const nested = (schema: Schema, name: string): DeclaredType | undefined =>
  schemaType(schema, name, schema['x-kubernetes-embedded-resource'] === true);

function arrayType({ items, maxItems }: Schema, name: string): DeclaredType | undefined {
  const item = isSchema(items) ? nested(items, `${name}.@idx`) : undefined;
  const room = requestBytesMax - aroundBytes;
  return item && declaredList(item, limit(maxItems) ?? Math.floor(room / (item.bytesMin + 1)));
}

function valuesType({ maxProperties }: Schema, values: Schema, name: string): DeclaredType | undefined {
  const value = nested(values, `${name}.@elem`);
  // A key of two characters in quotes, a colon and a comma.
  const entryBytes = 6;
  const room = requestBytesMax - aroundBytes;
  return value && declaredMap(value, limit(maxProperties) ?? Math.floor(room / (value.bytesMin + entryBytes)));
}

function fieldsType({ properties = {}, required = [] }: Schema, name: string): DeclaredType {
  const fields: Record<string, DeclaredType> = {};
  let bytesMin = aroundBytes;
  for (const [property, schema] of Object.entries(properties)) {
    const field = escaped(property);
    const type = nested(schema, `${name}.${field ?? property}`);
    if (type === undefined) continue;
    if (field !== undefined) fields[field] = type;
    // Its name in quotes, a colon and a comma. What has a default need not be written.
    if (required.includes(property) && schema.default === undefined)
      bytesMin += Buffer.byteLength(property) + type.bytesMin + 4;
  }
  return declaredObject(name, fields, bytesMin);
}

const textBytesMax = ({ maxLength }: Schema): number | undefined => {
  const characters = limit(maxLength);
  return characters === undefined ? undefined : characters * characterBytesMax;
};

function textType(schema: Schema): DeclaredType {
  switch (schema.format) {
    case 'byte':
      return scalar(bytesType, { elementsMax: limit(schema.maxLength) ?? requestBytesMax - aroundBytes });
    case 'duration':
      return scalar(durationType, { elementsMax: timeBytesMax });
    case 'date':
      return scalar(timestampType, { elementsMax: dateBytes, bytesMin: dateBytes });
    case 'date-time':
      return scalar(timestampType, { elementsMax: timeBytesMax, bytesMin: instantBytesMin });
    default:
      return scalar(stringType, {
        elementsMax: textBytesMax(schema) ?? enumBytesMax(schema) ?? requestBytesMax - aroundBytes,
      });
  }
}

const enumBytesMax = ({ enum: values = [] }: Schema): number | undefined =>
  values.length === 0
    ? undefined
    : Math.max(0, ...values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)));

/** A name is a DNS subdomain; a generated one has a character more. */
const nameCharactersMax = 253;

/** Every object has a kind and a name. Rules cannot see other metadata unless the schema says so. */
function withMeta(schema: Schema): Schema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const { name, generateName } = metadata?.properties ?? {};
  const isStated =
    metadata?.type === 'object' && [kind, apiVersion, name, generateName].every((one) => one?.type === 'string');
  if (isStated) return schema;
  const text = (stated: Schema | undefined, max: number): Schema => ({
    type: 'string',
    maxLength: Math.min(Number(stated?.maxLength ?? max), max),
  });
  return {
    ...schema,
    properties: {
      ...schema.properties,
      kind: { type: 'string' },
      apiVersion: { type: 'string' },
      metadata: {
        type: 'object',
        properties: {
          name: text(name, nameCharactersMax),
          generateName: text(generateName, nameCharactersMax - 1),
        },
      },
    },
  };
}

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** A property as CEL can name it; undefined when it cannot. */
export function escaped(property: string): string | undefined {
  if (reservedWords.has(property)) return `__${property}__`;
  if (!/^[a-zA-Z_./-][\w./-]*$/.test(property)) return undefined;
  return property.replaceAll(/__|[./-]/g, (found) => escapes[found] ?? found);
}
