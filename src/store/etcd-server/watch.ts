/**
 * Watch: many watchers in one stream. A watcher is a place in the store's history and nothing more: while its client takes what
 * it is sent, it is shown each change as it happens; when the client falls behind, the watcher lets go of the store and comes back
 * from where it was once there is room. So a client that stops reading costs a few bytes, until what it has not seen
 * is compacted: then it is told so, as etcd does.
 */
import { once } from 'node:events';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import type { GrpcServerStream } from '#world/grpc-server.ts';
import type { Millis, Timer } from '#world/world.ts';
import { showReservedHeader } from '../etcd/changes.ts';
import {
  Event_EventType as EventType,
  EventSchema,
  KeyValueSchema,
  WatchCreateRequest_FilterType as Filter,
  WatchRequestSchema,
  WatchResponseSchema,
  type Event,
  type WatchCreateRequest,
} from '../etcd/gen/etcd_pb.ts';
import { Compacted, type Revision, type StoreEvent } from '../store.ts';
import { refusalOf } from './errors.ts';
import { intervalOf, isWithin, keyBytes, prefixOf, type Interval } from './keys.ts';
import { headerOf, kvOf, streaming, type Backend, type MessageStream, type Service } from './service.ts';

/** Sent and not yet taken: more, and the watchers of the stream wait. */
const bufferedBytesMax = 1024 * 1024;
/** Of one stream. Upstream's API server has about one a kind. */
const watchersMax = 10_000;
/** Etcd's default interval between notifications of progress. */
const progressMs: Millis = 600_000;
/** What stands for "all watchers of the stream", and for one that could not be made. */
const noWatcher = -1n;
/** Room for a message beside its events. */
const overheadBytes = 512;

export function watchService(backend: Backend): Service {
  return {
    '/etcdserverpb.Watch/Watch': streaming(WatchRequestSchema, WatchResponseSchema, async (messages) => {
      const { stream, requests } = messages;
      using watches = new WatchStream(backend, messages);
      for await (const { requestUnion } of requests) {
        if (requestUnion.case === 'createRequest') watches.create(requestUnion.value);
        else if (requestUnion.case === 'cancelRequest') watches.cancel(requestUnion.value.watchId);
        else if (requestUnion.case === 'progressRequest') watches.progress();
        // Who asks and does not take the answers is heard again when it has taken them.
        if (stream.bufferedBytes > bufferedBytesMax) await stream.drained();
      }
      // Who has nothing more to ask still sees what happens, as with etcd.
      if (!stream.signal.aborted) await once(stream.signal, 'abort');
    }),
  };
}

interface Watcher {
  readonly id: bigint;
  readonly interval: Interval;
  readonly request: WatchCreateRequest;
  /** Everything up to here has been sent. */
  after: Revision;
  registration: Disposable | undefined;
  /** Being registered: events may come, the end of history has not. */
  registering: boolean;
  /** It let go of the store; what comes is not for it. */
  behind: boolean;
}

class WatchStream implements Disposable {
  readonly #backend: Backend;
  readonly #stream: GrpcServerStream;
  readonly #send: MessageStream<typeof WatchRequestSchema, typeof WatchResponseSchema>['send'];
  readonly #watchers = new Map<bigint, Watcher>();
  readonly #showReserved: boolean;
  #nextId = 0n;
  #draining = false;
  #progressWanted = false;
  #progressTimer: Timer | undefined;
  #closed = false;

  constructor(
    backend: Backend,
    { stream, send }: MessageStream<typeof WatchRequestSchema, typeof WatchResponseSchema>,
  ) {
    this.#backend = backend;
    this.#stream = stream;
    this.#send = send;
    this.#showReserved = stream.metadata[showReservedHeader] !== undefined;
  }

  create(request: WatchCreateRequest): void {
    const { store } = this.#backend;
    const asked = Number(request.startRevision);
    const refuse = (cancelReason: string): void =>
      void this.#tell({ watchId: noWatcher, created: true, canceled: true, cancelReason });
    if (asked < 0) return refuse('etcdserver: mvcc: required revision has been compacted');
    if (this.#watchers.size >= watchersMax) return refuse(`etcdserver: a stream has at most ${watchersMax} watchers`);
    if (request.watchId !== 0n && this.#watchers.has(request.watchId))
      return refuse('mvcc: duplicate watch ID provided on the WatchStream');
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    const watcher: Watcher = {
      id: request.watchId === 0n ? this.#nextId++ : request.watchId,
      interval: intervalOf(request.key.length === 0 ? Buffer.of(0) : request.key, request.rangeEnd, {
        reserved: this.#showReserved,
      }),
      request,
      after: asked === 0 ? store.revision() : asked - 1,
      registration: undefined,
      registering: false,
      behind: false,
    };
    this.#watchers.set(watcher.id, watcher);
    this.#tell({ watchId: watcher.id, created: true });
    if (request.progressNotify) this.#notifyProgress();
    void this.#register(watcher);
  }

  cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (!watcher) return;
    this.#remove(watcher);
    this.#tell({ watchId: id, canceled: true });
  }

  /** Tells how far all watchers are: now, or when the last of them has caught up. */
  progress(): void {
    this.#progressWanted = true;
    this.#tellProgress();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#progressTimer?.cancel();
    for (const watcher of this.#watchers.values()) this.#remove(watcher);
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher.id);
    watcher.behind = true;
    watcher.registration?.[Symbol.dispose]();
  }

  #tell(message: MessageInitShape<typeof WatchResponseSchema>, revision?: Revision): boolean {
    return this.#send({ header: headerOf(this.#backend, revision), ...message });
  }

  #tellProgress(): void {
    if (!this.#progressWanted || ![...this.#watchers.values()].every(isSynced)) return;
    this.#progressWanted = false;
    this.#tell({ watchId: noWatcher });
  }

  #notifyProgress(): void {
    this.#progressTimer ??= this.#backend.world.clock.after(
      progressMs * (1 + this.#backend.world.random.fraction() / 10),
      () => {
        this.#progressTimer = undefined;
        for (const watcher of this.#watchers.values())
          if (watcher.request.progressNotify && isSynced(watcher)) this.#tell({ watchId: watcher.id });
        this.#notifyProgress();
      },
      { unref: true },
    );
  }

  /** Joins the store from where the watcher is. */
  async #register(watcher: Watcher): Promise<void> {
    watcher.behind = false;
    watcher.registering = true;
    try {
      if (watcher.after + 1 === this.#backend.store.compactRevision()) await this.#showCompacted(watcher);
      const registration = await this.#backend.store.watch(
        prefixOf(watcher.interval),
        watcher.after,
        (events, revision) => this.#onEvents(watcher, events, revision),
      );
      watcher.registering = false;
      if (watcher.behind) {
        registration[Symbol.dispose]();
        void this.#drain();
      } else {
        watcher.registration = registration;
        this.#tellProgress();
      }
    } catch (error) {
      watcher.registering = false;
      if (this.#closed || !this.#watchers.has(watcher.id)) return;
      this.#remove(watcher);
      this.#tell(
        error instanceof Compacted
          ? { watchId: watcher.id, canceled: true, compactRevision: BigInt(error.compactRevision) }
          : { watchId: watcher.id, canceled: true, cancelReason: (refusalOf(error) as Error).message },
      );
    }
  }

  #onEvents(watcher: Watcher, all: readonly StoreEvent[], revision: Revision): void {
    if (watcher.behind) return;
    if (this.#stream.bufferedBytes > bufferedBytesMax) {
      // Nothing before this was for it that it has not been sent: a compaction of that is no loss.
      watcher.after = revision - 1;
      watcher.behind = true;
      watcher.registration?.[Symbol.dispose]();
      watcher.registration = undefined;
      void this.#drain();
      return;
    }
    watcher.after = revision;
    const { filters } = watcher.request;
    const events = all.filter(
      ({ type, entry }) =>
        isWithin(entry.key, watcher.interval) && !filters.includes(type === 'put' ? Filter.NOPUT : Filter.NODELETE),
    );
    if (events.length > 0) this.#show(watcher, events, revision);
  }

  #show(watcher: Watcher, events: readonly StoreEvent[], revision: Revision): void {
    const { prevKv, fragment } = watcher.request;
    const message = (part: readonly Event[], isPart = false) =>
      this.#tell({ watchId: watcher.id, events: [...part], fragment: isPart }, Math.max(revision, 0));
    const shown = events.map((event) => this.#eventOf(event, prevKv));
    if (!fragment || shown.length < 2) return void message(shown);
    let part: Event[] = [];
    let bytes = overheadBytes;
    for (const event of shown) {
      const size = toBinary(EventSchema, event).length;
      if (part.length > 0 && bytes + size > this.#backend.limits.requestBytesMax) {
        message(part, true);
        part = [];
        bytes = overheadBytes;
      }
      part.push(event);
      bytes += size;
    }
    message(part);
  }

  #eventOf({ type, entry, previous }: StoreEvent, prevKv: boolean): Event {
    return create(EventSchema, {
      type: type === 'put' ? EventType.PUT : EventType.DELETE,
      kv:
        type === 'put'
          ? kvOf(this.#backend, entry)
          : create(KeyValueSchema, { key: keyBytes(entry.key), modRevision: BigInt(entry.modRevision) }),
      ...(prevKv && previous ? { prevKv: kvOf(this.#backend, previous) } : {}),
    });
  }

  /** Waits until the client has taken what it was sent; those that are behind come back then. */
  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await this.#stream.drained();
    this.#draining = false;
    if (this.#closed) return;
    // One whose history is still being read is called back when that has ended.
    for (const watcher of this.#watchers.values())
      if (watcher.behind && !watcher.registering) void this.#register(watcher);
  }

  /** What the compaction kept of its own revision belongs to who begins there. */
  async #showCompacted(watcher: Watcher): Promise<void> {
    const revision = watcher.after + 1;
    const { entries } = await this.#backend.store.range('', { ...watcher.interval, revision });
    const events = entries
      .filter(({ modRevision }) => modRevision === revision)
      .map((entry): StoreEvent => ({ type: 'put', entry, previous: undefined }));
    watcher.after = revision;
    if (watcher.behind) return;
    if (events.length > 0 && !watcher.request.filters.includes(Filter.NOPUT)) this.#show(watcher, events, revision);
  }
}

const isSynced = ({ registering, behind }: Watcher): boolean => !registering && !behind;
