/**
 * A View: the objects of one kind (and selector), kept current by a list and a watch. It answers from memory, frozen and consistent at one
 * revision, and tells its listeners of every change. It must never hand out an object that a reader could write to.
 */
import { ApiError, isApiError } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { ObjectOf } from '#schema/kind.ts';
import type { Millis, World } from '#world/world.ts';
import type { AnyKind, Client } from './client.ts';

/** `namespace/name`, or the name alone for cluster-scoped kinds. */
export type ObjectKey = string;

export const keyOf = (object: {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): ObjectKey =>
  object.metadata.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata.name;

export interface Change<T> {
  /** Absent when the object was created. */
  readonly old: T | undefined;
  /** Absent when the object is gone. */
  readonly now: T | undefined;
}

export interface View<T> extends AsyncDisposable {
  get(key: ObjectKey): T | undefined;
  all(): Iterable<T>;
  readonly size: number;
  /** Objects whose index function answered `value`. */
  by(index: string, value: string): readonly T[];
  /** The newest revision this view has seen. A write at revision r shows once revision ≥ r. */
  readonly revision: number;
  /** Resolves when the first list is complete. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Called synchronously for every change after the first list, and for every object of it. */
  onChange(listener: (change: Change<T>) => void): Disposable;
  /** Called whenever `revision` grew (also by bookmarks), after the listeners of `onChange`. */
  onRevision(listener: (revision: number) => void): Disposable;
}

export interface ViewOptions<T> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Values under which an object is found with `by`. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
  /** Keep only what is needed of each object. */
  readonly project?: (object: T) => T;
  readonly signal?: AbortSignal;
}

const backoffMsMin: Millis = 50;
const backoffMsMax: Millis = 10_000;
/** A server that has shown nothing but the past for so long has lost the rest: its store was put back from a backup. */
const behindMsMax: Millis = 60_000;
/** Objects a page of the first list: 500 pods of 5.5 kB are 2.7 MB. */
const pageSize = 500;

/** Starts the list and watch; `await view.synced` before the first read. It re-lists and re-watches until disposed. */
export function startView<K extends AnyKind>(
  world: World,
  client: Client,
  kind: K,
  options: ViewOptions<ObjectOf<K>> = {},
): View<ObjectOf<K>> {
  return new ObjectView<ObjectOf<K> & AnyObject>(world, client, kind, options as never) as never;
}

class ObjectView<T extends AnyObject> implements View<T> {
  readonly #world: World;
  readonly #client: Client;
  readonly #kind: AnyKind;
  readonly #options: ViewOptions<T>;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, Map<string, Map<ObjectKey, T>>>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #revisionListeners = new Set<(revision: number) => void>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #revision = 0;
  /** Where a broken watch goes on; an older place would show the past again. Undefined: list anew. */
  #from: string | undefined;
  /** Since when the server shows what this view has long seen, and nothing newer. */
  #behindSince: Millis | undefined;
  #markSynced: () => void = () => {};
  hasSynced = false;
  readonly synced: Promise<void>;

  constructor(world: World, client: Client, kind: AnyKind, options: ViewOptions<T>) {
    this.#world = world;
    this.#client = client;
    this.#kind = kind;
    this.#options = options;
    for (const name of Object.keys(options.indexes ?? {})) this.#indexes.set(name, new Map());
    this.synced = new Promise((resolve) => (this.#markSynced = resolve));
    if (options.signal?.aborted) this.#stop.abort();
    else options.signal?.addEventListener('abort', () => this.#stop.abort(), { once: true });
    this.#running = this.#run();
  }

  get revision(): number {
    return this.#revision;
  }
  get size(): number {
    return this.#objects.size;
  }
  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }
  all(): Iterable<T> {
    return this.#objects.values();
  }
  by(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (!found) throw new Error(`the view of ${this.#kind.plural} has no index ${index}`);
    return [...(found.get(value)?.values() ?? [])];
  }
  onChange(listener: (change: Change<T>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
  onRevision(listener: (revision: number) => void): Disposable {
    this.#revisionListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#revisionListeners.delete(listener) };
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let backoffMs = backoffMsMin;
    while (!signal.aborted) {
      const before = this.#from;
      try {
        if (this.#from === undefined) {
          this.#from = await this.#list(signal);
          this.hasSynced = true;
          this.#markSynced();
        }
        const started = this.#world.clock.monotonic();
        await this.#watch(this.#from, signal);
        backoffMs = backoffMsMin;
        // A stream that ends at once, again and again, must not become a busy loop.
        if (this.#world.clock.monotonic() - started > backoffMs) continue;
      } catch (error) {
        if (signal.aborted) return;
        // A stream that brought something was a good one.
        if (this.#from !== before) backoffMs = backoffMsMin;
        if (isApiError(error, 'Expired', 'Gone')) this.#from = undefined;
        else if (!isApiError(error, 'ServiceUnavailable')) {
          this.#world.log.warn('a view lost its watch', { resource: this.#kind.plural, error: String(error) });
        }
      }
      await this.#world.clock
        .sleep(backoffMs * (1 + this.#world.random.fraction() / 2), { signal })
        .catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, backoffMsMax);
    }
  }

  #scope(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  /** Replaces the content by what the server has; answers the revision to watch from. */
  async #list(signal: AbortSignal): Promise<string> {
    const found = new Map<ObjectKey, T>();
    let next: string | undefined;
    let revision: string;
    do {
      const page = await this.#client.list(this.#kind, {
        ...this.#scope(),
        limit: pageSize,
        ...(next === undefined ? {} : { continue: next }),
        signal,
      });
      for (const object of page.items as readonly T[]) found.set(keyOf(object), object);
      revision = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    if (this.#isPast(revision)) throw new ApiError('ServiceUnavailable', 'the server is behind what it has shown');
    for (const key of [...this.#objects.keys()]) if (!found.has(key)) this.#set(key, undefined);
    for (const [key, object] of found) {
      if (this.#objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) this.#set(key, object);
    }
    this.#reach(revision);
    return revision;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const events = this.#client.watch(this.#kind, { ...this.#scope(), resourceVersion: from, bookmarks: true, signal });
    for await (const event of events) {
      if (event.type === 'ERROR') {
        throw new ApiError(
          event.object.code === 410 ? 'Expired' : 'InternalError',
          event.object.message ?? 'the watch failed',
        );
      }
      const revision = event.object.metadata.resourceVersion;
      // A server that is behind another one shows again what is long over.
      if (this.#isPast(revision)) continue;
      if (event.type !== 'BOOKMARK') {
        const object = event.object as T;
        this.#set(keyOf(object), event.type === 'DELETED' ? undefined : object);
      }
      this.#from = revision;
      this.#reach(revision);
    }
  }

  /** Whether this revision is older than what the view has; the view then stays as it is, unless the newer ones are gone for good. */
  #isPast(revision: string): boolean {
    if (Number(revision) >= this.#revision) {
      this.#behindSince = undefined;
      return false;
    }
    const now = this.#world.clock.monotonic();
    this.#behindSince ??= now;
    if (now - this.#behindSince < behindMsMax) return true;
    this.#world.log.warn('the server has gone back for good: a view begins anew', { resource: this.#kind.plural });
    this.#behindSince = undefined;
    this.#revision = 0;
    throw new ApiError('Expired', `revision ${revision} is older than what was seen`);
  }

  #reach(revision: string): void {
    const number = Number(revision);
    if (number <= this.#revision) return;
    this.#revision = number;
    for (const listener of this.#revisionListeners) listener(number);
  }

  #set(key: ObjectKey, incoming: T | undefined): void {
    const old = this.#objects.get(key);
    const now = incoming && this.#options.project ? this.#options.project(incoming) : incoming;
    // The end of what this view has never seen, or has seen end.
    if (!old && !now) return;
    if (now) this.#objects.set(key, now);
    else this.#objects.delete(key);
    for (const [name, index] of this.#indexes) {
      const values = this.#options.indexes?.[name];
      if (!values) continue;
      if (old) {
        for (const value of values(old)) {
          const bucket = index.get(value);
          bucket?.delete(key);
          if (bucket?.size === 0) index.delete(value);
        }
      }
      if (now) {
        for (const value of values(now)) {
          const bucket = index.get(value);
          if (bucket) bucket.set(key, now);
          else index.set(value, new Map([[key, now]]));
        }
      }
    }
    for (const listener of this.#listeners) listener({ old, now });
  }
}
