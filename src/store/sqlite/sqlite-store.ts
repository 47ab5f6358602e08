/**
 * The embedded durable store. Current state is served from memory on the main thread; the log, its history and all writing
 * belong to a worker thread. Transactions that arrive while one commit runs share the next one (group commit): each is
 * decided at once against the state that the waiting ones will leave, and shown, to readers, watchers and its writer, only
 * after the disk has it. Any I/O error ends the store for good; a full disk only ends puts, until there is room again.
 */
import { dirname } from 'node:path';
import { SortedMap } from '#base/sorted-map.ts';
import type { World } from '#world/world.ts';
import {
  Compacted,
  FutureRevision,
  StoreFailed,
  StoreFull,
  type Entry,
  type Operation,
  type RangeOptions,
  type RangeResult,
  type Revision,
  type Store,
  type StoreEvent,
  type TxnResult,
} from '../store.ts';
import { decide, type State as Expected } from '../transaction.ts';
import { Watchers, type Change, type OnEvents } from '../watchers.ts';
import type { Tuning } from './data-file.ts';
import type { Answer, Question } from './protocol.ts';
import { entryOf, pack, revisionOf, rowId, unpack, type PackedRows, type Row } from './rows.ts';
import { startScrub } from './scrub.ts';
import { startSpace, type Space } from './space.ts';
import { Writer } from './writer.ts';

/** One commit: what it holds delays the answer of its first writer. */
const batchRowsMax = 2_000;
const batchBytesMax = 8 * 1024 * 1024;
/** More would make smaller commits: measured, a second batch on its way gains nothing. */
const batchesInFlightMax = 1;
/** Far above what the API server lets in at once; a caller without any limit meets this one. */
const waitingMax = 100_000;
/** Changes a page when a watch reads history. */
const historyPage = 500;

export interface SqliteStoreOptions {
  /** The data file; its directory is made. SQLite keeps `<path>-wal` beside it. */
  readonly path: string;
  readonly tuning?: Tuning;
}

/** A store whose data is one file. */
export interface SqliteStore extends Store {
  /** Copies the data file as it is at one commit, while everything goes on. Rejects when the copy cannot be written. */
  backup(path: string): Promise<void>;
  /**
   * Leaves nothing of deleted and superseded rows in the data file and its log: the file is written anew. Writers wait for it, about a second
   * for each hundred megabytes. Rejects with StoreFull.
   */
  purge(): Promise<void>;
  /** Collects the garbage of the store's thread, which blocks it for some milliseconds. */
  collectGarbage(): Promise<void>;
}

/**
 * Opens or creates the data file. Rejects with StoreFailed, naming the file, when it is in use, damaged or not ours.
 */
export async function openSqliteStore(world: World, options: SqliteStoreOptions): Promise<SqliteStore> {
  const { path, tuning = {} } = options;
  await world.disk.makeDirectory(dirname(path), { mode: 0o700 });
  // Secrets are in it: created by us, so that no umask can open it to others.
  if (!(await world.disk.stat(path))) await world.disk.write(path, '', { mode: 0o600 });
  const writer = new Writer({ path, tuning });
  const { revision, compacted } = await writer.opened();
  const current = new SortedMap<Entry>();
  for (;;) {
    const { rows } = await writer.ask({ ask: 'load' });
    const before = current.size;
    for (const row of unpack(rows as PackedRows)) current.set(row.key, entryOf(row));
    if (current.size === before) break;
  }
  return new LogStore(world, writer, { path, current, revision, compacted });
}

interface Waiting {
  readonly change: Change;
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: unknown) => void;
}

interface State {
  readonly path: string;
  readonly current: SortedMap<Entry>;
  readonly revision: Revision;
  readonly compacted: Revision;
}

class LogStore implements SqliteStore {
  readonly checks: NonNullable<Store['checks']>;
  readonly gauges: NonNullable<Store['gauges']>;
  readonly #space: Space;
  readonly #scrub: AsyncDisposable;
  readonly #writer: Writer;
  readonly #current: SortedMap<Entry>;
  readonly #watchers = new Watchers();
  /** Of keys with a decided change that is not yet on disk: the last of them. */
  readonly #pending = new Map<string, { entry: Entry | undefined; revision: Revision }>();
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #flushing = false;
  /** Answers that would tell of changes not yet on disk, in order. */
  #answers: { after: Revision; answer: () => void; reject: (error: unknown) => void }[] = [];
  /** The last committed revision, and the last one given out. */
  #revision: Revision;
  #head: Revision;
  #compacted: Revision;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(world: World, writer: Writer, { path, current, revision, compacted }: State) {
    this.#writer = writer;
    this.#current = current;
    this.#revision = this.#head = revision;
    this.#compacted = compacted;
    void writer.failed.then((error) => this.#onFailed(error));
    this.#space = startSpace(world, path, async () => !(await writer.ask({ ask: 'probe' })).full);
    const scrub = startScrub(world, (after) => writer.ask({ ask: 'scrub-step', after }));
    this.#scrub = scrub;
    this.checks = { 'store-scrub': () => writer.failure?.message };
    this.gauges = {
      k8ts_store_full: {
        help: 'Whether the store refuses writes until its disk has room again.',
        value: () => Number(this.#space.full),
      },
      ...scrub.gauges,
    };
  }

  get failed(): Promise<Error> {
    return this.#writer.failed;
  }

  revision(): Revision {
    return this.#revision;
  }

  /** Nobody else writes: what was acknowledged has been shown. */
  async sync(): Promise<Revision> {
    this.#requireOpen();
    return this.#revision;
  }

  compactRevision(): Revision {
    return this.#compacted;
  }

  async get(key: string, options?: { revision?: Revision }): Promise<Entry | undefined> {
    const revision = this.#readAt(options?.revision);
    if (revision === undefined) return this.#current.get(key);
    const { rows } = await this.#writer.ask({ ask: 'get', key, revision });
    const [row] = unpack(rows as PackedRows);
    return row && entryOf(row);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    const revision = this.#readAt(options.revision);
    const { from, to, limit } = options;
    if (revision === undefined) {
      const { values, count } = this.#current.range(prefix, { from, to, limit });
      return { entries: values, revision: this.#revision, count };
    }
    const now = this.#revision;
    const { count } = this.#current.range(prefix, { from, to, limit: 0 });
    const answer = await this.#writer.ask({ ask: 'range', prefix, revision, now, from, to, limit });
    const entries = [...unpack(answer.rows as PackedRows)].map(entryOf);
    return { entries, revision: this.#revision, count: count + (answer.more as number) };
  }

  async txn(operations: readonly Operation[]): Promise<TxnResult> {
    this.#requireOpen();
    if (this.#waiting.length >= waitingMax)
      throw new RangeError(`${waitingMax} transactions are waiting for the disk already`);
    if (this.#space.full) {
      if (operations.some(({ op }) => op === 'put')) throw new StoreFull();
      await this.#space.released;
      this.#requireOpen();
    }
    const decision = decide(operations, this.#state, this.#head + 1);
    if ('conflict' in decision) {
      const { conflict } = decision;
      return this.#whenDurable([...operations, conflict], () => ({ ok: false, conflict, revision: this.#revision }));
    }
    const { events } = decision;
    if (events.length === 0) return this.#whenDurable(operations, () => ({ ok: true, revision: this.#revision }));
    const revision = ++this.#head;
    for (const { type, entry } of events) {
      this.#pending.set(entry.key, { entry: type === 'put' ? entry : undefined, revision });
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change: { revision, events }, resolve, reject });
      if (this.#flushing || this.#inFlight >= batchesInFlightMax) return;
      this.#flushing = true;
      // Transactions of the same turn go together.
      queueMicrotask(() => this.#flush());
    });
  }

  async watch(prefix: string, after: Revision, onEvents: OnEvents): Promise<Disposable> {
    this.#requireOpen();
    if (after < this.#compacted) throw new Compacted(this.#compacted);
    const registration = this.#watchers.add(prefix, after, onEvents);
    // What commits from now on waits in the registration: history ends exactly here.
    const through = this.#revision;
    try {
      for (let at = after; at < through;) {
        if (at < this.#compacted) throw new Compacted(this.#compacted);
        const page = await this.#writer.ask({ ask: 'history', prefix, after: at, through, limit: historyPage });
        for (const change of changesOf(page.rows as PackedRows)) registration.replay(change);
        at = page.through as Revision;
      }
      this.#requireOpen();
      if (!registration.live()) throw new Compacted(this.#revision);
      return registration;
    } catch (error) {
      registration[Symbol.dispose]();
      throw error;
    }
  }

  async compact(revision: Revision): Promise<void> {
    this.#requireOpen();
    if (revision > this.#revision) throw new FutureRevision(revision, this.#revision);
    if (revision <= this.#compacted) return;
    await this.#askRoom({ ask: 'compact', revision });
    this.#compacted = Math.max(this.#compacted, revision);
    while (!(await this.#askRoom({ ask: 'compact-step' })).done);
    while (!(await this.#askRoom({ ask: 'vacuum-step' })).done);
  }

  async backup(path: string): Promise<void> {
    this.#requireOpen();
    await this.#writer.copy(path);
  }

  async purge(): Promise<void> {
    this.#requireOpen();
    await this.#askRoom({ ask: 'purge' });
  }

  async collectGarbage(): Promise<void> {
    await this.#writer.ask({ ask: 'collect' });
  }

  async defragment(): Promise<void> {
    this.#requireOpen();
    while (!(await this.#askRoom({ ask: 'vacuum-step' })).done);
  }

  async #askRoom(question: Question): Promise<Answer> {
    const answer = await this.#writer.ask(question);
    if (answer.full) throw new StoreFull();
    return answer;
  }

  async sizeBytes(): Promise<number> {
    this.#requireOpen();
    return (await this.#writer.ask({ ask: 'size' })).bytes as number;
  }

  /** Lets the waiting transactions finish, then closes the file. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (!this.#writer.failure && (this.#waiting.length > 0 || this.#inFlight > 0)) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#watchers.clear();
    await Promise.all([this.#space[Symbol.asyncDispose](), this.#scrub[Symbol.asyncDispose]()]);
    await this.#writer.end();
  }

  /** What will be once all decided transactions are on disk. */
  readonly #state: Expected = {
    get: (key) => {
      const pending = this.#pending.get(key);
      return pending ? pending.entry : this.#current.get(key);
    },
    putSince: (from, to, since) => {
      for (const { entry } of this.#pending.values())
        if (entry && entry.key >= from && (to === undefined || entry.key < to) && entry.modRevision > since)
          return entry;
      return this.#current
        .range('', { from, to })
        .values.find(({ key, modRevision }) => modRevision > since && !this.#pending.has(key));
    },
  };

  /** Answers now, or after the commit of the pending changes that the answer rests on. */
  #whenDurable(touched: readonly { readonly key: string }[], answer: () => TxnResult): TxnResult | Promise<TxnResult> {
    let after = 0;
    for (const { key } of touched) after = Math.max(after, this.#pending.get(key)?.revision ?? 0);
    if (after === 0) return answer();
    return new Promise((resolve, reject) => {
      this.#answers.push({ after, answer: () => resolve(answer()), reject });
    });
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#waiting.length > 0 && this.#inFlight < batchesInFlightMax && !this.#writer.failure) {
      const rows: Row[] = [];
      let bytes = 0;
      let taken = 0;
      while (taken < this.#waiting.length && rows.length < batchRowsMax && bytes < batchBytesMax) {
        const { revision, events } = (this.#waiting[taken++] as Waiting).change;
        for (const [position, event] of events.entries()) {
          rows.push(rowOf(event, rowId(revision, position)));
          bytes += event.entry.value.length;
        }
      }
      const batch = this.#waiting.splice(0, taken);
      this.#inFlight++;
      this.#writer.ask({ ask: 'write', rows: pack(rows) }).then(
        ({ full }) => (full ? this.#onFull(batch) : this.#onCommitted(batch)),
        (error: unknown) => {
          for (const { reject } of batch) reject(error);
        },
      );
    }
  }

  #onCommitted(batch: readonly Waiting[]): void {
    this.#inFlight--;
    // First, so that the disk works while we tell.
    this.#flush();
    for (const { change, resolve } of batch) {
      const { revision, events } = change;
      for (const { type, entry } of events) {
        if (type === 'put') this.#current.set(entry.key, entry);
        else this.#current.delete(entry.key);
        if (this.#pending.get(entry.key)?.revision === revision) this.#pending.delete(entry.key);
      }
      this.#revision = revision;
      this.#watchers.notify(change);
      resolve({ ok: true, revision });
    }
    while (this.#answers.length > 0 && (this.#answers[0] as { after: Revision }).after <= this.#revision)
      this.#answers.shift()?.answer();
    if (this.#inFlight === 0 && this.#waiting.length === 0) this.#onIdle?.();
  }

  /** Nothing of the batch was written, so what was decided after it rests on nothing: all of it is refused. */
  #onFull(batch: readonly Waiting[]): void {
    this.#inFlight--;
    this.#space.exhausted();
    this.#pending.clear();
    this.#head = this.#revision;
    const error = new StoreFull();
    for (const { reject } of batch) reject(error);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const { reject } of this.#answers.splice(0)) reject(error);
    this.#onIdle?.();
  }

  #onFailed(error: Error): void {
    // Nothing may keep a process alive that has no store any more.
    void this.#space[Symbol.asyncDispose]();
    void this.#scrub[Symbol.asyncDispose]();
    this.#watchers.clear();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const { reject } of this.#answers.splice(0)) reject(error);
    this.#onIdle?.();
  }

  /** The revision to ask the log for; undefined when memory answers. */
  #readAt(asked: Revision | undefined): Revision | undefined {
    this.#requireOpen();
    if (asked === undefined || asked === 0) return undefined;
    if (asked > this.#revision) throw new FutureRevision(asked, this.#revision);
    if (asked < this.#compacted) throw new Compacted(this.#compacted);
    return asked === this.#revision ? undefined : asked;
  }

  #requireOpen(): void {
    if (this.#writer.failure) throw this.#writer.failure;
    if (this.#closing) throw new StoreFailed('the store is closed');
  }
}

function rowOf({ type, entry }: StoreEvent, id: number): Row {
  const { key, createRevision, version, value } = entry;
  return { id, key, createRevision, version: type === 'put' ? version : 0, value: type === 'put' ? value : undefined };
}

/** Pairs of a row and what stood before it, put together to one change a revision. */
function* changesOf(rows: PackedRows): IterableIterator<Change> {
  let revision = 0;
  let events: StoreEvent[] = [];
  let row: ReturnType<typeof entryFrom> | undefined;
  for (const next of unpack(rows)) {
    if (!row) {
      row = entryFrom(next);
      continue;
    }
    const previous = next.version > 0 ? entryOf(next) : undefined;
    if (row.revision !== revision) {
      if (events.length > 0) yield { revision, events };
      events = [];
      revision = row.revision;
    }
    if (row.entry) events.push({ type: 'put', entry: row.entry, previous });
    else if (previous) events.push({ type: 'delete', entry: { ...previous, modRevision: revision }, previous });
    row = undefined;
  }
  if (events.length > 0) yield { revision, events };
}

function entryFrom(row: Row & { readonly value: Buffer }): { revision: Revision; entry: Entry | undefined } {
  return { revision: revisionOf(row.id), entry: row.version > 0 ? entryOf(row) : undefined };
}
