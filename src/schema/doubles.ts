/**
 * Numbers of a declared type in a value that was read without one. A reader of JSON cannot know what a whole number beyond 2^53 is and keeps its 64 bits as a bigint;
 * where a kind declares a double (`maximum` of a schema) it is that double, or the same object would differ from itself after it was stored.
 */
import type { AnyTypeData, StructType } from './type.ts';

/** The value with doubles where doubles are declared; the value itself where nothing changes. */
export function withDoubles(type: AnyTypeData, value: unknown): unknown {
  if (typeof value === 'bigint') return type.is === 'number' ? Number(value) : value;
  if (typeof value !== 'object' || value === null || !holdsDoubles(type)) return value;
  switch (type.is) {
    case 'list':
      return Array.isArray(value) ? mapped(value, (item) => withDoubles(type.items, item)) : value;
    case 'map':
      return Array.isArray(value) ? value : changed(value, (_key, inner) => withDoubles(type.values, inner));
    case 'either':
      return withDoubles(Array.isArray(value) ? type.other : type.struct, value);
    case 'struct':
      return Array.isArray(value)
        ? value
        : changed(value, (key, inner) => {
            const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
            return field === undefined ? inner : withDoubles(field.type, inner);
          });
    default:
      return value;
  }
}

function mapped(list: readonly unknown[], map: (item: unknown) => unknown): readonly unknown[] {
  const out = list.map(map);
  return out.every((item, index) => item === list[index]) ? list : out;
}

function changed(record: object, map: (key: string, inner: unknown) => unknown): object {
  const entries = Object.entries(record);
  const out = entries.map(([key, inner]): [string, unknown] => [key, map(key, inner)]);
  return out.every(([, inner], index) => inner === entries[index]?.[1]) ? record : Object.fromEntries(out);
}

const known = new WeakMap<StructType, boolean>();

/** Whether a double is declared anywhere below: almost no kind has one. */
function holdsDoubles(type: AnyTypeData): boolean {
  switch (type.is) {
    case 'number':
      return true;
    case 'list':
      return holdsDoubles(type.items);
    case 'map':
      return holdsDoubles(type.values);
    case 'either':
      return holdsDoubles(type.struct) || holdsDoubles(type.other);
    case 'struct': {
      let holds = known.get(type);
      if (holds === undefined) {
        holds = reaches(type, new Set());
        known.set(type, holds);
      }
      return holds;
    }
    default:
      return false;
  }
}

/** The same over a graph of structs that contain each other. */
function reaches(type: AnyTypeData, seen: Set<StructType>): boolean {
  switch (type.is) {
    case 'number':
      return true;
    case 'list':
      return reaches(type.items, seen);
    case 'map':
      return reaches(type.values, seen);
    case 'either':
      return reaches(type.struct, seen) || reaches(type.other, seen);
    case 'struct':
      if (seen.has(type)) return false;
      seen.add(type);
      return Object.values(type.fields).some((field) => reaches(field.type, seen));
    default:
      return false;
  }
}
