/**
 * The garbage collector: deletes what has lost its last owner, and carries out foreground and orphaning deletions. It keeps the graph of all
 * objects (who depends on which UID) from the views of every kind; it streams, so it is a shell around `plan.ts`.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import type { AnyObject, OwnerReference } from '#meta/object-meta.ts';
import type { AnyKind, Client } from '#client/client.ts';
import { WorkQueue } from '#runtime/queue.ts';
import type { Views } from '#runtime/views.ts';
import type { World } from '#world/world.ts';
import { blocking, foreground, judge, orphan, type OwnerState } from './plan.ts';

export const garbageCollectorName = 'generic-garbage-collector';
const workers = 10;
/** Events never own and are never owned, and there are many: upstream leaves them out as well. */
const ignored = new Set(['/events', 'events.k8s.io/events']);
/** UIDs that the API has said are gone: 8,192 owners. */
const absentMax = 8_192;

interface Vertex {
  readonly kind: AnyKind;
  readonly object: AnyObject;
}

/** Starts it over all deletable kinds. */
export function startGarbageCollector(
  world: World,
  { views, client }: { views: Views; client: Client },
  kinds: readonly AnyKind[],
): AsyncDisposable & { readonly idle: boolean } {
  return new Collector(
    world,
    views,
    client,
    kinds.filter(
      (kind) => !kind.storedAs && kind.verbs.includes('delete') && !ignored.has(`${kind.group}/${kind.plural}`),
    ),
  );
}

class Collector {
  readonly #world: World;
  readonly #client: Client;
  readonly #kinds: readonly AnyKind[];
  readonly #queue: WorkQueue;
  readonly #vertices = new Map<string, Vertex>();
  /** Owner's UID → UIDs of what depends on it. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #absent = new Set<string>();
  readonly #subscriptions = new DisposableStack();
  readonly #running: Promise<unknown>;
  #stopped = false;

  constructor(world: World, views: Views, client: Client, kinds: readonly AnyKind[]) {
    this.#world = world;
    this.#client = client;
    this.#kinds = kinds;
    this.#queue = new WorkQueue(world.clock);
    this.#running = this.#run(views);
  }

  get idle(): boolean {
    return this.#queue.idle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#subscriptions.dispose();
    this.#queue.close();
    await this.#running;
  }

  async #run(views: Views): Promise<void> {
    for (const kind of this.#kinds) {
      const view = views.of(kind);
      this.#subscriptions.use(
        view.onChange(({ old, now }) =>
          this.#observe(kind, old as AnyObject | undefined, now as AnyObject | undefined),
        ),
      );
      for (const object of view.all()) this.#observe(kind, undefined, object as AnyObject);
    }
    // Judging with half a graph would take everything for orphaned.
    await Promise.race([
      Promise.all(this.#kinds.map((kind) => views.of(kind).synced)),
      this.#world.clock.yield().then(() => new Promise<void>((resolve) => this.#onStop(resolve))),
    ]);
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  #onStop(resolve: () => void): void {
    if (this.#stopped) resolve();
    else this.#subscriptions.defer(resolve);
  }

  #observe(kind: AnyKind, old: AnyObject | undefined, now: AnyObject | undefined): void {
    if (old && old.metadata.uid !== now?.metadata.uid) this.#forget(old);
    if (!now) return;
    const { uid } = now.metadata;
    const before = this.#vertices.get(uid)?.object;
    if (before && sameBonds(before, now)) {
      // Most changes (a lease's renewal, a status) are none of ours.
      this.#vertices.set(uid, { kind, object: now });
      return;
    }
    for (const owner of before?.metadata.ownerReferences ?? []) this.#dependents.get(owner.uid)?.delete(uid);
    this.#vertices.set(uid, { kind, object: now });
    for (const owner of now.metadata.ownerReferences ?? []) {
      const set = this.#dependents.get(owner.uid);
      if (set) set.add(uid);
      else this.#dependents.set(owner.uid, new Set([uid]));
      // A blocked owner may be free now, or has one more to wait for.
      if (this.#vertices.get(owner.uid)?.object.metadata.deletionTimestamp !== undefined) this.#queue.add(owner.uid);
    }
    const started = now.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
    if (started) for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
    if (now.metadata.deletionTimestamp !== undefined || (now.metadata.ownerReferences?.length ?? 0) > 0)
      this.#queue.add(uid);
  }

  #forget(object: AnyObject): void {
    const { uid, ownerReferences } = object.metadata;
    this.#vertices.delete(uid);
    this.#absent.add(uid);
    if (this.#absent.size > absentMax) this.#absent.delete(this.#absent.values().next().value as string);
    for (const owner of ownerReferences ?? []) {
      this.#dependents.get(owner.uid)?.delete(uid);
      if (this.#vertices.has(owner.uid)) this.#queue.add(owner.uid);
    }
    for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
  }

  async #work(): Promise<void> {
    for (let uid = await this.#queue.take(); uid !== undefined; uid = await this.#queue.take()) {
      try {
        await this.#process(uid);
        this.#queue.forget(uid);
      } catch (error) {
        if (this.#stopped) return;
        if (!isApiError(error, 'Conflict', 'NotFound'))
          this.#world.log.info('garbage collection is tried again', { uid, error: String(error) });
        if (isApiError(error, 'NotFound')) this.#queue.forget(uid);
        else this.#queue.retry(uid);
      } finally {
        this.#queue.done(uid);
      }
    }
  }

  async #process(uid: string): Promise<void> {
    const vertex = this.#vertices.get(uid);
    if (!vertex) return;
    const { object } = vertex;
    const finalizers = object.metadata.finalizers ?? [];
    if (object.metadata.deletionTimestamp !== undefined) {
      if (finalizers.includes(orphan)) await this.#orphanDependents(vertex);
      else if (finalizers.includes(foreground)) await this.#deleteDependents(vertex);
      return;
    }
    const owners = await Promise.all(
      (object.metadata.ownerReferences ?? []).map((reference) => this.#stateOf(reference, object)),
    );
    const dependents = this.#dependentsOf(uid);
    const verdict = judge(object, owners, dependents.length > 0);
    if (verdict.do === 'delete') {
      if (verdict.policy === 'Foreground' && dependents.some(isDeletingDependents)) await this.#unblock(vertex);
      else await this.#delete(vertex, verdict.policy);
    } else if (verdict.do === 'drop references') await this.#dropReferences(vertex, verdict.uids);
  }

  #dependentsOf(uid: string): AnyObject[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#vertices.get(dependent)?.object ?? []);
  }

  async #stateOf(reference: OwnerReference, dependent: AnyObject): Promise<OwnerState> {
    const known = this.#vertices.get(reference.uid);
    if (known && fits(known, reference, dependent))
      return { reference, state: isDeletingDependents(known.object) ? 'deletingDependents' : 'present' };
    if (!known && this.#absent.has(reference.uid)) return { reference, state: 'gone' };
    // A kind we do not watch cannot be judged: its objects count as there. So do owners in a namespace of something that is in none.
    const kind = this.#kinds.find((each) => each.group === groupOf(reference) && each.kind === reference.kind);
    if (!kind || (kind.scope === 'Namespaced' && dependent.metadata.namespace === undefined))
      return { reference, state: 'present' };
    const place =
      kind.scope === 'Namespaced' && dependent.metadata.namespace !== undefined
        ? { namespace: dependent.metadata.namespace }
        : {};
    try {
      const live = await this.#client.get(kind, reference.name, place);
      if (live.metadata.uid === reference.uid) return { reference, state: 'present' };
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    // An owner that lives elsewhere is gone for this dependent alone.
    if (!known) this.#absent.add(reference.uid);
    return { reference, state: 'gone' };
  }

  async #delete({ kind, object }: Vertex, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Promise<void> {
    const { name, uid, resourceVersion } = object.metadata;
    await this.#client.delete(kind, name, {
      ...placeOf(object),
      propagationPolicy,
      preconditions: { uid, resourceVersion },
    });
  }

  /** Of a circle of owners in foreground deletion everyone waits for the next: this one blocks nobody any more. */
  async #unblock({ kind, object }: Vertex): Promise<void> {
    const before = object.metadata.ownerReferences ?? [];
    if (!before.some(({ blockOwnerDeletion }) => blockOwnerDeletion)) {
      await this.#delete({ kind, object }, 'Foreground');
      return;
    }
    const ownerReferences = before.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
    await this.#client.patch(kind, object.metadata.name, mergePatch(object, { ownerReferences }), placeOf(object));
    for (const { uid } of before) this.#queue.add(uid);
  }

  async #dropReferences({ kind, object }: Vertex, uids: readonly string[]): Promise<void> {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter(
      (reference) => !uids.includes(reference.uid),
    );
    await this.#client.patch(kind, object.metadata.name, mergePatch(object, { ownerReferences }), placeOf(object));
  }

  async #orphanDependents(vertex: Vertex): Promise<void> {
    const { uid } = vertex.object.metadata;
    for (const dependent of this.#dependentsOf(uid)) {
      const each = this.#vertices.get(dependent.metadata.uid);
      if (!each) continue;
      try {
        await this.#dropReferences(each, [uid]);
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    await this.#removeFinalizer(vertex, orphan);
  }

  async #deleteDependents(vertex: Vertex): Promise<void> {
    const { uid } = vertex.object.metadata;
    const dependents = this.#dependentsOf(uid);
    if (blocking(dependents, { uid }).length === 0) {
      await this.#removeFinalizer(vertex, foreground);
      return;
    }
    for (const dependent of dependents) this.#queue.add(dependent.metadata.uid);
  }

  async #removeFinalizer({ kind, object }: Vertex, name: string): Promise<void> {
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== name);
    await this.#client.patch(kind, object.metadata.name, mergePatch(object, { finalizers }), placeOf(object));
  }
}

const isDeletingDependents = ({ metadata: { deletionTimestamp, finalizers } }: AnyObject): boolean =>
  deletionTimestamp !== undefined && (finalizers?.includes(foreground) ?? false);

const groupOf = ({ apiVersion }: OwnerReference): string =>
  apiVersion.includes('/') ? (apiVersion.split('/')[0] as string) : '';

/** The object is the one that the reference names, where the dependent can have an owner. */
function fits({ kind, object: { metadata } }: Vertex, reference: OwnerReference, dependent: AnyObject): boolean {
  if (kind.kind !== reference.kind || kind.group !== groupOf(reference) || metadata.name !== reference.name)
    return false;
  return metadata.namespace === undefined || metadata.namespace === dependent.metadata.namespace;
}

/** Nothing that the graph is made of differs. */
function sameBonds({ metadata: a }: AnyObject, { metadata: b }: AnyObject): boolean {
  return (
    a.deletionTimestamp === b.deletionTimestamp &&
    deepEqual(a.ownerReferences, b.ownerReferences) &&
    deepEqual(a.finalizers, b.finalizers)
  );
}

/** Refused when somebody wrote since: the queue tries again with what is then true. */
const mergePatch = (object: AnyObject, metadata: object) => ({
  type: 'merge' as const,
  body: { metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion, ...metadata } },
});

const placeOf = (object: AnyObject): { namespace?: string } =>
  object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace };
