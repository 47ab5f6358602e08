/**
 * The watch cache of one resource: its current state by key, a ring of recent events, and the cursors of everybody who watches. It is fed by the
 * store's own watch, which calls it before a write is acknowledged, so a read from here is always as fresh as the
 * last acknowledged write. It must never queue for a slow reader: each has a cursor into the ring, and one who falls off its
 * end is told so. A reader of one namespace or one name is woken only for what happens there.
 */
import { ApiError } from '#meta/status.ts';
import { Waiters, type Scope } from './waiters.ts';
import type { AnyKind } from '#client/client.ts';
import { Compacted, type Revision, type Store, type StoreEvent } from '#store/store.ts';
import { entryOf, type Entry } from './entry.ts';
import { answered } from './fresh.ts';

/** Events kept for watchers that resume: at 3,000 writes a second, five seconds of the busiest resource. */
const ringMax = 16_384;
/** And no more than this of JSON: large objects leave the ring sooner. */
const ringBytesMax = 64 * 1024 * 1024;

export interface CacheEvent {
  readonly revision: Revision;
  /** What stands now; for a deletion, the last state with the deletion's revision. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
  readonly deleted: boolean;
}

export class WatchCache {
  readonly kind: AnyKind;
  readonly prefix: string;
  readonly #store: Store;
  readonly #entries = new Map<string, Entry>();
  /** Keys in order; rebuilt when a key came since the last ordered read. */
  #order: string[] | undefined = [];
  #ring: CacheEvent[] = [];
  /** Sequence number of the ring's first event: cursors count from the beginning of time. */
  #first = 0;
  /** A watch may start at this revision or later. */
  #oldest: Revision = 0;
  #ringBytes = 0;
  readonly #waiters = new Waiters();
  readonly #observers = new Set<(event: CacheEvent) => void>();
  #subscription: Disposable | undefined;
  #recovering: Promise<void> | undefined;

  constructor(store: Store, kind: AnyKind) {
    this.#store = store;
    this.kind = kind;
    this.prefix = prefixOf(kind);
  }

  /** Loads the current state and follows the store from there. */
  async start(): Promise<void> {
    const { entries, revision } = await this.#store.range(this.prefix);
    for (const stored of entries) this.#entries.set(stored.key, entryOf(this.kind, stored));
    this.#order = undefined;
    this.#oldest = revision;
    this.#subscription = await this.#store.watch(this.prefix, revision, (events) => this.#receive(events));
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
    this.#waiters.wakeAll(this.end);
  }

  /** The store's revision: everything up to it is in here. */
  get revision(): Revision {
    return this.#store.revision();
  }
  get size(): number {
    return this.#entries.size;
  }
  key(namespace: string | undefined, name: string): string {
    return namespace === undefined ? this.prefix + name : `${this.prefix}${namespace}/${name}`;
  }
  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }
  values(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Entries whose key starts with `prefix`, in key order, from `from` (inclusive) on. */
  *range(prefix: string, from = prefix): Generator<Entry> {
    const order = this.#ordered();
    for (let i = lowerBound(order, from); i < order.length; i++) {
      const key = order[i] as string;
      if (!key.startsWith(prefix)) return;
      yield this.#entries.get(key) as Entry;
    }
  }

  /** Called synchronously with every event from now on. */
  observe(observer: (event: CacheEvent) => void): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  /** All entries under `prefix` at this moment, in key order. What changes later does not change the answer. */
  snapshot(prefix: string, from = prefix): Entry[] {
    return [...this.range(prefix, from)];
  }

  /** One page at this moment: at most `limit` entries, the key of the next and how many are left with it. */
  page(prefix: string, from: string, limit: number): { entries: Entry[]; next: string | undefined; remaining: number } {
    const order = this.#ordered();
    const start = lowerBound(order, from);
    const end = prefix === this.prefix ? order.length : lowerBound(order, afterPrefix(prefix));
    const stop = Math.min(start + limit, end);
    const entries: Entry[] = [];
    for (let i = start; i < stop; i++) entries.push(this.#entries.get(order[i] as string) as Entry);
    return { entries, next: stop < end ? order[stop] : undefined, remaining: Math.max(0, end - stop) };
  }

  /** A position right after `revision`, for a reader of `scope`. Throws 410 Expired when the events since then are gone, ServiceUnavailable while the store is away. */
  async cursor(revision: Revision, scope: Scope = {}): Promise<Cursor> {
    while (revision < this.#oldest) {
      // What one reader has read back serves others: after a restart all of them come at once.
      if (this.#recovering) await this.#recovering.catch(() => undefined); // Its own reader hears of it.
      else await (this.#recovering = this.#recover(revision).finally(() => (this.#recovering = undefined)));
    }
    let at = this.#ring.length;
    while (at > 0 && (this.#ring[at - 1] as CacheEvent).revision > revision) at--;
    return new Cursor(this, this.#first + at, scope);
  }

  /** The state this entry had at a write, if the ring still knows it. */
  written(key: string, revision: Revision): Entry | undefined {
    const current = this.#entries.get(key);
    if (current?.revision === revision) return current;
    for (let i = this.#ring.length - 1; i >= 0; i--) {
      const event = this.#ring[i] as CacheEvent;
      if (event.revision < revision) return undefined;
      if (event.revision === revision && event.entry.key === key) return event.entry;
    }
    return undefined;
  }

  /** True when the ring proves that nothing changed after `revision`. */
  quietSince(revision: Revision): boolean {
    return revision >= this.#oldest && (this.#ring.at(-1)?.revision ?? 0) <= revision;
  }

  /** For Cursor: the events from a sequence number on, or undefined when they have left the ring. */
  after(sequence: number, max: number): { events: CacheEvent[]; next: number } | undefined {
    if (sequence < this.#first) return undefined;
    const at = sequence - this.#first;
    const events = this.#ring.slice(at, at + max);
    return { events, next: sequence + events.length };
  }

  /** For Cursor: the sequence number of the next event to come. */
  get end(): number {
    return this.#first + this.#ring.length;
  }

  /** For Cursor: `wake` is called once with the sequence number of the next event of `scope`. */
  changed(scope: Scope, wake: (sequence: number) => void): () => void {
    return this.#waiters.add(scope, wake);
  }

  #ordered(): string[] {
    this.#order ??= [...this.#entries.keys()].toSorted();
    return this.#order;
  }

  #receive(events: readonly StoreEvent[]): void {
    for (const event of events) this.#apply(event);
    if (this.#ring.length > ringMax * 1.25) this.#drop(this.#ring.length - ringMax);
    else if (this.#ringBytes > ringBytesMax * 1.25) {
      let drop = 0;
      for (let left = this.#ringBytes; left > ringBytesMax; drop++) left -= (this.#ring[drop] as CacheEvent).entry.size;
      this.#drop(drop);
    }
  }

  #drop(count: number): void {
    this.#oldest = (this.#ring[count - 1] as CacheEvent).revision;
    for (let i = 0; i < count; i++) this.#ringBytes -= (this.#ring[i] as CacheEvent).entry.size;
    this.#ring = this.#ring.slice(count);
    this.#first += count;
  }

  #apply(event: StoreEvent): void {
    const { key } = event.entry;
    const previous = this.#entries.get(key);
    const deleted = event.type === 'delete';
    if (deleted && !previous) return;
    const entry = deleted ? (previous as Entry).at(event.entry.modRevision) : entryOf(this.kind, event.entry);
    if (deleted) {
      this.#entries.delete(key);
      removeKey(this.#order, key);
    } else {
      this.#entries.set(key, entry);
      if (!previous) insertKey(this.#order, key);
    }
    const change: CacheEvent = { revision: event.entry.modRevision, entry, previous, deleted };
    this.#waiters.wake(entry, this.end);
    this.#ring.push(change);
    this.#ringBytes += entry.size;
    // Nothing can be learned from what cannot be read; what was known before stays.
    if (!entry.unreadable || deleted) for (const observer of this.#observers) observer(change);
  }

  /** After a restart the ring is empty: the store's own history fills it backwards, so that watches resume. */
  async #recover(revision: Revision): Promise<void> {
    const oldest = this.#oldest;
    const older: CacheEvent[] = [];
    const states = new Map<string, Entry>();
    try {
      const replay = this.#store.watch(this.prefix, revision, (events) => {
        for (const event of events) {
          if (event.entry.modRevision > oldest) continue;
          const { key } = event.entry;
          const previous = states.get(key) ?? (event.previous ? entryOf(this.kind, event.previous) : undefined);
          const deleted = event.type === 'delete';
          if (deleted && !previous) continue;
          const entry = deleted ? (previous as Entry).at(event.entry.modRevision) : entryOf(this.kind, event.entry);
          if (deleted) states.delete(key);
          else states.set(key, entry);
          older.push({ revision: event.entry.modRevision, entry, previous, deleted });
        }
      });
      (await answered(replay))[Symbol.dispose]();
    } catch (error) {
      if (!(error instanceof Compacted)) throw error;
      throw new ApiError('Expired', `too old resource version: ${revision} (${oldest})`, { cause: error });
    }
    // The ring has lost its oldest events meanwhile: once more.
    if (this.#oldest !== oldest) return;
    if (older.length > ringMax) throw new ApiError('Expired', `too old resource version: ${revision} (${oldest})`);
    this.#ring = [...older, ...this.#ring];
    for (const { entry } of older) this.#ringBytes += entry.size;
    this.#first -= older.length;
    this.#oldest = revision;
  }
}

/** Events a reader holds at a time: what a stalled client keeps alive beside the ring. */
const takeMax = 256;

/** A reader's place in the ring. */
export class Cursor {
  readonly #cache: WatchCache;
  readonly #scope: Scope;
  #next: number;
  /** Set while the reader waits: what passes by then is not for it, so it cannot fall behind. */
  #waiting: (() => void) | undefined;

  constructor(cache: WatchCache, next: number, scope: Scope) {
    this.#cache = cache;
    this.#next = next;
    this.#scope = scope;
  }

  /** What came since the last take; throws 410 Expired for a reader who was too slow. */
  take(): readonly CacheEvent[] {
    const batch = this.#cache.after(this.#next, takeMax);
    if (!batch) throw new ApiError('Expired', 'too old resource version: the watcher fell behind');
    this.#next = batch.next;
    return batch.events;
  }

  /** Something may be there to take (or was lost). */
  get pending(): boolean {
    return this.#next !== this.#cache.end;
  }

  /** Resolves at the next event of the scope, or when `wake` is called. */
  wait(): Promise<void> {
    if (this.pending) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.#cache.changed(this.#scope, (sequence) => {
      this.#waiting = undefined;
      this.#next = sequence;
      resolve();
    });
    this.#waiting = () => {
      forget();
      this.#waiting = undefined;
      this.#next = this.#cache.end;
      resolve();
    };
    return promise;
  }

  /** Ends a wait; everything up to now has been seen then. */
  wake(): void {
    this.#waiting?.();
  }
}

/** The first key behind all that start with `prefix`: its last character is `/`, whose successor is `0`. */
const afterPrefix = (prefix: string): string => `${prefix.slice(0, -1)}0`;

/** `/registry/pods/`: upstream's keys; groups beside core are part of the path only for kinds that upstream stores so. */
export function prefixOf(kind: AnyKind): string {
  return `/registry/${kind.storagePrefix}/`;
}

function lowerBound(order: readonly string[], key: string): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((order[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insertKey(order: string[] | undefined, key: string): void {
  if (!order) return;
  const at = lowerBound(order, key);
  if (at === order.length) order.push(key);
  else order.splice(at, 0, key);
}

function removeKey(order: string[] | undefined, key: string): void {
  if (!order) return;
  const at = lowerBound(order, key);
  if (order[at] === key) order.splice(at, 1);
}
