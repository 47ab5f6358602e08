/**
 * Server-side apply and the managedFields behind it: who owns which field, what an apply changes, takes away and conflicts with, and how every other write is
 * remembered. The rules are structured-merge-diff's and apimachinery's util/managedfields; `field-set.ts` and `field-walk.ts` are the parts. Pure:
 * time comes as text, inputs are never changed. https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { goJson, quoted } from '#meta/causes.ts';
import { deepEqual } from '#base/deep-equal.ts';
import type { ManagedFieldsEntry } from '#meta/object-meta.ts';
import { ApiError, badRequest, isApiError, type Cause } from '#meta/status.ts';
import {
  difference,
  differenceBelow,
  emptySet,
  fieldStep,
  formatPath,
  hasPath,
  intersection,
  isEmptySet,
  pathsOf,
  sameSet,
  setOf,
  union,
  type FieldSet,
} from './field-set.ts';
import { compareFields, fieldsOf, mergeFields, removeFields, withNamedFields, type Comparison } from './field-walk.ts';
import type { Subresources } from './kind.ts';
import {
  capped,
  compareTexts,
  identity,
  idOf,
  readManagers,
  writeManagers,
  type Manager,
  type Managers,
} from './managers.ts';
import type { StructType } from './type.ts';

/** What is read of a Kind. */
export interface TrackedKind {
  readonly schema: StructType;
  readonly subresources?: Subresources;
}

type Json = Readonly<Record<string, unknown>>;

interface Tracking {
  readonly kind: TrackedKind;
  /** The object as it is stored; undefined when it is being created. */
  readonly live: unknown;
  /** Who writes: empty means "unknown". */
  readonly manager: string;
  /** RFC 3339, now. */
  readonly time: string;
  readonly apiVersion: string;
  readonly subresource?: string;
  /** Paths that this endpoint does not write (`[['status']]`). Default: status on the object, everything else but metadata on status. */
  readonly ignore?: readonly (readonly string[])[];
}

export interface ApplyRequest extends Tracking {
  /** The configuration, without defaults. */
  readonly applied: unknown;
  /** Take fields over from other managers. */
  readonly force: boolean;
}

export interface Conflict {
  /** `.spec.replicas`. */
  readonly field: string;
  /** `"kubectl-client-side-apply" using apps/v1`. */
  readonly manager: string;
}

const firstManager = 'before-first-apply';
/** The manager that kubectl apply --server-side uses; fields of its client-side past it may take over. */
const kubectlManager = 'kubectl';
export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Fields that nobody owns: identity, and what the server keeps. */
const stripped: FieldSet = setOf([
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((field) => ['f:metadata', `f:${field}`]),
]);

const metaOf = (
  object: unknown,
): {
  readonly managedFields?: readonly ManagedFieldsEntry[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
} => (object as { metadata?: object } | undefined)?.metadata ?? {};

function withManagedFields(object: unknown, entries: readonly ManagedFieldsEntry[]): Json {
  const record = object as Json;
  const { managedFields: _old, ...metadata } = (record['metadata'] ?? {}) as Json;
  return { ...record, metadata: entries.length === 0 ? metadata : { ...metadata, managedFields: entries } };
}

function withoutManagedFields(object: unknown): unknown {
  return metaOf(object).managedFields === undefined ? object : withManagedFields(object, []);
}

const ignoredSets = new WeakMap<StructType, Map<string, FieldSet>>();

/** What the endpoint resets, so that nobody comes to own it through there. */
function ignoredSet({ kind, subresource, ignore }: Tracking): FieldSet {
  if (ignore !== undefined) return setOf(ignore.map((path) => path.map(fieldStep)));
  const known = ignoredSets.get(kind.schema)?.get(subresource ?? '');
  if (known !== undefined) return known;
  const paths: string[][] = [];
  if (subresource === 'status') {
    for (const field of Object.keys(kind.schema.fields)) {
      if (!['apiVersion', 'kind', 'metadata', 'status'].includes(field)) paths.push([fieldStep(field)]);
    }
    for (const field of ['deletionTimestamp', 'ownerReferences']) paths.push(['f:metadata', fieldStep(field)]);
  } else if (kind.subresources?.status === true && subresource === undefined) paths.push(['f:status']);
  const set = setOf(paths);
  const sets = ignoredSets.get(kind.schema) ?? new Map<string, FieldSet>();
  sets.set(subresource ?? '', set);
  ignoredSets.set(kind.schema, sets);
  return set;
}

const empties = new WeakMap<StructType, Json>();

/** An object of the kind before anything was said about it: structs that always exist are there, empty. Owners of nothing but them own no field. */
function emptyOf(struct: StructType): Json {
  const known = empties.get(struct);
  if (known !== undefined) return known;
  const entries: [string, unknown][] = [];
  for (const [name, field] of Object.entries(struct.fields)) {
    // What Go has as soon as it makes the object; custom resources have nothing.
    const present = field.verbatim === undefined && (field.presence !== 'optional' || name === 'metadata');
    if (present && field.type.is === 'struct' && field.type.atomic !== true) entries.push([name, emptyOf(field.type)]);
    else if (field.presence === 'required' && field.type.is === 'list') entries.push([name, []]);
  }
  const empty = Object.freeze(Object.fromEntries(entries));
  empties.set(struct, empty);
  return empty;
}

const without = (comparison: Comparison, ignored: FieldSet): Comparison =>
  isEmptySet(ignored)
    ? comparison
    : {
        added: differenceBelow(comparison.added, ignored),
        modified: differenceBelow(comparison.modified, ignored),
        removed: differenceBelow(comparison.removed, ignored),
      };

// --- Updates --------------------------------------------------------------------------------------------------------------------------

/**
 * The updated object with its managedFields: what the write changed belongs to the manager now, what it removed to nobody. A write that
 * changes nothing changes no entry and no time.
 */
export function trackUpdate(request: Tracking & { readonly updated: unknown }): object {
  const { live, updated, subresource } = request;
  const sent = metaOf(updated).managedFields;
  const stored = readManagers(metaOf(live).managedFields) ?? new Map<string, Manager>();
  const cleared = subresource === undefined && isReset(sent);
  let managers = stored;
  if (cleared) managers = new Map();
  else if (subresource === undefined && sent !== undefined && sent.length > 0 && sent !== metaOf(live).managedFields) {
    // A client that knows managedFields may edit them; one that does not, or sends nonsense, must not lose them.
    managers = readManagers(sent) ?? stored;
  }
  if (managers.size === 0 && live !== undefined) {
    // Objects whose managers are unknown stay so until the first apply.
    return withManagedFields(updated, []);
  }
  return withManagedFields(updated, updatedManagers(request, managers));
}

/** `managedFields: []` and `managedFields: [{}]` mean: forget them all. */
function isReset(sent: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (sent === undefined) return false;
  const [only] = sent;
  return only === undefined || (sent.length === 1 && Object.keys(only).length === 0);
}

function updatedManagers(
  request: Tracking & { readonly updated: unknown },
  before: Managers,
): readonly ManagedFieldsEntry[] {
  const { kind, live, updated, manager, time, apiVersion, subresource } = request;
  const comparison = without(compareFields(kind.schema, live ?? emptyOf(kind.schema), updated), ignoredSet(request));
  const managers = displaced(before, comparison, '');
  const own = difference(union(comparison.modified, comparison.added), stripped);
  if (!isEmptySet(own)) {
    const entry: ManagedFieldsEntry = {
      manager: manager === '' ? 'unknown' : manager,
      operation: 'Update',
      apiVersion,
      time,
      ...(subresource === undefined || subresource === '' ? {} : { subresource }),
    };
    const id = identity(entry);
    managers.set(id, { entry, set: union(managers.get(id)?.set ?? emptySet, own) });
  }
  return writeManagers(capped(managers), before);
}

/** The managers after others lost what was changed and removed. */
function displaced(before: Managers, { added, modified, removed }: Comparison, self: string): Managers {
  const changed = union(modified, added);
  const managers: Managers = new Map();
  for (const [id, known] of before) {
    const set = id === self ? known.set : difference(difference(known.set, changed), removed);
    if (isEmptySet(set)) continue;
    managers.set(id, { entry: known.entry, set: sameSet(set, known.set) ? known.set : set });
  }
  return managers;
}

// --- Apply ----------------------------------------------------------------------------------------------------------------------------

export interface Applied {
  /** The merged object, without defaults for what is new; the live object itself when nothing changes. */
  readonly object: object;
  readonly conflicts: readonly Conflict[];
}

/**
 * Server-side apply. With conflicts nothing is applied and `object` is the live one: throw `applyConflict(conflicts)`. Throws BadRequest for a
 * configuration that carries managedFields or names a list item twice.
 */
export function applyFields(request: ApplyRequest): Applied {
  const { kind, live, applied, manager, apiVersion, time } = request;
  if (metaOf(applied).managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const stored = readManagers(metaOf(live).managedFields) ?? new Map<string, Manager>();
  let managers = stored;
  if (stored.size === 0 && live !== undefined) {
    // What stood before the first apply belongs to somebody: else the apply would never conflict.
    const first = updatedManagers(
      { ...request, live: undefined, updated: withoutManagedFields(live), manager: firstManager, time },
      new Map(),
    );
    managers = readManagers(first) ?? stored;
  }
  const base = live === undefined ? undefined : withoutManagedFields(live);
  let outcome = applyOnto(request, { base, managers });
  if ('conflicts' in outcome && manager === kubectlManager) {
    const allowed = ownedByLastApplied(kind, base, apiVersion);
    const left = outcome.conflicts.filter(({ path }) => !hasPath(allowed, path));
    outcome = left.length > 0 ? { conflicts: left } : applyOnto({ ...request, force: true }, { base, managers });
  }
  if ('conflicts' in outcome) {
    return {
      object: (live ?? {}) as object,
      conflicts: outcome.conflicts.map(({ path, entry }) => ({
        field: formatPath(path),
        manager: printManager(entry),
      })),
    };
  }
  let { object } = outcome;
  if (manager === kubectlManager && metaOf(object).annotations?.[lastAppliedAnnotation])
    object = withLastApplied(object, applied);
  const entries = writeManagers(outcome.managers, stored);
  if (live !== undefined && object === base && deepEqual(entries, metaOf(live).managedFields ?? []))
    return { object: live as object, conflicts: [] };
  return { object: withManagedFields(object, entries), conflicts: [] };
}

interface PathConflict {
  readonly path: readonly string[];
  readonly entry: ManagedFieldsEntry;
}

function applyOnto(
  request: ApplyRequest,
  { base, managers }: { base: unknown; managers: Managers },
): { readonly object: object; readonly managers: Managers } | { readonly conflicts: readonly PathConflict[] } {
  const { kind, applied, manager, apiVersion, time, subresource, force } = request;
  const type = kind.schema;
  const entry: ManagedFieldsEntry = {
    manager: manager === '' ? 'unknown' : manager,
    operation: 'Apply',
    apiVersion,
    time,
    ...(subresource === undefined || subresource === '' ? {} : { subresource }),
  };
  const id = idOf(entry);
  const ignored = ignoredSet(request);
  const last = managers.get(id);
  const set = differenceBelow(fieldsOf(type, applied), ignored);
  const mine: Manager = { entry, set };
  const merged = mergedWith(type, base, applied);
  const now: Managers = new Map(managers).set(id, mine);
  const object = last === undefined ? merged : prune(type, { merged, last: last.set, managers: now });
  const live = base ?? emptyOf(type);
  const comparison = without(compareFields(type, live, object), ignored);
  const changed = union(comparison.modified, comparison.added);
  if (!force) {
    const conflicts: PathConflict[] = [];
    for (const [other, known] of managers) {
      if (other === id) continue;
      for (const path of pathsOf(intersection(known.set, changed))) conflicts.push({ path, entry: known.entry });
    }
    if (conflicts.length > 0) return { conflicts };
  }
  const after = displaced(now, comparison, id);
  const ownSet = difference(set, stripped);
  const sameOwn = last !== undefined && sameSet(ownSet, last.set) && last.entry.apiVersion === apiVersion;
  const same = base !== undefined && deepEqual(object, base);
  if (isEmptySet(ownSet)) after.delete(id);
  else after.set(id, sameOwn ? { entry: same ? last.entry : entry, set: last.set } : { entry, set: ownSet });
  return { object: (same ? base : object) as object, managers: after };
}

function mergedWith(type: StructType, base: unknown, applied: unknown): unknown {
  try {
    return mergeFields(type, base, applied);
  } catch (error) {
    if (!isApiError(error, 'BadRequest')) throw error;
    const { apiVersion, kind, metadata } = applied as {
      apiVersion?: string;
      kind?: string;
      metadata?: { namespace?: string; name?: string };
    };
    const named = `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}; ${apiVersion ?? ''}, Kind=${kind ?? ''}`;
    throw badRequest(`failed to create typed patch object (${named}): ${error.message}`);
  }
}

/**
 * What the manager applied last time and does not any more goes, unless somebody else owns it: last set out, then back what any manager
 * owns, then back what was not of the last set.
 */
function prune(
  type: StructType,
  { merged, last, managers }: { merged: unknown; last: FieldSet; managers: Managers },
): unknown {
  if (isEmptySet(last)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(type, set);
  const lastNamed = named(last);
  let pruned = removeFields(type, merged, lastNamed);
  let owned: FieldSet = emptySet;
  for (const { set } of managers.values()) owned = union(owned, set);
  const mergedSet = named(fieldsOf(type, merged));
  pruned = removeFields(type, merged, difference(mergedSet, union(named(fieldsOf(type, pruned ?? {})), named(owned))));
  const prunedSet = named(fieldsOf(type, pruned ?? {}));
  return removeFields(type, merged, intersection(difference(mergedSet, prunedSet), lastNamed)) ?? {};
}

/** Fields that kubectl's client-side apply set and nobody changed since: kubectl may take those over without force. */
function ownedByLastApplied(kind: TrackedKind, live: unknown, apiVersion: string): FieldSet {
  const text = metaOf(live).annotations?.[lastAppliedAnnotation];
  if (!text) return emptySet;
  let configuration: unknown;
  try {
    configuration = JSON.parse(text);
  } catch {
    // Whoever broke the annotation keeps the conflicts.
    return emptySet;
  }
  if (
    typeof configuration !== 'object' ||
    configuration === null ||
    (configuration as Json)['apiVersion'] !== apiVersion
  )
    return emptySet;
  const { added, modified, removed } = compareFields(kind.schema, configuration, live);
  return difference(difference(difference(fieldsOf(kind.schema, configuration), modified), added), removed);
}

function withLastApplied(object: unknown, applied: unknown): Json {
  const configuration = applied as { metadata?: Json };
  const annotations = (configuration.metadata?.['annotations'] ?? undefined) as Json | undefined;
  const { [lastAppliedAnnotation]: _old, ...kept } = annotations ?? {};
  const shown = {
    ...configuration,
    metadata: { ...configuration.metadata, ...(annotations === undefined ? {} : { annotations: kept }) },
  };
  const record = object as { metadata?: Json };
  return {
    ...(object as Json),
    metadata: {
      ...record.metadata,
      annotations: {
        ...(record.metadata?.['annotations'] as Json | undefined),
        [lastAppliedAnnotation]: `${goJson(shown)}\n`,
      },
    },
  };
}

function printManager({ manager = '', operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const name = `${quoted(manager)}${subresource ? ` with subresource ${quoted(subresource)}` : ''}`;
  if (operation !== 'Update') return name;
  return `${name} using ${apiVersion}`;
}

/** 409 with a cause for each field, in upstream's words. */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const causes: Cause[] = conflicts.map(({ field, manager }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field,
  }));
  const [only] = conflicts;
  if (conflicts.length === 1 && only !== undefined) {
    return new ApiError('Conflict', `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.field}`, {
      details: { causes },
    });
  }
  const byManager = new Map<string, string[]>();
  for (const { field, manager } of conflicts) byManager.set(manager, [...(byManager.get(manager) ?? []), field]);
  const lines = [...byManager]
    .sort(([a], [b]) => compareTexts(a, b))
    .flatMap(([manager, fields]) => [`conflicts with ${manager}:`, ...fields.map((field) => `- ${field}`)]);
  return new ApiError('Conflict', `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`, {
    details: { causes },
  });
}
