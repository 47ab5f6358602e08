/**
 * A value as Go prints that of an internal type: causes of rules that look at whole structs carry it. Internal types have no JSON names, so fields are called
 * as in Go and all of them are there, empty ones too; types of meta/v1 have no internal form and stay as they are. Only for texts that people read.
 */
import { scalarZero, type AnyTypeData, type FieldData, type StructType } from './type.ts';

/** What is not the JSON name with a capital. */
const goFieldNames: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  apiGroups: 'APIGroups',
  apiVersion: 'APIVersion',
  apiVersions: 'APIVersions',
  cel: 'CEL',
  pkixPublicKey: 'PKIXPublicKey',
  uid: 'UID',
};

const goName = (name: string): string => goFieldNames[name] ?? `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

const isMeta = (type: StructType): boolean => type.name.startsWith('meta.v1.');

/** The value of a struct, list or map with the names and zeros of its internal type. */
export function internalValue(type: AnyTypeData, value: unknown): unknown {
  if (value === undefined || value === null) return zeroOf(type);
  switch (type.is) {
    case 'struct':
      return (isMeta(type) ? metaValue : structValue)(type, value as Readonly<Record<string, unknown>>);
    case 'list':
      return (value as readonly unknown[]).map((item) => internalValue(type.items, item));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, internalValue(type.values, item)]),
      );
    default:
      return value;
  }
}

function structValue(struct: StructType, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const isObject = struct.fields['metadata'] !== undefined;
  for (const [name, field] of Object.entries(struct.fields)) {
    const own = value[name];
    // Metadata is embedded: its fields stand among the others, and the names of the type are nowhere.
    if (isObject && (name === 'apiVersion' || name === 'kind')) continue;
    if (name === 'metadata') Object.assign(out, internalValue(field.type, own));
    else out[goName(name)] = own === undefined ? absent(field) : internalValue(field.type, own);
  }
  return out;
}

/** Types of meta/v1 are printed as in JSON, in the order of their fields; what may be missing is left out. */
function metaValue(struct: StructType, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(struct.fields)) {
    const own = value[name];
    if (own !== undefined) out[name] = internalValue(field.type, own);
    else if (field.presence !== 'optional') out[name] = zeroOf(field.type);
  }
  return out;
}

/** A pointer is null; what is no pointer has its zero value. */
function absent(field: FieldData): unknown {
  const isPointer =
    field.keepsZero === true ||
    (field.type.is === 'intOrString' && field.presence === 'optional') ||
    (field.type.is === 'struct' && field.presence === 'optional');
  return isPointer ? null : zeroOf(field.type);
}

function zeroOf(type: AnyTypeData): unknown {
  if (type.is === 'struct') return (isMeta(type) ? metaValue : structValue)(type, {});
  if (type.is === 'string' && type.format !== undefined) return null;
  return scalarZero(type) ?? null;
}
