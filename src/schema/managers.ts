/**
 * The managers of an object: its managedFields entries, read once to sets and written back. One manager is one name, operation, version and
 * subresource; an applier is one for all versions. Knows nothing of types or of what a write changes: see `managed-fields.ts`.
 */
import type { ManagedFieldsEntry } from '#meta/object-meta.ts';
import { decodeFields, emptySet, encodeFields, isEmptySet, union, type FieldSet } from './field-set.ts';

/** Upstream's cap of managers that update; older ones are merged. */
export const updateManagersMax = 10;
const ancientManager = 'ancient-changes';

export interface Manager {
  readonly entry: ManagedFieldsEntry;
  readonly set: FieldSet;
}

/** Managers by identity, in the order of the object. */
export type Managers = Map<string, Manager>;

export const identity = (entry: ManagedFieldsEntry): string =>
  JSON.stringify([entry.manager ?? '', entry.operation ?? '', entry.apiVersion ?? '', entry.subresource ?? '']);

/** An Apply manager is one for all versions. */
const applierIdentity = (entry: ManagedFieldsEntry): string =>
  JSON.stringify([entry.manager ?? '', 'Apply', '', entry.subresource ?? '']);
export const idOf = (entry: ManagedFieldsEntry): string =>
  entry.operation === 'Apply' ? applierIdentity(entry) : identity(entry);

/** The sets of these entries; undefined when one cannot be read. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') return undefined;
    if (entry.fieldsType !== undefined && entry.fieldsType !== 'FieldsV1') return undefined;
    const set = entry.fieldsV1 === undefined ? emptySet : decodeFields(entry.fieldsV1);
    if (set === undefined) return undefined;
    const id = idOf(entry);
    const known = managers.get(id);
    managers.set(id, { entry, set: known === undefined ? set : union(known.set, set) });
  }
  return managers;
}

/** Sorted as upstream: appliers first, then by time and name. Sets that did not change keep their encoded form. */
export function writeManagers(managers: Managers, before: Managers): readonly ManagedFieldsEntry[] {
  const entries: ManagedFieldsEntry[] = [];
  for (const [id, { entry, set }] of managers) {
    if (isEmptySet(set)) continue;
    const old = before.get(id);
    const fieldsV1 = old !== undefined && old.set === set ? old.entry.fieldsV1 : encodeFields(set);
    entries.push({ ...entry, fieldsType: 'FieldsV1', fieldsV1: fieldsV1 ?? {} });
  }
  return entries.sort(
    (a, b) =>
      compareTexts(a.operation ?? '', b.operation ?? '') ||
      compareTexts(a.time ?? '', b.time ?? '') ||
      compareTexts(a.manager ?? '', b.manager ?? '') ||
      compareTexts(a.apiVersion ?? '', b.apiVersion ?? '') ||
      compareTexts(a.subresource ?? '', b.subresource ?? ''),
  );
}

export const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** At most so many managers that update: the oldest become one. */
export function capped(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { entry }]) => entry.operation === 'Update');
  if (updaters.length <= updateManagersMax) return managers;
  updaters.sort(([idA, a], [idB, b]) => compareTexts(a.entry.time ?? '', b.entry.time ?? '') || compareTexts(idA, idB));
  const out: Managers = new Map(managers);
  const firsts = new Map<string, string>();
  let count = updaters.length;
  for (const [id, { entry, set }] of updaters) {
    if (count <= updateManagersMax) break;
    const version = entry.apiVersion ?? '';
    const first = firsts.get(version);
    if (first === undefined) {
      firsts.set(version, id);
      continue;
    }
    const bucket: ManagedFieldsEntry = {
      manager: ancientManager,
      operation: 'Update',
      apiVersion: version,
      ...(entry.time === undefined ? {} : { time: entry.time }),
    };
    const bucketId = identity(bucket);
    let held = out.get(bucketId)?.set;
    if (held === undefined) {
      // The bucket begins with the oldest of its version.
      held = out.get(first)?.set ?? emptySet;
      out.delete(first);
    }
    if (id === bucketId) continue;
    out.delete(id);
    out.set(bucketId, { entry: bucket, set: union(held, set) });
    count--;
  }
  return out;
}
