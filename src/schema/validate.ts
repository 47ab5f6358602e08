/**
 * Validation by declaration: required fields, ranges, known values, unique items, and the rules written beside fields and structs. All causes are
 * found in one walk, with upstream's paths and words. Metadata is `validate-meta.ts`; a kind's own hooks run after this.
 * Values are decoded and defaulted before: types are not looked at again. Each struct is compiled once.
 */
import { duplicate, immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { sameValue } from '#meta/same.ts';
import type { Cause } from '#meta/status.ts';
import { internalValue } from './go-internal.ts';
import type { Kind } from './kind.ts';
import type { AnyTypeData, FieldData, ListType, StringType, StructType } from './type.ts';
import { validateMetaUpdate } from './validate-meta.ts';

export { validateMeta } from './validate-meta.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

type Check = (value: unknown, path: string, causes: Cause[]) => void;

const bodies = new WeakMap<StructType, Check>();

/** Every cause the declaration finds in the object, metadata aside; none when it is valid. */
export function validate(kind: AnyKind, object: unknown): Cause[] {
  let check = bodies.get(kind.schema);
  if (check === undefined) {
    check = structCheck(kind.schema, ['apiVersion', 'kind', 'metadata']) ?? (() => undefined);
    bodies.set(kind.schema, check);
  }
  const causes: Cause[] = [];
  check(object, '', causes);
  return causes;
}

/** The same for a value of any declared type, at `path`. */
export function validateStruct(struct: StructType, value: unknown, path = ''): Cause[] {
  const causes: Cause[] = [];
  checkOf(struct)?.(value, path, causes);
  return causes;
}

const compiled = new WeakMap<StructType, { check: Check | undefined; done: boolean }>();

/** undefined when nothing in the struct can be wrong. */
function checkOf(struct: StructType): Check | undefined {
  // Metadata within an object (of a template) is checked by the rules of its kind: owners and finalizers mean nothing there.
  if (struct.name === 'meta.v1.ObjectMeta') return undefined;
  const known = compiled.get(struct);
  if (known !== undefined)
    return known.done ? known.check : (value, path, causes) => known.check?.(value, path, causes);
  const entry: { check: Check | undefined; done: boolean } = { check: undefined, done: false };
  compiled.set(struct, entry);
  entry.check = structCheck(struct, []);
  entry.done = true;
  return entry.check;
}

function structCheck(struct: StructType, skipped: readonly string[]): Check | undefined {
  const fields: { name: string; check: Check }[] = [];
  for (const [name, field] of Object.entries(struct.fields)) {
    if (skipped.includes(name)) continue;
    const check = fieldCheck(field);
    if (check !== undefined) fields.push({ name, check });
  }
  const { rules } = struct;
  if (fields.length === 0 && rules.length === 0) return undefined;
  return (value, path, causes) => {
    if (typeof value !== 'object' || value === null) return;
    const record = value as Record<string, unknown>;
    const prefix = path === '' ? '' : `${path}.`;
    for (const { name, check } of fields) check(record[name], prefix + name, causes);
    for (const rule of rules) causes.push(...rule(value as never, path));
  };
}

function fieldCheck(field: FieldData): Check | undefined {
  const { is } = field.type;
  const isWhole = (is === 'struct' || is === 'list') && field.presence === 'optional';
  const inner =
    field.missing === 'ruled' && (is === 'string' || isWhole) ? undefined : typeCheck(field.type, field.keepsZero);
  const range = rangeCheck(field);
  const mustBe = (field.presence === 'required' && field.missing !== 'ruled') || field.missing === 'unsupported';
  const isVerbatim = field.verbatim !== undefined;
  const emptyIsMissing = !isVerbatim && (field.type.is === 'string' || field.type.is === 'list');
  const { rules } = field;
  if (inner === undefined && range === undefined && !mustBe && rules.length === 0) return undefined;
  return (value, path, causes) => {
    if (value === null && field.verbatim === 'nullable') return;
    if (
      value === undefined ||
      value === null ||
      (mustBe && emptyIsMissing && (value as string | unknown[]).length === 0)
    ) {
      if (mustBe && isVerbatim) causes.push(required(path));
      else if (mustBe) missing(field, inner, path, causes);
      return;
    }
    range?.(value, path, causes);
    inner?.(value, path, causes);
    for (const rule of rules) causes.push(...rule(value as never, path));
  };
}

/** A missing struct is an empty one, as in Go: what it must hold is what is reported. */
function missing(field: FieldData, inner: Check | undefined, path: string, causes: Cause[]): void {
  const before = causes.length;
  if (field.missing === 'unsupported' && field.type.is === 'string') {
    causes.push(notSupported(path, '', supportedOf(field.type)));
    return;
  }
  // A pointer that is none has nothing in it.
  if (field.type.is === 'struct' && field.keepsZero !== true) inner?.({}, path, causes);
  if (causes.length === before) causes.push(required(path, field.requiredDetail));
}

function rangeCheck({ min, max }: FieldData): Check | undefined {
  if (min === undefined && max === undefined) return undefined;
  return (value, path, causes) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return;
    const outside = (min !== undefined && value < min) || (max !== undefined && value > max);
    if (!outside) return;
    if (min !== undefined && max !== undefined)
      causes.push(invalidValue(path, value, `must be between ${min} and ${max}, inclusive`));
    else if (min !== undefined) causes.push(invalidValue(path, value, `must be greater than or equal to ${min}`));
    else causes.push(invalidValue(path, value, `must be less than or equal to ${max}`));
  };
}

/** As they are told, without the empty one. */
function supportedOf({ values = [], ordered }: StringType): readonly string[] {
  const told = values.filter((value) => value !== '');
  return ordered === true ? told : told.sort();
}

/** `pointer`: an empty text is a value of its own. */
function typeCheck(type: AnyTypeData, pointer = false): Check | undefined {
  switch (type.is) {
    case 'string': {
      if (type.values === undefined || type.open === true) return undefined;
      const values = new Set(type.values);
      const supported = supportedOf(type);
      return (value, path, causes) => {
        // An empty string is a missing one: what must be there is said by the field.
        if ((pointer || value !== '') && !values.has(value as string))
          causes.push(notSupported(path, value, supported));
      };
    }
    case 'either': {
      const object = checkOf(type.struct);
      const other = typeCheck(type.other);
      if (object === undefined && other === undefined) return undefined;
      return (value, path, causes) =>
        (typeof value === 'object' && !Array.isArray(value) ? object : other)?.(value, path, causes);
    }
    case 'struct':
      return checkOf(type);
    case 'list':
      return listCheck(type);
    case 'map': {
      const inner = typeCheck(type.values);
      return (
        inner &&
        ((value, path, causes) => {
          const record = value as Record<string, unknown>;
          for (const key in record) inner(record[key], `${path}[${key}]`, causes);
        })
      );
    }
    default:
      return undefined;
  }
}

function listCheck(type: ListType): Check | undefined {
  // An item cannot be missing: an empty text is one.
  const inner = typeCheck(type.items, true);
  const unique = type.duplicates === 'allowed' ? undefined : uniqueCheck(type);
  if (inner === undefined && unique === undefined) return undefined;
  return (value, path, causes) => {
    if (!Array.isArray(value)) return;
    if (value.length > 1) unique?.(value, path, causes);
    if (inner !== undefined)
      for (let index = 0; index < value.length; index++) inner(value[index], `${path}[${index}]`, causes);
  };
}

function uniqueCheck(type: ListType): Check | undefined {
  if (type.list === 'set') {
    return (value, path, causes) => {
      const seen = new Set<string>();
      for (const [index, item] of (value as unknown[]).entries()) {
        const text = typeof item === 'string' ? item : JSON.stringify(item);
        if (seen.has(text)) causes.push(duplicate(`${path}[${index}]`, item));
        seen.add(text);
      }
    };
  }
  if (type.list !== 'map' || type.keys === undefined) return undefined;
  const { keys } = type;
  const [only = ''] = keys;
  return (value, path, causes) => {
    const seen = new Set<unknown>();
    for (const [index, item] of (value as Record<string, unknown>[]).entries()) {
      if (typeof item !== 'object' || item === null) continue;
      const key: unknown = keys.length === 1 ? item[only] : JSON.stringify(keys.map((name) => item[name] ?? null));
      // Without its key an item is reported as lacking it, not as another's double.
      if (keys.length === 1 && (key === undefined || key === '')) continue;
      if (seen.has(key)) {
        if (keys.length === 1) causes.push(duplicate(`${path}[${index}].${only}`, key));
        else causes.push(duplicate(`${path}[${index}]`, Object.fromEntries(keys.map((name) => [name, item[name]]))));
      }
      seen.add(key);
    }
  };
}

// --- Updates ------------------------------------------------------------------------------------------------------------------------

type Compare = (value: unknown, old: unknown, at: { path: string; causes: Cause[] }) => void;

const comparisons = new WeakMap<StructType, { compare: Compare | undefined; done: boolean }>();

/** The causes of an update: changed immutable fields, and what metadata does not allow to change. `validate` and `validateMeta` run besides. */
export function validateUpdate(kind: AnyKind, object: unknown, old: unknown): Cause[] {
  const causes: Cause[] = [];
  const meta = (value: unknown): Record<string, unknown> =>
    (value as { metadata?: Record<string, unknown> }).metadata ?? {};
  causes.push(...validateMetaUpdate(meta(object), meta(old)));
  comparisonOf(kind.schema)?.(object, old, { path: '', causes });
  return causes;
}

function comparisonOf(struct: StructType): Compare | undefined {
  const known = comparisons.get(struct);
  if (known !== undefined) return known.done ? known.compare : (value, old, at) => known.compare?.(value, old, at);
  const entry: { compare: Compare | undefined; done: boolean } = { compare: undefined, done: false };
  comparisons.set(struct, entry);
  const fields: { name: string; compare: Compare }[] = [];
  for (const [name, field] of Object.entries(struct.fields)) {
    const compare = field.immutable === undefined ? comparison(field.type) : unchanged(field);
    if (compare !== undefined) fields.push({ name, compare });
  }
  if (fields.length > 0) {
    entry.compare = (value, old, { path, causes }) => {
      const [next, before] = [asRecord(value), asRecord(old)];
      if (next === before) return;
      const prefix = path === '' ? '' : `${path}.`;
      for (const { name, compare } of fields) compare(next[name], before[name], { path: prefix + name, causes });
    };
  }
  entry.done = true;
  return entry.compare;
}

const empty: Record<string, unknown> = Object.freeze({});
const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : empty;

const unchanged =
  ({ immutable, type, keepsZero }: FieldData): Compare =>
  (value, old, { path, causes }) => {
    if (sameValue(value, old)) return;
    const absent = type.is === 'string' && !keepsZero ? '' : value;
    const told = { internal: () => internalValue(type, value), null: () => null, plain: () => value ?? absent };
    causes.push(invalidValue(path, told[immutable?.told ?? 'plain'](), immutableDetail));
  };

/** Fields of the object of which an update is told nothing but that they cannot change. */
export const frozenFields = (kind: AnyKind): readonly string[] =>
  Object.entries((kind.schema as StructType).fields)
    .filter(([, { immutable }]) => immutable?.alone)
    .map(([name]) => name);

const untold = `Invalid value: null: ${immutableDetail}`;

/** How a value is written is not told where it may not be changed and was: only what is missing or not known at all. */
export function withoutRefused(causes: readonly Cause[], changes: readonly Cause[]): readonly Cause[] {
  const refused = changes.filter(({ message }) => message === untold).map(({ field = '' }) => field);
  if (refused.length === 0) return causes;
  const isBelow = (field: string): boolean =>
    refused.some((path) => field.startsWith(path) && ['', '.', '['].includes(field.charAt(path.length)));
  return causes.filter(
    ({ field = '', reason }) =>
      reason === 'FieldValueRequired' || reason === 'FieldValueNotSupported' || !isBelow(field),
  );
}

function comparison(type: AnyTypeData): Compare | undefined {
  if (type.is === 'struct') return comparisonOf(type);
  if (type.is !== 'list' || type.list !== 'map' || type.keys === undefined) return undefined;
  const inner = comparison(type.items);
  const { keys } = type;
  if (inner === undefined) return undefined;
  const keyOf = (item: unknown): string => JSON.stringify(keys.map((name) => asRecord(item)[name] ?? null));
  // Items that came or went are not compared: only those that stayed can have changed.
  return (value, old, { path, causes }) => {
    if (!Array.isArray(value) || !Array.isArray(old) || value === old) return;
    const before = new Map(old.map((item) => [keyOf(item), item as unknown]));
    for (const [index, item] of value.entries()) {
      const other = before.get(keyOf(item));
      if (other !== undefined) inner(item, other, { path: `${path}[${index}]`, causes });
    }
  };
}
