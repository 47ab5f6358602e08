/**
 * The types of CEL that are values (`type(1) == int`), and the few messages of protobuf that every environment knows. A wrapper such as
 * `google.protobuf.Int32Value` is an int or null; `Struct` and its like are maps and lists.
 */
import {
  anyType,
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullableType,
  nullType,
  objectType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type CelType,
  type ObjectFields,
} from './types.ts';

const wrapped: Readonly<Record<string, CelType>> = {
  BoolValue: boolType,
  BytesValue: bytesType,
  DoubleValue: doubleType,
  FloatValue: doubleType,
  Int32Value: intType,
  Int64Value: intType,
  StringValue: stringType,
  UInt32Value: uintType,
  UInt64Value: uintType,
};

const values = new Map<string, CelType>([
  ['bool', boolType],
  ['bytes', bytesType],
  ['double', doubleType],
  ['int', intType],
  ['list', listType(dynType)],
  ['map', mapType(dynType, dynType)],
  ['null_type', nullType],
  ['string', stringType],
  ['type', typeType()],
  ['uint', uintType],
  ['google.protobuf.Duration', durationType],
  ['google.protobuf.Timestamp', timestampType],
]);

const struct = mapType(stringType, dynType);

/** Each message with the type it stands for and its fields. */
const messages = new Map<string, { readonly type: CelType; readonly fields: Readonly<Record<string, CelType>> }>([
  ...Object.entries(wrapped).map(
    ([name, type]) => [`google.protobuf.${name}`, { type: nullableType(type), fields: { value: type } }] as const,
  ),
  ['google.protobuf.Any', { type: anyType, fields: { type_url: stringType, value: bytesType } }],
  ['google.protobuf.Duration', { type: durationType, fields: { seconds: intType, nanos: intType } }],
  ['google.protobuf.Empty', { type: objectType('google.protobuf.Empty'), fields: {} }],
  ['google.protobuf.ListValue', { type: listType(dynType), fields: { values: listType(dynType) } }],
  ['google.protobuf.Struct', { type: struct, fields: { fields: struct } }],
  ['google.protobuf.Timestamp', { type: timestampType, fields: { seconds: intType, nanos: intType } }],
  [
    'google.protobuf.Value',
    {
      type: dynType,
      fields: {
        null_value: intType,
        number_value: doubleType,
        string_value: stringType,
        bool_value: boolType,
        struct_value: struct,
        list_value: listType(dynType),
      },
    },
  ],
]);

/** A type that is a value. */
export const valueType = (name: string): CelType | undefined => values.get(name);

/** A message of protobuf that is known everywhere. */
export function wellKnownMessage(name: string): ObjectFields | undefined {
  const found = messages.get(name);
  return (
    found && {
      type: found.type,
      field: (field) => (Object.hasOwn(found.fields, field) ? found.fields[field] : undefined),
    }
  );
}
