/**
 * The watch cache of one resource: its current state by key, a ring of recent events, and the cursors of everybody who watches. It is fed by the
 * store's own watch, which calls it before a write is acknowledged, so a read from here is always as fresh as the
 * last acknowledged write. It must never queue for a slow reader: each has a cursor into the ring, and one who falls off its
 * end is told so.
 */
import { ApiError } from '#meta/status.ts';
import type { AnyKind } from '#client/client.ts';
import { Compacted, type Revision, type Store, type StoreEvent } from '#store/store.ts';
import { entryOf, type Entry } from './entry.ts';

/** Events kept for watchers that resume: at 3,000 writes a second, five seconds of the busiest resource. */
const ringMax = 16_384;

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
  #wakers = new Set<() => void>();
  readonly #observers = new Set<(event: CacheEvent) => void>();
  #subscription: Disposable | undefined;

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
    this.#wake();
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

  /** A position right after `revision`. Throws 410 Expired when the events since then are gone. */
  async cursor(revision: Revision): Promise<Cursor> {
    if (revision < this.#oldest) await this.#recover(revision);
    let at = this.#ring.length;
    while (at > 0 && (this.#ring[at - 1] as CacheEvent).revision > revision) at--;
    return new Cursor(this, this.#first + at);
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
  after(sequence: number): { events: CacheEvent[]; next: number } | undefined {
    if (sequence < this.#first) return undefined;
    const events = this.#ring.slice(sequence - this.#first);
    return { events, next: sequence + events.length };
  }

  /** For Cursor: the sequence number of the next event to come. */
  get end(): number {
    return this.#first + this.#ring.length;
  }

  /** For Cursor: resolves at the next event. */
  changed(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => void this.#wakers.delete(wake);
  }

  #ordered(): string[] {
    this.#order ??= [...this.#entries.keys()].toSorted();
    return this.#order;
  }

  #receive(events: readonly StoreEvent[]): void {
    for (const event of events) this.#apply(event);
    if (this.#ring.length > ringMax * 1.25) {
      const drop = this.#ring.length - ringMax;
      this.#oldest = (this.#ring[drop - 1] as CacheEvent).revision;
      this.#ring = this.#ring.slice(drop);
      this.#first += drop;
    }
    this.#wake();
  }

  #apply(event: StoreEvent): void {
    const { key } = event.entry;
    const previous = this.#entries.get(key);
    const deleted = event.type === 'delete';
    if (deleted && !previous) return;
    const entry = deleted ? lastState(this.kind, previous as Entry, event) : entryOf(this.kind, event.entry);
    if (deleted) {
      this.#entries.delete(key);
      removeKey(this.#order, key);
    } else {
      this.#entries.set(key, entry);
      if (!previous) insertKey(this.#order, key);
    }
    const change: CacheEvent = { revision: event.entry.modRevision, entry, previous, deleted };
    this.#ring.push(change);
    for (const observer of this.#observers) observer(change);
  }

  /** After a restart the ring is empty: the store's own history fills it backwards, so that watches resume. */
  async #recover(revision: Revision): Promise<void> {
    const oldest = this.#oldest;
    const older: CacheEvent[] = [];
    const states = new Map<string, Entry>();
    try {
      using _replay = await this.#store.watch(this.prefix, revision, (events) => {
        for (const event of events) {
          if (event.entry.modRevision > oldest) continue;
          const { key } = event.entry;
          const previous = states.get(key) ?? (event.previous ? entryOf(this.kind, event.previous) : undefined);
          const deleted = event.type === 'delete';
          if (deleted && !previous) continue;
          const entry = deleted ? lastState(this.kind, previous as Entry, event) : entryOf(this.kind, event.entry);
          if (deleted) states.delete(key);
          else states.set(key, entry);
          older.push({ revision: event.entry.modRevision, entry, previous, deleted });
        }
      });
    } catch (error) {
      if (!(error instanceof Compacted)) throw error;
      throw new ApiError('Expired', `too old resource version: ${revision} (${oldest})`, { cause: error });
    }
    if (this.#oldest !== oldest) return this.#oldest > revision ? this.#recover(revision) : undefined;
    if (older.length > ringMax) throw new ApiError('Expired', `too old resource version: ${revision} (${oldest})`);
    this.#ring = [...older, ...this.#ring];
    this.#first -= older.length;
    this.#oldest = revision;
  }

  #wake(): void {
    if (this.#wakers.size === 0) return;
    const wakers = this.#wakers;
    this.#wakers = new Set();
    for (const wake of wakers) wake();
  }
}

/** A reader's place in the ring. */
export class Cursor {
  readonly #cache: WatchCache;
  #next: number;

  constructor(cache: WatchCache, next: number) {
    this.#cache = cache;
    this.#next = next;
  }

  /** What came since the last take; throws 410 Expired for a reader who was too slow. */
  take(): readonly CacheEvent[] {
    const batch = this.#cache.after(this.#next);
    if (!batch) throw new ApiError('Expired', 'too old resource version: the watcher fell behind');
    this.#next = batch.next;
    return batch.events;
  }

  /** Something is there to take (or was lost). */
  get pending(): boolean {
    return this.#next !== this.#cache.end;
  }

  /** Resolves at the next event, or when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.pending) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.#cache.changed(done);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      forget();
      signal.removeEventListener('abort', done);
      resolve();
    }
    return promise;
  }
}

/** A deletion shows the last state under the deletion's revision. */
function lastState(kind: AnyKind, previous: Entry, event: StoreEvent): Entry {
  const old = `"resourceVersion":"${previous.revision}",`;
  const head = previous.bytes.indexOf(old);
  const value = Buffer.concat([previous.bytes.subarray(0, head), previous.bytes.subarray(head + old.length)]);
  return entryOf(kind, {
    key: previous.key,
    value,
    modRevision: event.entry.modRevision,
    createRevision: previous.createRevision,
  });
}

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
