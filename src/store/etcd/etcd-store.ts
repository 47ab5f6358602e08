/**
 * The store over a real etcd v3. Its own watch of everything is what it knows: `revision()` is the last change that watch
 * delivered, and no answer of etcd's is passed on before the watch has come as far, so that a writer reads what it wrote
 * and a watcher has seen what its reader is told. Loaded only where etcd is used.
 *
 * It must never guess: a write whose outcome is unknown is looked up in etcd's history before it is answered, and a watch that
 * cannot be resumed without a gap ends the store.
 */
import { create } from '@bufbuild/protobuf';
import type { Millis, World } from '#world/world.ts';
import {
  Compacted,
  FutureRevision,
  StoreFailed,
  StoreUnavailable,
  type Entry,
  type Operation,
  type RangeOptions,
  type RangeResult,
  type Revision,
  type Store,
  type TxnResult,
} from '../store.ts';
import { validate } from '../transaction.ts';
import { Watchers, type Change } from '../watchers.ts';
import { followChanges } from './changes.ts';
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  type RangeRequest,
  type RangeResponse,
  type ResponseHeader,
} from './gen/etcd_pb.ts';
import { Members, peersOf, writeAttemptMs, type EtcdAccess } from './members.ts';
import {
  conflictOf,
  entryOf,
  interval,
  isCompacted,
  isCompared,
  isFuture,
  isPassing,
  isUnsent,
  isWorkOf,
  keyAfter,
  keyBytes,
  refusalOf,
  txnRequest,
} from './messages.ts';
import { sharedHistory } from './shared-history.ts';

const rangeMethod = { path: '/etcdserverpb.KV/Range', input: RangeRequestSchema, output: RangeResponseSchema };
const txnMethod = { path: '/etcdserverpb.KV/Txn', input: TxnRequestSchema, output: TxnResponseSchema };
const compactMethod = {
  path: '/etcdserverpb.KV/Compact',
  input: CompactionRequestSchema,
  output: CompactionResponseSchema,
};
const statusMethod = {
  path: '/etcdserverpb.Maintenance/Status',
  input: StatusRequestSchema,
  output: StatusResponseSchema,
};

const defragmentMethod = {
  path: '/etcdserverpb.Maintenance/Defragment',
  input: DefragmentRequestSchema,
  output: DefragmentResponseSchema,
};
/** Etcd does nothing else meanwhile. */
const defragmentMs: Millis = 60_000;

/** Entries a message: 5,000 objects of 10 kB are 50 MB, which etcd and we hold at once. */
const pageMax = 5_000;
/** A key that says nothing: reading it tells etcd's revision. */
const probeKey = '/registry/health';
/** That question is small: a member that hangs should not hold it for long. */
const syncAttemptMs: Millis = 2_000;
const reconnectMs: Millis = 50;
const reconnectMsMax: Millis = 1_000;

/** Opens the store: the members answer, and the watch stands. Throws StoreUnavailable. */
export async function openEtcdStore(world: World, access: EtcdAccess): Promise<Store> {
  const store = new EtcdStore(world, access);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

interface Waiter {
  readonly revision: Revision;
  resolve(): void;
  reject(error: Error): void;
}

class EtcdStore implements Store {
  readonly #world: World;
  readonly #members: Members;
  readonly #watchers = new Watchers();
  readonly #stop = new AbortController();
  readonly #failure = Promise.withResolvers<Error>();
  readonly #waiters = new Set<Waiter>();
  /** Every change up to here has been shown to the watchers. */
  #delivered: Revision = 1;
  #compacted: Revision = 0;
  #following: Promise<void> | undefined;
  /** The question for the newest revision that is on its way, and the one that is asked after it. */
  #syncing: Promise<Revision> | undefined;
  #nextSync: Promise<Revision> | undefined;
  readonly #replay = sharedHistory((after, until, onChange) => this.#history(after, until, onChange));
  /** Why there is no watch now. */
  #cutOff: string | undefined;
  #ended: StoreFailed | undefined;

  constructor(world: World, access: EtcdAccess) {
    this.#world = world;
    this.#members = new Members(world, peersOf(access), {
      signal: this.#stop.signal,
      onFailed: (error) => this.#fail(error),
    });
  }

  get failed(): Promise<Error> {
    return this.#failure.promise;
  }

  readonly shared = true;

  readonly checks = { 'etcd-watch': (): string | undefined => this.#cutOff };

  readonly gauges = {
    etcd_watch_connected: {
      help: 'Whether the watch of etcd stands (1) or is being made again (0).',
      value: (): number => (this.#cutOff === undefined ? 1 : 0),
    },
  };

  async open(): Promise<void> {
    const { header } = await this.#members.call(rangeMethod, rangeRequest(probeKey));
    this.#delivered = this.#members.check(header, 1);
    try {
      await this.#members.call(rangeMethod, rangeRequest(probeKey, { revision: 1 }));
    } catch (error) {
      if (!isCompacted(error)) throw error;
      this.#compacted = await this.#learnCompaction();
    }
    const opened = Promise.withResolvers<void>();
    this.#following = this.#follow(opened.resolve);
    await Promise.race([
      opened.promise,
      this.#failure.promise.then((error) => {
        throw error;
      }),
    ]);
  }

  async get(key: string, options?: { revision?: Revision }): Promise<Entry | undefined> {
    this.#requireOpen();
    const { kvs } = await this.#read(rangeRequest(key, options), options?.revision);
    return kvs[0] && entryOf(kvs[0]);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    this.#requireOpen();
    const { limit, revision: asked } = options;
    const entries: Entry[] = [];
    let from = options.from;
    let at = asked ?? 0;
    let whole: { revision: Revision; count: number } | undefined;
    for (;;) {
      const left = limit === undefined ? pageMax : Math.min(pageMax, limit - entries.length);
      const page = await this.#read(
        create(RangeRequestSchema, {
          ...interval(prefix, from, options.to),
          limit: BigInt(left),
          revision: BigInt(at),
          countOnly: left === 0,
        }),
        at,
      );
      whole ??= { revision: Number(page.header?.revision), count: Number(page.count) };
      for (const kv of page.kvs) entries.push(entryOf(kv));
      const last = entries.at(-1);
      if (!page.more || !last || left === 0 || (limit !== undefined && entries.length >= limit))
        return { entries, ...whole };
      // What follows is read from the same state as the first page.
      if (at === 0) at = whole.revision;
      from = keyAfter(last.key);
    }
  }

  async txn(operations: readonly Operation[]): Promise<TxnResult> {
    this.#requireOpen();
    validate(operations);
    const request = txnRequest(operations);
    const before = this.#delivered;
    const tries = this.#members.tries();
    /** An attempt may have been carried out without our hearing of it. */
    let inDoubt = false;
    for (;;) {
      try {
        const response = await this.#members.attempt(txnMethod, request, writeAttemptMs);
        const revision = this.#members.check(response.header, before);
        if (response.succeeded) {
          await this.#reached(revision);
          return { ok: true, revision };
        }
        const done = inDoubt ? await this.#findWork(operations, before) : undefined;
        if (done !== undefined) return { ok: true, revision: done };
        await this.#reached(revision);
        return { ok: false, conflict: conflictOf(operations, response), revision };
      } catch (error) {
        this.#requireOpen();
        if (!isPassing(error)) throw refusalOf(error);
        inDoubt ||= !isUnsent(error);
        await tries.next(error);
      }
      if (!inDoubt) continue;
      const done = await this.#findWork(operations, before);
      if (done !== undefined) return { ok: true, revision: done };
      // With a comparison on each key the second attempt and a late first one exclude each other; without, both could be carried out.
      if (!operations.every(isCompared))
        throw new StoreUnavailable('etcd did not answer, and the transaction has not been written so far');
    }
  }

  async watch(prefix: string, after: Revision, onEvents: Parameters<Store['watch']>[2]): Promise<Disposable> {
    this.#requireOpen();
    if (after < this.#compacted) throw new Compacted(this.#compacted);
    const until = this.#delivered;
    const registration = this.#watchers.add(prefix, after, onEvents);
    try {
      if (after < until) await this.#replay(after, until, (change) => registration.replay(change));
      this.#requireOpen();
      if (!registration.live())
        throw new StoreUnavailable('the watch is too far behind: more changes came than its history could be read');
      return registration;
    } catch (error) {
      registration[Symbol.dispose]();
      throw error;
    }
  }

  async compact(revision: Revision): Promise<void> {
    this.#requireOpen();
    if (revision <= this.#compacted) return;
    try {
      // Physical: answered when the history is gone, so that sizeBytes tells of it.
      const request = create(CompactionRequestSchema, { revision: BigInt(revision), physical: true });
      await this.#members.call(compactMethod, request);
    } catch (error) {
      this.#requireOpen();
      if (isFuture(error)) throw new FutureRevision(revision, this.#delivered);
      // Another API server was first.
      if (!isCompacted(error)) throw refusalOf(error);
      this.#compacted = Math.max(this.#compacted, await this.#learnCompaction());
      return;
    }
    this.#compacted = Math.max(this.#compacted, revision);
  }

  revision(): Revision {
    return this.#delivered;
  }

  /** One question to etcd answers all who asked before it was sent. */
  sync(): Promise<Revision> {
    this.#nextSync ??= (async () => {
      await this.#syncing?.catch(() => undefined); // Its own askers hear of it.
      this.#syncing = this.#nextSync;
      this.#nextSync = undefined;
      this.#requireOpen();
      const { header } = await this.#read(rangeRequest(probeKey), undefined, syncAttemptMs);
      return Number((header as ResponseHeader).revision);
    })();
    return this.#nextSync;
  }

  compactRevision(): Revision {
    return this.#compacted;
  }

  async sizeBytes(): Promise<number> {
    this.#requireOpen();
    const { dbSizeInUse } = await this.#members.call(statusMethod, create(StatusRequestSchema));
    return Number(dbSizeInUse);
  }

  /** The member that is asked at present: each has a file of its own. */
  async defragment(): Promise<void> {
    this.#requireOpen();
    await this.#members.attempt(defragmentMethod, create(DefragmentRequestSchema), defragmentMs).catch((error) => {
      throw isPassing(error) ? new StoreUnavailable((error as Error).message, { cause: error }) : error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new StoreFailed('the store is closed'));
    await this.#following;
  }

  #requireOpen(): void {
    if (this.#ended) throw new StoreFailed(this.#ended.message, { cause: this.#ended.cause });
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#world.log.error('the store has failed', { error: error.message });
    this.#end(new StoreFailed(error.message, { cause: error }));
    this.#failure.resolve(error);
  }

  #end(error: StoreFailed): void {
    this.#ended ??= error;
    this.#stop.abort(this.#ended);
    this.#watchers.clear();
    for (const waiter of this.#waiters) waiter.reject(this.#ended);
    this.#waiters.clear();
  }

  /** A linearizable read. Throws Compacted, FutureRevision, StoreUnavailable. */
  async #read(request: RangeRequest, asked: Revision | undefined, attemptMs?: Millis): Promise<RangeResponse> {
    const before = this.#delivered;
    let response: RangeResponse;
    try {
      response = await this.#members.call(rangeMethod, request, attemptMs);
    } catch (error) {
      this.#requireOpen();
      if (isFuture(error)) throw new FutureRevision(asked ?? 0, this.#delivered);
      if (!isCompacted(error)) throw refusalOf(error);
      if ((asked ?? 0) >= this.#compacted) this.#compacted = Math.max(this.#compacted, await this.#learnCompaction());
      throw new Compacted(this.#compacted);
    }
    await this.#reached(this.#members.check(response.header, before));
    return response;
  }

  /** Resolves when the watchers have seen everything up to `revision`. */
  async #reached(revision: Revision): Promise<void> {
    if (revision <= this.#delivered) return;
    this.#requireOpen();
    await new Promise<void>((resolve, reject) => {
      this.#waiters.add({ revision, resolve, reject });
    });
  }

  #deliver(change: Change): void {
    this.#delivered = change.revision;
    this.#watchers.notify(change);
    for (const waiter of this.#waiters) {
      if (waiter.revision > change.revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Keeps the watch until the store ends: made anew after every failure, from the last change that came. */
  async #follow(onOpen: () => void): Promise<void> {
    const { signal } = this.#stop;
    let pause = reconnectMs;
    while (!signal.aborted) {
      const { peer } = this.#members;
      try {
        await followChanges(this.#world, peer, {
          after: this.#delivered,
          onOpen: () => {
            if (this.#cutOff !== undefined) this.#world.log.info('etcd is watched again', { server: peer.url });
            this.#cutOff = undefined;
            pause = reconnectMs;
            onOpen();
          },
          onChange: (change) => {
            if (signal.aborted) return false;
            try {
              this.#deliver(change);
            } catch (cause) {
              // Others were not told: nothing that is known here is whole any more.
              const { message } = cause as Error;
              throw new StoreFailed(`a watcher failed at revision ${change.revision}: ${message}`, { cause });
            }
            return true;
          },
          signal,
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Compacted)
          return this.#fail(
            new StoreFailed(`etcd compacted what came after revision ${this.#delivered} before it was seen`, {
              cause: error,
            }),
          );
        if (error instanceof StoreFailed) return this.#fail(error);
        const { message } = error as Error;
        // Told once; that it is still so is for who looks closer.
        const level = this.#cutOff === undefined ? 'warn' : 'debug';
        this.#world.log[level]('the watch of etcd broke off', { server: peer.url, error: message });
        this.#cutOff = message;
        this.#members.leave(peer);
        await this.#world.clock.sleep(pause, { signal }).catch(ignoreAbort);
        pause = Math.min(reconnectMsMax, pause * 2);
      }
    }
  }

  /** Hands over the changes after `after` up to and with `until`, which etcd has. Throws Compacted, StoreUnavailable. */
  async #history(after: Revision, until: Revision, onChange: (change: Change) => void): Promise<void> {
    let last = Math.max(1, after);
    const tries = this.#members.tries();
    while (last < until) {
      const { peer } = this.#members;
      try {
        await followChanges(this.#world, peer, {
          after: last,
          onChange: (change) => {
            // What came after `until` is on its way to the watchers already.
            if (change.revision <= until) onChange(change);
            last = change.revision;
            return last < until;
          },
          signal: this.#stop.signal,
        });
      } catch (error) {
        this.#requireOpen();
        if (error instanceof Compacted) {
          this.#compacted = Math.max(this.#compacted, await this.#learnCompaction());
          throw new Compacted(this.#compacted);
        }
        if (!isPassing(error)) throw error;
        this.#members.leave(peer);
        await tries.next(error);
      }
    }
  }

  /** The revision of the change these operations made since `before`, if they did. */
  async #findWork(operations: readonly Operation[], before: Revision): Promise<Revision | undefined> {
    const { header } = await this.#read(rangeRequest(probeKey), undefined);
    const now = Number((header as ResponseHeader).revision);
    let found: Revision | undefined;
    try {
      await this.#history(before, now, ({ revision, events }) => {
        if (found === undefined && isWorkOf(operations, events)) found = revision;
      });
    } catch (error) {
      if (!(error instanceof Compacted)) throw error;
      throw new StoreUnavailable('etcd did not answer, and its history since has been compacted', { cause: error });
    }
    return found;
  }

  /** Etcd tells how far it is compacted only to a watch that asks for what is gone. */
  async #learnCompaction(): Promise<Revision> {
    const tries = this.#members.tries();
    for (;;) {
      const { peer } = this.#members;
      try {
        await followChanges(this.#world, peer, { after: 1, onChange: () => false, signal: this.#stop.signal });
        return 0;
      } catch (error) {
        if (error instanceof Compacted) return error.compactRevision;
        if (!isPassing(error)) throw error;
        this.#members.leave(peer);
        await tries.next(error);
      }
    }
  }
}

function rangeRequest(key: string, options?: { revision?: Revision }): RangeRequest {
  return create(RangeRequestSchema, { key: keyBytes(key), revision: BigInt(options?.revision ?? 0) });
}

/** The store ends: the loop's condition sees it. */
function ignoreAbort(): void {}
