/**
 * The revisioned key-value log under the API server: keys, bytes and revisions, as etcd v3 defines them. It must never know
 * what Kubernetes is. `memory.ts`, `sqlite/` and `etcd/` implement it and pass one suite (`suite.ts`).
 */

/** One number for the whole store, 1 when empty, raised by one by every transaction that writes. Safe integers only. */
export type Revision = number;

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 after creation, raised by each put. */
  readonly version: number;
  /** Only of a store that encrypts: why the value cannot be decrypted. `value` is empty then. */
  readonly unreadable?: Untransformable;
}

/** Put only if the key's modRevision equals `expect` (0: the key must not exist). Absent: unconditional. */
export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly value: Buffer; readonly expect?: Revision }
  | { readonly op: 'delete'; readonly key: string; readonly expect?: Revision }
  /** Writes nothing: only if the key's modRevision equals `expect` is the rest of the transaction done. */
  | { readonly op: 'check'; readonly key: string; readonly expect: Revision }
  /**
   * Only if no key from `key` on and before `to` (absent: to the last) was put after `since` is the rest done. What was deleted
   * since is not seen: whoever needs that checks each key.
   */
  | {
      readonly op: 'check-range';
      readonly key: string;
      readonly to?: string;
      readonly since: Revision;
      readonly expect?: undefined;
    };

export type WriteOperation = Extract<Operation, { op: 'put' | 'delete' }>;

export const isWrite = (operation: Operation): operation is WriteOperation =>
  operation.op === 'put' || operation.op === 'delete';

export type TxnResult =
  | { readonly ok: true; readonly revision: Revision }
  /** Nothing was written. `conflict` is the first key whose comparison failed and what stands there now. */
  | {
      readonly ok: false;
      readonly conflict: { readonly key: string; readonly current: Entry | undefined };
      readonly revision: Revision;
    };

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** For a delete: the key with its last value and the revision of the deletion as modRevision. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
}

export interface RangeOptions {
  /** Read the state as of this revision; throws Compacted or FutureRevision. */
  readonly revision?: Revision;
  readonly limit?: number;
  /** Start at this key (inclusive) instead of the prefix' first. */
  readonly from?: string;
  /** End before this key. */
  readonly to?: string;
}

export interface RangeResult {
  readonly entries: readonly Entry[];
  /** The store's revision at the read (the latest, also when an older state was read). */
  readonly revision: Revision;
  /** How many entries the prefix holds from `from` on and before `to`, not cut by `limit`. */
  readonly count: number;
}

/**
 * All methods may reject with StoreFailed after an I/O error; the store is then closed for good and `failed` resolves: the
 * process must stop rather than lie. `txn` and `compact` may reject with StoreFull, every
 * method of a store on other machines with StoreUnavailable.
 */
export interface Store extends AsyncDisposable {
  get(key: string, options?: { revision?: Revision }): Promise<Entry | undefined>;
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>;
  /** Atomic, durable when it resolves. Every local watcher has been called with its events before it resolves. */
  txn(operations: readonly Operation[]): Promise<TxnResult>;
  /**
   * Calls `onEvents` with every change under `prefix` after revision `after`, in order, each revision exactly once, never
   * split over two calls. Throws Compacted when `after` is older than the compaction. `onEvents` is synchronous and must not throw.
   */
  watch(
    prefix: string,
    after: Revision,
    onEvents: (events: readonly StoreEvent[], revision: Revision) => void,
  ): Promise<Disposable>;
  /** Forgets history before `revision`; the current state of every key stays. */
  compact(revision: Revision): Promise<void>;
  revision(): Revision;
  /**
   * Resolves once the local watchers have seen everything that was acknowledged before the call, by whichever process: what is known here then is as fresh as a
   * read of the store. Answers the revision. Costs nothing where this process is the only writer.
   */
  sync(): Promise<Revision>;
  compactRevision(): Revision;
  sizeBytes(): Promise<number>;
  /** Gives room that is free inside its files back to the disk. Absent where there is nothing to give back. */
  defragment?(): Promise<void>;
  readonly failed: Promise<Error>;
  /** Other processes may write to it too. */
  readonly shared?: boolean;
  /** What else is to be known about its health: by name, undefined or what is wrong. Absent where there is nothing. */
  readonly checks?: Readonly<Record<string, () => string | undefined>>;
  /** Numbers for whoever watches it, by the name of the metric. */
  readonly gauges?: Readonly<Record<string, { readonly help: string; readonly value: () => number }>>;
  /** Numbers with labels. */
  readonly families?: readonly MetricFamily[];
  /** Only of a store that encrypts: whether the value would be stored in another form now, so that even a write that changes nothing has something to write. */
  stale?(key: string): Promise<boolean>;
}

/** Several series of one metric. */
export type MetricFamily = { readonly name: string; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly series: () => Iterable<NumberSeries> }
  | { readonly type: 'histogram'; readonly series: () => Iterable<HistogramSeries> }
);

export interface NumberSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly bounds: readonly number[];
  /** How many were at most `bounds[i]` and more than the bound before; the last are above all bounds. */
  readonly counts: Float64Array;
  readonly sum: number;
}

export class Compacted extends Error {
  readonly compactRevision: Revision;
  constructor(compactRevision: Revision) {
    super(`the requested revision has been compacted; the oldest is ${compactRevision}`);
    this.name = 'Compacted';
    this.compactRevision = compactRevision;
  }
}

export class FutureRevision extends Error {
  constructor(asked: Revision, current: Revision) {
    super(`revision ${asked} is in the future; the store is at ${current}`);
    this.name = 'FutureRevision';
  }
}

/**
 * There is no room: the transaction wrote nothing. Reads and transactions that only delete go on; the store tries again by
 * itself and takes everything once there is room.
 */
export class StoreFull extends Error {
  constructor(message = 'the store is full: only reads and deletions are possible until there is room again') {
    super(message);
    this.name = 'StoreFull';
  }
}

/**
 * A store on other machines cannot be reached now; it tries on by itself. A transaction that ends so may yet have been
 * written: who needs to know reads again.
 */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

/** A value that cannot be encrypted (then nothing was written) or decrypted. Says why, with nothing of it. */
export class Untransformable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Untransformable';
  }
}

export class StoreFailed extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreFailed';
  }
}
