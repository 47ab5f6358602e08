/**
 * Fills in declared defaults, all the way down, and gives quantities their one spelling. Defaults that look at other fields are a kind's own hook.
 * What needs no change is the same object; nothing is ever changed in place. Each struct is compiled once.
 */
import { canonicalQuantity } from '#meta/quantity.ts';
import { scalarZero, type AnyTypeData, type FieldData, type StructType } from './type.ts';

type Filler = (value: unknown) => unknown;

/** The object with its defaults. A value of a wrong type is left as it is: decode comes first. */
export function applyDefaults<T extends object>(struct: StructType, object: T): T {
  return (fillerOf(struct)?.(object) ?? object) as T;
}

const compiled = new WeakMap<StructType, { filler: Filler | undefined; done: boolean }>();

/** undefined when nothing in the struct can change. */
function fillerOf(struct: StructType): Filler | undefined {
  const known = compiled.get(struct);
  // While a struct that contains itself is compiled, its inner occurrence is looked up when it is first needed.
  if (known !== undefined) return known.done ? known.filler : (value) => known.filler?.(value) ?? value;
  const entry: { filler: Filler | undefined; done: boolean } = { filler: undefined, done: false };
  compiled.set(struct, entry);
  entry.filler = structFiller(struct);
  entry.done = true;
  return entry.filler;
}

interface CompiledField {
  readonly name: string;
  readonly fill: Filler | undefined;
  readonly missing: unknown;
  /** Other values that mean "not given": Go's zero value of a field that is no pointer. */
  readonly absent: unknown;
  readonly keepsNull: boolean;
}

function structFiller(struct: StructType): Filler | undefined {
  const fields: CompiledField[] = [];
  for (const [name, field] of Object.entries(struct.fields)) {
    const fill = fillerFor(field.type);
    const preset = field.omitsDefault === true ? undefined : (field.default ?? zeroOf(field));
    if (fill === undefined && preset === undefined) continue;
    const missing = preset !== undefined && fill !== undefined ? fill(preset) : preset;
    fields.push({
      name,
      fill,
      missing: freeze(missing),
      absent: absentOf(field),
      keepsNull: field.verbatim === 'nullable',
    });
  }
  if (fields.length === 0) return undefined;
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const record = value as Record<string, unknown>;
    let out: Record<string, unknown> | undefined;
    for (const { name, fill, missing, absent, keepsNull } of fields) {
      const old = record[name];
      let next = old;
      if (old === undefined || (old === null && !keepsNull) || old === absent) {
        if (missing === undefined) continue;
        next = missing;
      } else if (fill !== undefined) next = fill(old);
      if (next !== old) {
        out ??= { ...record };
        out[name] = next;
      }
    }
    return out ?? value;
  };
}

/**
 * What must be there, and is not, is Go's zero value: that is what upstream looks at, and what it stores where it does not look. Pointers and what custom
 * resources declare can be missing.
 */
function zeroOf({ presence, verbatim, keepsZero, type }: FieldData): unknown {
  if (presence !== 'required' || verbatim !== undefined || keepsZero === true) return undefined;
  // An instant or bytes can be missing, and a quantity is what its kind says of it.
  if (type.is === 'quantity' || (type.is === 'string' && type.format !== undefined)) return undefined;
  return scalarZero(type);
}

const never = Symbol('no value means absent');

/** An empty string is no value where a default stands; nor is a zero that the declared minimum excludes. */
function absentOf(field: FieldData): unknown {
  if (field.verbatim !== undefined || field.keepsZero === true) return never;
  if (field.default === undefined) return never;
  if (field.type.is === 'string') return '';
  if (field.type.is === 'integer' && field.min !== undefined && field.min > 0) return 0;
  return never;
}

function fillerFor(type: AnyTypeData): Filler | undefined {
  switch (type.is) {
    case 'struct':
      return fillerOf(type);
    case 'either': {
      const object = fillerOf(type.struct);
      const other = fillerFor(type.other);
      if (object === undefined && other === undefined) return undefined;
      return (value) => (Array.isArray(value) ? other : object)?.(value) ?? value;
    }
    case 'quantity':
      return (value) => (typeof value === 'string' ? (canonicalQuantity(value) ?? value) : value);
    case 'list': {
      const item = fillerFor(type.items);
      return item && ((value) => fillList(value, item));
    }
    case 'map': {
      const item = fillerFor(type.values);
      return item && ((value) => fillMap(value, item));
    }
    default:
      return undefined;
  }
}

function fillList(value: unknown, item: Filler): unknown {
  if (!Array.isArray(value)) return value;
  let out: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const old: unknown = value[index];
    const next = item(old);
    if (next !== old) {
      out ??= [...(value as unknown[])];
      out[index] = next;
    }
  }
  return out ?? value;
}

function fillMap(value: unknown, item: Filler): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  let changed = false;
  for (const key in record) {
    if (item(record[key]) !== record[key]) {
      changed = true;
      break;
    }
  }
  return changed ? Object.fromEntries(Object.entries(record).map(([key, old]) => [key, item(old)])) : value;
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
