/**
 * Random valid objects of a declared type, for property tests: a fast-check arbitrary. Every value decodes, validates against the declaration (rules
 * aside) and has unique list keys. For tests only: nothing else imports it.
 */
import fc from 'fast-check';
import type { AnyTypeData, FieldData, ListType, StructType } from './type.ts';

/** Declarations may contain themselves; objects must end. */
const depthMax = 6;

/** Objects of this struct. */
export function arbitraryOf(struct: StructType): fc.Arbitrary<Record<string, unknown>> {
  return structArbitrary(struct, 0);
}

function structArbitrary(struct: StructType, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  const requiredKeys: string[] = [];
  for (const [name, field] of Object.entries(struct.fields)) {
    if (name === 'apiVersion' || (name === 'kind' && field.tag === 0)) continue;
    if (name === 'managedFields' || field.gate !== undefined) continue;
    if (field.presence === 'required') requiredKeys.push(name);
    else if (depth > depthMax) continue;
    model[name] = fieldArbitrary(field, depth);
  }
  return fc.record(model, { requiredKeys, noNullPrototype: true });
}

function fieldArbitrary(field: FieldData, depth: number): fc.Arbitrary<unknown> {
  if (field.type.is === 'integer') {
    const low = field.min ?? (field.presence === 'required' ? 1 : 0);
    return fc.integer({ min: low, max: field.max ?? Math.max(low, 1000) });
  }
  const nonEmpty = field.presence === 'required' && (field.type.is === 'list' || field.type.is === 'string');
  return typeArbitrary(field.type, depth + 1, nonEmpty);
}

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
const instant = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000).toISOString());

function typeArbitrary(type: AnyTypeData, depth: number, nonEmpty = false): fc.Arbitrary<unknown> {
  switch (type.is) {
    case 'string': {
      if (type.values !== undefined)
        return fc.constantFrom(...type.values.filter((value) => value !== '' || !nonEmpty));
      if (type.format === 'time') return instant.map((text) => `${text.slice(0, -5)}Z`);
      if (type.format === 'microTime') return instant.map((text) => `${text.slice(0, -1)}000Z`);
      if (type.format === 'byte')
        return fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'));
      return word;
    }
    case 'integer':
      return fc.integer({ min: 1, max: 65_535 });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
    case 'boolean':
      return fc.boolean();
    case 'intOrString':
      return fc.oneof(
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 0, max: 100 }).map((value) => `${value}%`),
      );
    case 'quantity':
      return fc.constantFrom('100m', '1', '2500m', '64Mi', '1Gi', '10k', '0');
    case 'any':
      return fc
        .dictionary(word, fc.oneof(word, fc.integer(), fc.boolean()), { maxKeys: 3, noNullPrototype: true })
        .filter((value) => Object.keys(value).length > 0);
    case 'map':
      return fc.dictionary(word, typeArbitrary(type.values, depth + 1), {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true,
      });
    case 'list':
      return listArbitrary(type, depth);
    case 'either':
      return fc.oneof(typeArbitrary(type.other, depth + 1), structArbitrary(type.struct, depth + 1));
    case 'struct':
      return structArbitrary(type, depth);
    default:
      return type satisfies never;
  }
}

function listArbitrary(type: ListType, depth: number): fc.Arbitrary<unknown[]> {
  const items = typeArbitrary(type.items, depth + 1, true);
  const size = { minLength: 1, maxLength: depth > depthMax ? 1 : 3 };
  if (type.list === 'set') return fc.uniqueArray(items, { ...size, selector: (item) => JSON.stringify(item) });
  if (type.list !== 'map' || type.keys === undefined) return fc.array(items, size);
  const { keys } = type;
  const fields = type.items.is === 'struct' ? type.items.fields : {};
  // Keys must be there to differ: an absent optional key is a value as well, but not one that clients write.
  const keyed = fc
    .tuple(
      items as fc.Arbitrary<Record<string, unknown>>,
      fc.tuple(...keys.map((key) => keyArbitrary(fields[key], depth))),
    )
    .map(([item, values]) => ({ ...item, ...Object.fromEntries(keys.map((key, index) => [key, values[index]])) }));
  return fc.uniqueArray(keyed, {
    ...size,
    selector: (item) => JSON.stringify(keys.map((key) => (item as Record<string, unknown>)[key])),
  });
}

const keyArbitrary = (field: FieldData | undefined, depth: number): fc.Arbitrary<unknown> =>
  field === undefined ? word : typeArbitrary(field.type, depth + 1, true);
