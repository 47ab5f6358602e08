/**
 * Strategic merge patch, upstream's own kind of patch: like a merge patch, but lists that are declared so are merged item by item, by a key or as sets, and
 * the patch may hold directives ($patch, $deleteFromPrimitiveList/…, $setElementOrder/…, $retainKeys). Pure: inputs are never changed, and what stays
 * the same is shared. https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
import { goJson } from '#meta/causes.ts';
import { badRequest, type ApiError } from '#meta/status.ts';
import type { AnyTypeData, StructType } from './type.ts';

type Json = Readonly<Record<string, unknown>>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** The original after the patch. Throws BadRequest for a patch that is malformed. */
export function strategicMerge(type: StructType, original: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badRequest('strategic merge patch format is not supported: it must be an object');
  return mergeRecord(type, isRecord(original) ? original : {}, patch);
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const failed = (message: string): ApiError => badRequest(message);

/** What is known of a value: undefined for what is not declared (it is replaced or merged as plain JSON). */
type Known = AnyTypeData | undefined;

interface FieldRule {
  readonly type: Known;
  readonly replaces: boolean;
  readonly merges: boolean;
  readonly mergeKey: string | undefined;
}

function ruleOf(type: Known, key: string): FieldRule {
  const field = type?.is === 'struct' && Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
  const inner = field?.type ?? (type?.is === 'map' ? type.values : undefined);
  const patch = inner?.is === 'list' ? inner.patch : undefined;
  const strategies = `${field?.patchStrategy ?? ''},${patch?.strategy ?? ''}`.split(',');
  return {
    type: inner,
    replaces: strategies.includes('replace'),
    merges: strategies.includes('merge'),
    mergeKey: patch?.mergeKey,
  };
}

function mergeRecord(type: Known, original: Json, patch: Json): Json {
  if (Object.hasOwn(patch, directive)) {
    if (patch[directive] === 'replace') {
      const { [directive]: _directive, ...rest } = patch;
      return rest;
    }
    if (patch[directive] === 'delete') return {};
    if (patch[directive] !== 'merge')
      throw failed(`unknown patch type: ${String(patch[directive])} in map: ${goJson(patch)}`);
  }
  // A map keeps the keys of `original` in their order, and defines whatever key comes without touching prototypes.
  const out = new Map<string, unknown>(Object.entries(original));
  const changes = new Map<string, unknown>(Object.entries(patch));
  changes.delete(directive);
  retain(out, changes);
  mergeOrdered(type, out, changes);
  for (const [key, change] of changes) mergeField(type, out, [key, change]);
  if (
    out.size === Object.keys(original).length &&
    [...out].every(([key, value]) => Object.hasOwn(original, key) && original[key] === value)
  ) {
    return original;
  }
  return Object.fromEntries(out);
}

/** $retainKeys: only these fields stay. */
function retain(out: Map<string, unknown>, changes: Map<string, unknown>): void {
  if (!changes.has(retainKeys)) return;
  const kept = changes.get(retainKeys);
  changes.delete(retainKeys);
  if (!Array.isArray(kept)) throw failed('invalid patch format of retainKeys');
  for (const [key, value] of changes) {
    if (value === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!kept.includes(key)) throw failed('invalid patch format of retainKeys');
  }
  for (const key of out.keys()) if (!kept.includes(key)) out.delete(key);
}

/** $setElementOrder: the list, its patch and the wanted order are dealt with together. */
function mergeOrdered(type: Known, out: Map<string, unknown>, changes: Map<string, unknown>): void {
  for (const [directiveKey, order] of changes) {
    if (!directiveKey.startsWith(orderPrefix)) continue;
    changes.delete(directiveKey);
    const key = directiveKey.slice(orderPrefix.length);
    const rule = ruleOf(type, key);
    const original = out.get(key);
    const patch = changes.get(key);
    if (!Array.isArray(order)) throw failed('invalid patch format of setElementOrder list');
    if (original !== undefined && original !== null && !Array.isArray(original)) throw wrongType(original);
    if (changes.has(key) && !Array.isArray(patch)) {
      if (patch === null) continue;
      throw wrongType(patch);
    }
    const { mergeKey } = rule;
    const patched = (patch ?? []) as readonly unknown[];
    const present = (original ?? []) as readonly unknown[];
    checkOrder(patched, order, mergeKey);
    if (original === undefined && patch === undefined) continue;
    changes.delete(key);
    const merged =
      original === undefined
        ? withoutDirectives(patched)
        : patch === undefined
          ? present
          : mergeLists(rule, present, patched);
    out.set(key, arrange(merged as readonly unknown[], { order, serverOrder: present, mergeKey }));
  }
}

const wrongType = (value: unknown): ApiError =>
  failed(`expected a []interface {}, but received a ${isRecord(value) ? 'map[string]interface {}' : typeof value}`);

/** Every item of the patch must stand in the order, and in that order. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  if (patch.length === 0 || order.length === 0) return;
  let at = 0;
  const items = patch.filter((item) => !(isRecord(item) && Object.hasOwn(item, directive)));
  for (const wanted of order) {
    if (at < items.length && keyOf(items[at], mergeKey) === keyOf(wanted, mergeKey)) at++;
  }
  if (at < items.length)
    throw failed(
      `The order in patch list:\n${goJson(patch)}\n doesn't match $setElementOrder list:\n${goJson(order)}\n`,
    );
}

function mergeField(type: Known, out: Map<string, unknown>, [patchKey, change]: readonly [string, unknown]): void {
  const deletes = patchKey.startsWith(deletePrefix);
  const key = deletes ? patchKey.slice(deletePrefix.length) : patchKey;
  if (change === null) {
    out.delete(key);
    return;
  }
  const original = out.get(key);
  const sameShape = isRecord(original)
    ? isRecord(change)
    : Array.isArray(original) === Array.isArray(change) && !isRecord(change);
  if (original === undefined || original === null || !sameShape) {
    if (deletes) return;
    const fresh = withoutDirectives(withoutNulls(change));
    if (fresh === removed) out.delete(key);
    else out.set(key, fresh);
    return;
  }
  const rule = ruleOf(type, key);
  if (isRecord(original)) {
    out.set(key, rule.replaces ? change : mergeRecord(rule.type, original, change as Json));
  } else if (Array.isArray(original)) {
    if (deletes)
      out.set(
        key,
        original.filter((item) => !(change as unknown[]).includes(item)),
      );
    else out.set(key, rule.merges ? mergeLists(rule, original, change as unknown[]) : change);
  } else out.set(key, change);
}

/** Items of both, merged by key or united, the patch's order first where the two disagree. */
function mergeLists(rule: FieldRule, original: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  const all = [...original, ...patch];
  if (all.some((item) => Array.isArray(item))) throw failed('lists of lists are not supported');
  const records = all.filter(isRecord).length;
  if (records > 0 && records < all.length)
    throw failed(`list element types are not identical: ${goJson([original, patch])}`);
  if (records === 0) {
    const merged = [...new Set(all)];
    return arrange(merged, { order: patch, serverOrder: original, mergeKey: undefined });
  }
  const { mergeKey } = rule;
  if (mergeKey === undefined) throw failed('cannot merge lists without merge key');
  let present = original as readonly Json[];
  let replaced = false;
  const changes: Json[] = [];
  for (const item of patch as readonly Json[]) {
    if (!Object.hasOwn(item, directive)) {
      changes.push(item);
      continue;
    }
    switch (item[directive]) {
      case 'delete': {
        const gone = keyOf(item, mergeKey);
        present = present.filter((known) => !Object.hasOwn(known, mergeKey) || known[mergeKey] !== gone);
        break;
      }
      case 'replace':
        replaced = true;
        break;
      case 'merge':
        throw failed('merging lists cannot yet be specified in the patch');
      default:
        throw failed(`unknown patch type: ${String(item[directive])} in map: ${goJson(item)}`);
    }
  }
  if (replaced) return changes;
  const merged: Json[] = [...present];
  const itemType = rule.type?.is === 'list' ? rule.type.items : undefined;
  for (const change of changes) {
    const key = keyOf(change, mergeKey);
    const at = merged.findIndex((known) => Object.hasOwn(known, mergeKey) && known[mergeKey] === key);
    const known = merged[at];
    if (known === undefined) merged.push(withoutNulls(change) as Json);
    else merged[at] = mergeRecord(itemType, known, change);
  }
  return arrange(merged, { order: changes, serverOrder: original, mergeKey });
}

function keyOf(item: unknown, mergeKey: string | undefined): unknown {
  if (mergeKey === undefined) return item;
  if (!isRecord(item)) throw failed(`expected a map[string]interface {}, but received a ${typeof item}`);
  if (!Object.hasOwn(item, mergeKey))
    throw failed(`map: ${goJson(item)} does not contain declared merge key: ${mergeKey}`);
  return item[mergeKey];
}

interface Arrangement {
  readonly order: readonly unknown[];
  readonly serverOrder: readonly unknown[];
  readonly mergeKey: string | undefined;
}

/** Items that the patch names take the patch's order; the others stay in the server's, before the first they preceded there. */
function arrange(items: readonly unknown[], { order, serverOrder, mergeKey }: Arrangement): readonly unknown[] {
  const wanted = new Map(order.map((item, index) => [keyOf(item, mergeKey), index]));
  const served = new Map<unknown, number>();
  for (const [index, item] of serverOrder.entries()) {
    const key = keyOf(item, mergeKey);
    if (!served.has(key)) served.set(key, index);
  }
  const place = (places: ReadonlyMap<unknown, number>, item: unknown): number =>
    places.get(keyOf(item, mergeKey)) ?? -1;
  const named = items.filter((item) => place(wanted, item) >= 0).sort((a, b) => place(wanted, a) - place(wanted, b));
  const others = items.filter((item) => place(wanted, item) < 0).sort((a, b) => place(served, a) - place(served, b));
  const out: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const at = place(served, item);
    while (next < others.length && at >= 0 && place(served, others[next]) >= 0 && place(served, others[next]) < at)
      out.push(others[next++]);
    out.push(item);
  }
  return [...out, ...others.slice(next)];
}

const removed = Symbol('removed by a directive');

/** A new subtree: directives in it mean nothing, and objects that hold $patch vanish. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== removed);
  if (!isRecord(value)) return value;
  if (Object.hasOwn(value, directive)) return removed;
  const entries = Object.entries(value)
    .filter(([key]) => key !== retainKeys && !key.startsWith(deletePrefix) && !key.startsWith(orderPrefix))
    .map(([key, inner]): [string, unknown] => [key, withoutDirectives(inner)])
    .filter(([, inner]) => inner !== removed);
  return Object.fromEntries(entries);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
