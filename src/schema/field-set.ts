/**
 * Sets of fields, as managedFields hold them: a tree whose steps are field names, list keys, set values or indexes. Here is what such a set is, how it is
 * read from and written to FieldsV1, and its algebra. It knows steps as their FieldsV1 text (`f:spec`, `k:{"name":"web"}`, `v:"x"`, `i:0`) and no types.
 * Sets are never changed once they are shared: the algebra makes new ones.
 */

export interface FieldSet {
  /** Steps that are in the set themselves. */
  readonly members: ReadonlySet<string>;
  /** Steps that lead to more; none leads to an empty set. */
  readonly children: ReadonlyMap<string, FieldSet>;
}

/** A set under construction. */
export interface FieldSetBuilder extends FieldSet {
  readonly members: Set<string>;
  readonly children: Map<string, FieldSetBuilder>;
}

export const emptySet: FieldSet = Object.freeze({ members: new Set<string>(), children: new Map<string, FieldSet>() });

export const newSet = (): FieldSetBuilder => ({ members: new Set(), children: new Map() });

export const isEmptySet = (set: FieldSet): boolean => set.members.size === 0 && set.children.size === 0;

/** Depth and size of what a client may send as FieldsV1. */
const depthMax = 100;

/** Reads FieldsV1; undefined when it is none. */
export function decodeFields(fields: unknown, depth = 0): FieldSet | undefined {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields) || depth > depthMax) return undefined;
  const set = newSet();
  for (const [step, inner] of Object.entries(fields)) {
    // A dot says that the parent itself is a member: the parent has read it.
    if (step === '.') continue;
    const normal = normalStep(step);
    const children = decodeFields(inner, depth + 1);
    if (normal === undefined || children === undefined) return undefined;
    const isLeaf = Object.keys(inner as object).length === 0;
    if (isLeaf || Object.hasOwn(inner as object, '.')) set.members.add(normal);
    if (!isEmptySet(children)) set.children.set(normal, children as FieldSetBuilder);
  }
  return set;
}

/** Keys sorted and JSON without spaces, so that equal steps are equal texts. */
function normalStep(step: string): string | undefined {
  if (step.startsWith('f:')) return step;
  if (/^i:-?\d+$/.test(step)) return step;
  if (!step.startsWith('k:') && !step.startsWith('v:')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(step.slice(2));
  } catch {
    // Not JSON, so no step: the answer tells.
    return undefined;
  }
  if (step.startsWith('v:')) return valueStep(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? keyStep(Object.entries(value))
    : undefined;
}

/** Steps of field names: the same few hundred recur in every object. 4,096 × about 100 bytes. */
const fieldSteps = new Map<string, string>();
const fieldStepsMax = 4096;

export function fieldStep(name: string): string {
  const known = fieldSteps.get(name);
  if (known !== undefined) return known;
  const step = `f:${name}`;
  if (fieldSteps.size < fieldStepsMax && name.length <= 64) fieldSteps.set(name, step);
  return step;
}

export const valueStep = (value: unknown): string => `v:${JSON.stringify(value)}`;
/** The key of an item of a list map. */
export function keyStep(entries: readonly (readonly [string, unknown])[]): string {
  const sorted = entries.length < 2 ? entries : [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
}

/** Writes FieldsV1. */
export function encodeFields(set: FieldSet): Record<string, unknown> {
  return encodeNode(set, false);
}

const leaf = Object.freeze({});

/** Steps begin with a letter and a colon, or are a dot: plain assignment is safe. */
function encodeNode(set: FieldSet, itself: boolean): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  if (itself) out['.'] = leaf;
  for (const step of set.members) if (!set.children.has(step)) out[step] = leaf;
  for (const [step, children] of set.children) out[step] = encodeNode(children, set.members.has(step));
  return out;
}

function build(members: Set<string>, children: Map<string, FieldSet>): FieldSet {
  return members.size === 0 && children.size === 0 ? emptySet : { members, children };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || a === b) return b;
  if (isEmptySet(b)) return a;
  const children = new Map(a.children);
  for (const [step, inner] of b.children) {
    const known = children.get(step);
    children.set(step, known === undefined ? inner : union(known, inner));
  }
  return build(new Set([...a.members, ...b.members]), children);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const members = new Set<string>();
  for (const step of a.members) if (b.members.has(step)) members.add(step);
  const children = new Map<string, FieldSet>();
  for (const [step, inner] of a.children) {
    const other = b.children.get(step);
    const both = other === undefined ? emptySet : intersection(inner, other);
    if (!isEmptySet(both)) children.set(step, both);
  }
  return build(members, children);
}

/** What is in `a` and not in `b`, path by path. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) || isEmptySet(a)) return a;
  const members = new Set<string>();
  for (const step of a.members) if (!b.members.has(step)) members.add(step);
  const children = new Map<string, FieldSet>();
  for (const [step, inner] of a.children) {
    const other = b.children.get(step);
    const rest = other === undefined ? inner : difference(inner, other);
    if (!isEmptySet(rest)) children.set(step, rest);
  }
  return build(members, children);
}

/** What is in `a` and neither in `b` nor below a member of `b`. */
export function differenceBelow(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b) || isEmptySet(a)) return a;
  const members = new Set<string>();
  for (const step of a.members) if (!b.members.has(step)) members.add(step);
  const children = new Map<string, FieldSet>();
  for (const [step, inner] of a.children) {
    if (b.members.has(step)) continue;
    const other = b.children.get(step);
    const rest = other === undefined ? inner : differenceBelow(inner, other);
    if (!isEmptySet(rest)) children.set(step, rest);
  }
  return build(members, children);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.members.size !== b.members.size || a.children.size !== b.children.size) return false;
  for (const step of a.members) if (!b.members.has(step)) return false;
  for (const [step, inner] of a.children) {
    const other = b.children.get(step);
    if (other === undefined || !sameSet(inner, other)) return false;
  }
  return true;
}

export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let at: FieldSet | undefined = set;
  for (const step of path.slice(0, -1)) at = at?.children.get(step);
  return at?.members.has(path.at(-1) ?? '') ?? false;
}

/** Every path in the set, parents before children, in sorted order. */
export function* pathsOf(set: FieldSet, prefix: readonly string[] = []): Generator<readonly string[]> {
  for (const step of [...new Set([...set.members, ...set.children.keys()])].sort()) {
    const path = [...prefix, step];
    if (set.members.has(step)) yield path;
    const inner = set.children.get(step);
    if (inner !== undefined) yield* pathsOf(inner, path);
  }
}

/** As upstream prints a path: `.spec.containers[name="web"].image`. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatStep).join('');
}

function formatStep(step: string): string {
  const text = step.slice(2);
  switch (step.charAt(0)) {
    case 'f':
      return `.${text}`;
    case 'k': {
      const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return `[${entries.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${text}]`;
    default:
      return `[${text}]`;
  }
}

/** The set of these paths. */
export function setOf(paths: readonly (readonly string[])[]): FieldSet {
  const set = newSet();
  for (const path of paths) insert(set, path);
  return set;
}

function insert(set: FieldSetBuilder, path: readonly string[]): void {
  let at = set;
  for (const step of path.slice(0, -1)) {
    let next = at.children.get(step);
    if (next === undefined) {
      next = newSet();
      at.children.set(step, next);
    }
    at = next;
  }
  const last = path.at(-1);
  if (last !== undefined) at.members.add(last);
}
