/**
 * DELETE: at once, gracefully, or after finalizers (https://kubernetes.io/docs/concepts/architecture/garbage-collection/,
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination). Deleting twice is no error while the object is still going.
 */
import { ApiError, conflict, notFound } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import type { DeleteOptions, ListOptions } from '#client/client.ts';
import { encode, type Entry } from '../watch/entry.ts';
import { list, type ListResult } from './read.ts';
import { nameOf, shown, stored, type Asker, type Resource } from './resource.ts';
import { isFinished } from './update.ts';

const triesMax = 64;

/** `gone`: the object as it was last; otherwise as it waits for its end. */
export interface Deleted {
  readonly object: AnyObject;
  readonly gone: boolean;
  /** The stored entry of an object that waits. */
  readonly entry?: Entry;
}

/** Throws NotFound, Conflict (preconditions), Forbidden. */
export async function remove(
  resource: Resource,
  asker: Asker,
  { namespace, name, options }: { namespace: string | undefined; name: string; options: DeleteOptions },
): Promise<Deleted> {
  const key = resource.cache.key(namespace, name);
  for (let tries = 0; tries < triesMax; tries++) {
    const entry = resource.cache.get(key);
    if (!entry) throw notFound(nameOf(resource.kind), name);
    const done = await attempt(resource, asker, entry, options);
    if (done) return done;
  }
  throw new ApiError('ServerTimeout', `The object "${name}" is being written by others too often; please try again`, {
    details: { retryAfterSeconds: 1 },
  });
}

/**
 * Deletes what cannot be decrypted, with nothing of what a deletion else respects: nobody knows its finalizers. Throws NotFound, and Conflict for an object that can be
 * read.
 */
export async function removeUnreadable(
  resource: Resource,
  { namespace, name, dryRun }: { namespace: string | undefined; name: string; dryRun: boolean },
): Promise<void> {
  const key = resource.cache.key(namespace, name);
  for (;;) {
    const entry = resource.cache.get(key);
    if (!entry) throw notFound(nameOf(resource.kind), name);
    if (!entry.unreadable)
      throw conflict(
        nameOf(resource.kind),
        name,
        `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage`,
      );
    if (dryRun) return;
    if ((await resource.store.txn([{ op: 'delete', key, expect: entry.revision }])).ok) return;
  }
}

/** Deletions after which other work gets a turn, when none of them had to wait for the store. */
const sliceMs = 5;

/**
 * Deletes what the selectors find (with `limit`, one page of it) and answers it as it was; objects that go meanwhile are no error. A precondition holds for each
 * object, so one that does not fit ends the whole.
 */
export async function removeAll(
  resource: Resource,
  asker: Asker,
  { namespace, options }: { namespace: string | undefined; options: ListOptions & DeleteOptions },
): Promise<ListResult> {
  const { clock } = resource.world;
  const found = await list(resource, namespace, options);
  let since = clock.monotonic();
  for (const entry of found.entries) {
    if (clock.monotonic() - since > sliceMs) {
      await clock.yield();
      since = clock.monotonic();
    }
    try {
      await remove(resource, asker, { namespace: entry.namespace, name: entry.name, options });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    }
  }
  return found;
}

async function attempt(
  resource: Resource,
  asker: Asker,
  entry: Entry,
  options: DeleteOptions,
): Promise<Deleted | undefined> {
  const { kind, admission, world } = resource;
  const old = shown(resource, entry.object);
  checkPreconditions(resource, old, entry, options);
  admission.validate({
    operation: 'DELETE',
    kind,
    subresource: undefined,
    namespace: entry.namespace,
    name: entry.name,
    object: undefined,
    old,
    user: asker.user,
    dryRun: asker.dryRun,
    options,
  });
  const next = deleting(resource, old, options, world.clock.now());
  if (next === old) return { object: old, gone: false, entry };
  const gone = isFinished(next);
  if (asker.dryRun) return { object: next, gone };
  const result = await resource.store.txn([
    gone
      ? { op: 'delete', key: entry.key, expect: entry.revision }
      : {
          op: 'put',
          key: entry.key,
          value: encode(resource.storedKind, stored(resource, next)),
          expect: entry.revision,
        },
    ...(gone ? (resource.allocate?.released(old) ?? []) : []),
    ...(asker.fence?.checks(entry.key) ?? []),
  ]);
  if (!result.ok) return undefined;
  const waiting = gone ? undefined : resource.cache.written(entry.key, result.revision);
  return {
    object: { ...next, metadata: { ...next.metadata, resourceVersion: String(result.revision) } },
    gone,
    ...(waiting ? { entry: waiting } : {}),
  };
}

function checkPreconditions(resource: Resource, old: AnyObject, entry: Entry, { preconditions }: DeleteOptions): void {
  if (preconditions?.uid !== undefined && preconditions.uid !== old.metadata.uid) {
    throw conflict(
      nameOf(resource.kind),
      entry.name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== String(entry.revision)) {
    throw conflict(
      nameOf(resource.kind),
      entry.name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${entry.revision}). The object might have been modified`,
    );
  }
}

/** The object with its deletion asked for; the same object when nothing is left to ask. */
function deleting(resource: Resource, old: AnyObject, options: DeleteOptions, now: number): AnyObject {
  const { deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata;
  const going = deletionTimestamp !== undefined;
  const running = Number(deletionGracePeriodSeconds ?? 0);
  // A namespace that is going is emptied by its controller: until then nothing can be asked of it any more.
  if (going && isNamespace(resource) && !isFinished(old) && hasContent(old)) return old;
  // While the grace runs it may only become shorter; finalizers stay as the first deletion had them.
  const pending = going && running > 0;
  const asked = options.gracePeriodSeconds === undefined ? undefined : atLeast(options.gracePeriodSeconds);
  if (pending && (asked === undefined || asked >= running)) return old;
  const grace = pending ? (asked ?? 0) : going ? 0 : graceOf(resource, old, asked);
  const finalizers = finalizersFor(resource, old, options);
  const present = old.metadata.finalizers ?? [];
  const sameFinalizers =
    finalizers.length === present.length && finalizers.every((finalizer) => present.includes(finalizer));
  if (going && !pending && sameFinalizers && !isFinished(old)) return old;
  // A shorter grace counts from the first deletion.
  const from = going ? (parseTime(deletionTimestamp) ?? now) - running * 1000 : now;
  const { finalizers: _f, ...meta } = old.metadata;
  const marked: AnyObject = {
    ...old,
    metadata: {
      ...meta,
      ...(generation !== undefined && !going ? { generation: generation + 1 } : {}),
      deletionTimestamp: formatTime(from + grace * 1000),
      deletionGracePeriodSeconds: grace,
      ...(finalizers.length > 0 ? { finalizers } : {}),
    },
  };
  if (!isNamespace(resource)) return marked;
  return { ...marked, status: { ...(old as { status?: object }).status, phase: 'Terminating' } } as AnyObject;
}

const isNamespace = ({ kind }: Resource): boolean => kind.group === '' && kind.kind === 'Namespace';
const hasContent = (namespace: AnyObject): boolean =>
  ((namespace as { spec?: { finalizers?: readonly string[] } }).spec?.finalizers?.length ?? 0) > 0;

/** A negative grace is a second. */
const atLeast = (seconds: number): number => (seconds < 0 ? 1 : Number(seconds));

/** Only pods end gracefully: as long as a kubelet has them. */
function graceOf(resource: Resource, old: AnyObject, asked: number | undefined): number {
  if (resource.kind.kind !== 'Pod' || resource.kind.group !== '') return 0;
  const pod = old as AnyObject & {
    spec: { nodeName?: string; terminationGracePeriodSeconds?: number };
    status?: { phase?: string };
  };
  if (!pod.spec.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0;
  return asked ?? atLeast(pod.spec.terminationGracePeriodSeconds ?? 0);
}

const orphan = 'orphan';
const foreground = 'foregroundDeletion';

/** Whoever deletes says what becomes of dependents, else the object's own finalizers do, else its kind. */
function finalizersFor(resource: Resource, old: AnyObject, options: DeleteOptions): readonly string[] {
  const present = old.metadata.finalizers ?? [];
  // Events have no dependents, and nobody who would take the finalizer away.
  if (resource.storedKind.plural === 'events') return present;
  const policy = asked(options) ?? meant(present) ?? resource.kind.hooks.defaultPropagation ?? 'Background';
  const others = present.filter((name) => name !== orphan && name !== foreground);
  if (policy === 'Orphan') return [...others, orphan];
  if (policy === 'Foreground') return [...others, foreground];
  return others;
}

function asked({ orphanDependents, propagationPolicy }: DeleteOptions): DeleteOptions['propagationPolicy'] {
  if (orphanDependents !== undefined) return orphanDependents ? 'Orphan' : 'Background';
  return propagationPolicy;
}

/** The first of the two finalizers decides. */
function meant(finalizers: readonly string[]): DeleteOptions['propagationPolicy'] {
  const first = finalizers.find((name) => name === orphan || name === foreground);
  if (first === undefined) return undefined;
  return first === orphan ? 'Orphan' : 'Foreground';
}
