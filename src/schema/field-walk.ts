/**
 * The typed operations of server-side apply: which fields a value has, what differs between two, how an applied configuration merges into a live object, and
 * what remains when fields are taken out. They follow structured-merge-diff: structs and maps are granular unless atomic, lists are owned whole (atomic), by
 * value (set) or by key (map). Pure; what stays the same is shared with the input.
 */
import { badRequest } from '#meta/status.ts';
import { deepEqual } from '#base/deep-equal.ts';
import {
  emptySet,
  fieldStep,
  formatPath,
  isEmptySet,
  keyStep,
  newSet,
  valueStep,
  type FieldSet,
  type FieldSetBuilder,
} from './field-set.ts';
import type { AnyTypeData, ListType, MapType, StructType } from './type.ts';

type Json = Readonly<Record<string, unknown>>;
type Granular = StructType | MapType;

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists of items that are owned one by one. */
const isGranularList = (type: AnyTypeData): type is ListType => type.is === 'list' && type.list !== 'atomic';
const isGranular = (type: AnyTypeData): type is Granular =>
  (type.is === 'struct' || type.is === 'map') && type.atomic !== true;

/** Whether there are fields below a value of this type. */
const isContainer = (type: AnyTypeData): boolean => isGranular(type) || isGranularList(type);

/** What an object of no declared shape is: a map of such, while its lists and scalars are owned whole. structured-merge-diff deduces the same. */
const deducedMap: MapType = { is: 'map', values: { is: 'any' } };

/** The type of a field or entry that has these values; undefined for what is not declared. */
function innerType(type: Granular, key: string, ...values: readonly unknown[]): AnyTypeData | undefined {
  if (type.is === 'map') return deduced(type.values, values);
  const inner = Object.hasOwn(type.fields, key)
    ? type.fields[key]?.type
    : type.preserves
      ? deducedMap.values
      : undefined;
  return inner && deduced(inner, values);
}

/** Types that do not tell their shape get it from the values: objects, as far as there are values, or else leaves. */
function deduced(type: AnyTypeData, values: readonly unknown[]): AnyTypeData {
  if (type.is !== 'any' && type.is !== 'either') return type;
  const present = values.filter((value) => value !== undefined);
  return present.length > 0 && present.every(isRecord) ? deducedMap : type;
}

/** The step to an item of a set or a list map. Missing key fields have their declared defaults. */
export function itemStep(type: ListType, item: unknown): string {
  if (type.list === 'set') return valueStep(item);
  const record: Json = isRecord(item) ? item : {};
  const fields = type.items.is === 'struct' ? type.items.fields : {};
  const entries: [string, unknown][] = [];
  for (const key of type.keys ?? []) {
    const value = Object.hasOwn(record, key) ? record[key] : fields[key]?.default;
    if (value !== undefined) entries.push([key, value]);
  }
  return keyStep(entries);
}

// --- Fields of a value ----------------------------------------------------------------------------------------------------------------

/** The fields that a configuration states: leaves, list items, map entries, and empty structs. */
export function fieldsOf(type: AnyTypeData, value: unknown): FieldSet {
  const set = newSet();
  collect(type, value, set);
  return set;
}

/** Whether the value itself is a leaf: then its step is a member. */
function collect(type: AnyTypeData, value: unknown, set: FieldSetBuilder): boolean {
  if (isGranular(type)) {
    if (!isRecord(value)) return true;
    for (const key of Object.keys(value)) {
      const inner = innerType(type, key, value[key]);
      if (inner === undefined || value[key] === undefined) continue;
      const step = fieldStep(key);
      if (!isContainer(inner)) {
        set.members.add(step);
        continue;
      }
      const child = newSet();
      const leaf = collect(inner, value[key], child);
      if (leaf || type.is === 'map' || isEmptyRecord(value[key])) set.members.add(step);
      if (!isEmptySet(child)) set.children.set(step, child);
    }
    return false;
  }
  if (!isGranularList(type)) return true;
  if (!Array.isArray(value)) return value === null;
  const seen = new Map<string, number>();
  const steps = value.map((item) => itemStep(type, item));
  for (const step of steps) seen.set(step, (seen.get(step) ?? 0) + 1);
  for (const [index, step] of steps.entries()) {
    set.members.add(step);
    // Items that stand twice are owned as one, without what is in them.
    if ((seen.get(step) ?? 0) > 1 || !isContainer(type.items)) continue;
    const child = newSet();
    collect(type.items, value[index], child);
    if (!isEmptySet(child)) set.children.set(step, child);
  }
  return false;
}

function isEmptyRecord(value: unknown): boolean {
  return value === null || (isRecord(value) && Object.keys(value).length === 0);
}

// --- Comparison -----------------------------------------------------------------------------------------------------------------------

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What changed from `old` to `now`; each changed field is in exactly one of the sets. */
export function compareFields(type: AnyTypeData, old: unknown, now: unknown): Comparison {
  const sets = { added: newSet(), modified: newSet(), removed: newSet() };
  compareInside(type, { old, now }, sets);
  return sets;
}

interface Sets {
  readonly added: FieldSetBuilder;
  readonly modified: FieldSetBuilder;
  readonly removed: FieldSetBuilder;
}

interface Pair {
  readonly old: unknown;
  readonly now: unknown;
}

/** Compares two values at one step, and enters the step itself where it came, went or changed. */
function compareAt(type: AnyTypeData, step: string, { old, now }: Pair, sets: Sets): void {
  if (old === now) return;
  if (isLeafPair(type, old, now)) {
    if (old === undefined) sets.added.members.add(step);
    else if (now === undefined) sets.removed.members.add(step);
    else if (!deepEqual(old, now)) sets.modified.members.add(step);
    return;
  }
  if (old === undefined || now === undefined) {
    const set = old === undefined ? sets.added : sets.removed;
    const child = newSet();
    collectAll(type, old ?? now, child);
    set.members.add(step);
    if (!isEmptySet(child)) set.children.set(step, child);
    return;
  }
  const inner: Sets = { added: newSet(), modified: newSet(), removed: newSet() };
  compareInside(type, { old, now }, inner);
  for (const name of ['added', 'modified', 'removed'] as const) {
    if (!isEmptySet(inner[name])) sets[name].children.set(step, inner[name]);
  }
}

/** Every step into a value that is all new, or all gone: containers as well as leaves. */
function collectAll(type: AnyTypeData, value: unknown, set: FieldSetBuilder): void {
  if (isGranular(type)) {
    if (!isRecord(value)) return;
    for (const key of Object.keys(value)) {
      const inner = innerType(type, key, value[key]);
      if (inner !== undefined && value[key] !== undefined) enter(inner, fieldStep(key), [value[key], set]);
    }
  } else if (isGranularList(type) && Array.isArray(value)) {
    for (const [step, items] of byStep(type, value)) {
      if (items.length > 1) set.members.add(step);
      else enter(type.items, step, [items[0], set]);
    }
  }
}

function enter(type: AnyTypeData, step: string, [value, set]: readonly [unknown, FieldSetBuilder]): void {
  set.members.add(step);
  if (!isContainer(type)) return;
  const child = newSet();
  collectAll(type, value, child);
  if (!isEmptySet(child)) set.children.set(step, child);
}

/** Atomic values, and containers of which neither side holds anything: "empty" and "absent" stay apart. */
function isLeafPair(type: AnyTypeData, old: unknown, now: unknown): boolean {
  if (isGranular(type))
    return !(isRecord(old) && Object.keys(old).length > 0) && !(isRecord(now) && Object.keys(now).length > 0);
  if (isGranularList(type)) return !(Array.isArray(old) && old.length > 0) && !(Array.isArray(now) && now.length > 0);
  return true;
}

function compareInside(type: AnyTypeData, { old, now }: Pair, sets: Sets): void {
  if (isGranular(type)) {
    const [left, right] = [isRecord(old) ? old : {}, isRecord(now) ? now : {}];
    for (const key of Object.keys(right)) {
      const inner = innerType(type, key, own(left, key), right[key]);
      if (inner !== undefined) compareAt(inner, fieldStep(key), { old: own(left, key), now: right[key] }, sets);
    }
    for (const key of Object.keys(left)) {
      const inner = Object.hasOwn(right, key) ? undefined : innerType(type, key, left[key]);
      if (inner !== undefined) compareAt(inner, fieldStep(key), { old: left[key], now: undefined }, sets);
    }
  } else if (isGranularList(type)) compareLists(type, [listOf(old), listOf(now)], sets);
}

const own = (record: Json, key: string): unknown => (Object.hasOwn(record, key) ? record[key] : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function byStep(type: ListType, list: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of list) {
    const step = itemStep(type, item);
    const group = groups.get(step);
    if (group === undefined) groups.set(step, [item]);
    else group.push(item);
  }
  return groups;
}

function compareLists(type: ListType, [old, now]: readonly [readonly unknown[], readonly unknown[]], sets: Sets): void {
  const [left, right] = [byStep(type, old), byStep(type, now)];
  for (const step of new Set([...left.keys(), ...right.keys()])) {
    const [before, after] = [left.get(step) ?? [], right.get(step) ?? []];
    if (before.length <= 1 && after.length <= 1) compareAt(type.items, step, { old: before[0], now: after[0] }, sets);
    else if (before.length > 1 && after.length > 1) {
      if (!deepEqual(before, after)) sets.modified.members.add(step);
    } else if (before.length > 1) {
      if (after.length > 0) compareAt(type.items, step, { old: undefined, now: after[0] }, sets);
      sets.removed.members.add(step);
    } else {
      if (before.length > 0) compareAt(type.items, step, { old: before[0], now: undefined }, sets);
      sets.added.members.add(step);
    }
  }
}

// --- Merge ----------------------------------------------------------------------------------------------------------------------------

/** The live object with everything the configuration states. Throws BadRequest when the configuration names a list item twice. */
export function mergeFields(type: AnyTypeData, live: unknown, applied: unknown, path = ''): unknown {
  if (applied === undefined) return live;
  if (isGranular(type)) {
    if (!isRecord(applied) || Object.keys(applied).length === 0) {
      const keeps = isRecord(live) && (isRecord(applied) || Object.keys(live).length > 0);
      return keeps ? live : applied;
    }
    const present: Json = isRecord(live) ? live : {};
    const out = new Map<string, unknown>(Object.entries(present));
    let changed = present !== live;
    for (const [key, value] of Object.entries(applied)) {
      const old = own(present, key);
      const inner = innerType(type, key, old, value);
      const next = inner === undefined ? value : mergeFields(inner, old, value, `${path}.${key}`);
      if (next === old) continue;
      changed = true;
      out.set(key, next);
    }
    return changed ? Object.fromEntries(out) : live;
  }
  if (!isGranularList(type)) return deepEqual(live, applied) ? live : applied;
  if (!Array.isArray(applied) || applied.length === 0) return Array.isArray(live) ? live : applied;
  const merged = mergeLists(type, [listOf(live), applied], path);
  const old = listOf(live);
  return merged.length === old.length && merged.every((item, index) => item === old[index]) ? live : merged;
}

/** Applied items keep their order; the others stay where they are among them. */
function mergeLists(
  type: ListType,
  [live, applied]: readonly [readonly unknown[], readonly unknown[]],
  path: string,
): unknown[] {
  const wanted = applied.map((item) => itemStep(type, item));
  const stated = new Map<string, unknown>();
  for (const [index, step] of wanted.entries()) {
    if (stated.has(step)) {
      throw badRequest(`${path}: duplicate entries for key ${printStep(step)}`);
    }
    stated.set(step, applied[index]);
  }
  const present = live.map((item) => itemStep(type, item));
  const groups = byStep(type, live);
  const shared = wanted.filter((step) => groups.has(step));
  const mergeOne = (step: string): unknown => {
    const group = groups.get(step);
    // A live item that stands twice is replaced by the one that is applied.
    return mergeFields(
      type.items,
      group?.length === 1 ? group[0] : undefined,
      stated.get(step),
      `${path}${printStep(step)}`,
    );
  };
  const out: unknown[] = [];
  const done = new Set<string>();
  let nextShared = shared.shift();
  let [left, right] = [0, 0];
  while (left < present.length || right < wanted.length) {
    const here = present[left];
    const there = wanted[right];
    if (here !== undefined && there !== undefined) {
      if (here === there) {
        done.add(here);
        out.push(mergeOne(here));
        left++;
        right++;
        nextShared = shared.shift();
        continue;
      }
      if (stated.has(here) && nextShared !== undefined && nextShared !== here) {
        // Applied too, but another comes first in the applied order.
        left++;
        continue;
      }
    }
    if (here !== undefined) {
      if (!stated.has(here)) {
        out.push(live[left]);
        left++;
        continue;
      }
      if (done.has(here)) left++;
    }
    if (there !== undefined) {
      done.add(there);
      out.push(mergeOne(there));
      right++;
      if (nextShared === there) nextShared = shared.shift();
    } else if (here !== undefined && !done.has(here)) left++;
  }
  return out;
}

const printStep = (step: string): string => formatPath([step]);

// --- Removal --------------------------------------------------------------------------------------------------------------------------

/** The value without these fields; undefined when nothing of a container is left. */
export function removeFields(type: AnyTypeData, value: unknown, gone: FieldSet): unknown {
  if (isEmptySet(gone)) return value;
  if (isGranular(type)) {
    if (!isRecord(value)) return value;
    const entries = Object.entries(value);
    if (entries.length === 0) return value;
    const kept: [string, unknown][] = [];
    let changed = false;
    for (const [key, inner] of entries) {
      const step = fieldStep(key);
      if (gone.members.has(step)) {
        changed = true;
        continue;
      }
      const below = gone.children.get(step);
      const fieldType = below === undefined ? undefined : innerType(type, key, inner);
      const next = below === undefined || fieldType === undefined ? inner : removeFields(fieldType, inner, below);
      if (next !== inner) changed = true;
      if (next !== undefined) kept.push([key, next]);
    }
    if (!changed) return value;
    return kept.length === 0 ? undefined : Object.fromEntries(kept);
  }
  if (!isGranularList(type) || !Array.isArray(value) || value.length === 0) return value;
  const kept: unknown[] = [];
  let changed = false;
  for (const item of value as readonly unknown[]) {
    const step = itemStep(type, item);
    if (gone.members.has(step)) {
      changed = true;
      continue;
    }
    const below = gone.children.get(step);
    const next = below === undefined ? item : removeFields(type.items, item, below);
    if (next !== item) changed = true;
    kept.push(next);
  }
  if (!changed) return value;
  return kept.length === 0 ? undefined : kept;
}

/** The set with every declared struct field on the way to its members: `f:spec` when something in spec is in it. */
export function withNamedFields(type: AnyTypeData | undefined, set: FieldSet): FieldSet {
  if (isEmptySet(set)) return emptySet;
  const members = new Set(set.members);
  const children = new Map<string, FieldSet>();
  for (const [step, inner] of set.children) {
    const name = step.startsWith('f:') ? step.slice(2) : undefined;
    if (type?.is === 'struct' && name !== undefined && Object.hasOwn(type.fields, name)) members.add(step);
    children.set(step, withNamedFields(typeAt(type, step), inner));
  }
  return { members, children };
}

function typeAt(type: AnyTypeData | undefined, step: string): AnyTypeData | undefined {
  if (type === undefined) return undefined;
  if (type.is === 'list') return type.items;
  return type.is === 'struct' || type.is === 'map' ? innerType(type, step.slice(2)) : undefined;
}
