/**
 * Etcd's changes in order, over one watch of the whole key space. Every revision of etcd has an event somewhere, so a watch of
 * all keys sees each number exactly once: a gap shows itself, and "everything up to here has come" needs no progress notification
 * (etcd before 3.4.25 and 3.5.8 may send those ahead of the events they speak of). Progress is asked for only to learn whether the member still lives.
 */
import { create } from '@bufbuild/protobuf';
import { grpcStream, GrpcError, grpcCode, type GrpcPeer } from '#world/grpc.ts';
import { NetworkError, type Millis, type World } from '#world/world.ts';
import { Compacted, StoreFailed, type Revision, type StoreEvent } from '../store.ts';
import type { Change } from '../watchers.ts';
import { WatchCreateRequestSchema, WatchRequestSchema, WatchResponseSchema, type Event } from './gen/etcd_pb.ts';
import { decode, encode, eventOf, interval } from './messages.ts';

const method = '/etcdserverpb.Watch/Watch';
const openMs: Millis = 2_500;
/** Silence after which the member is asked for its progress, and after another such span taken for dead. */
const quietMs: Millis = 2_500;
/** Asks a server of ours for its own entries too (`../etcd-server`), so that it leaves no gap; etcd does not know it. */
export const showReservedHeader = 'k8ts-show-reserved';
/** As etcd's own client with WithRequireLeader: a member that was cut off ends the watch instead of keeping silent. */
const headers = { hasleader: 'true', [showReservedHeader]: 'true' };

export interface Follow {
  readonly after: Revision;
  /** Called for each revision, in order, without gaps. False ends it. */
  readonly onChange: (change: Change) => boolean;
  /** The watch stands. */
  readonly onOpen?: () => void;
  readonly signal: AbortSignal;
}

/**
 * Resolves when `onChange` has had enough. Throws Compacted when history is gone, GrpcError and NetworkError when the member failed:
 * then the caller goes on from the last change it has seen.
 */
export async function followChanges(world: World, peer: GrpcPeer, { after, ...follow }: Follow): Promise<void> {
  // The store's first revision is 1, without an event.
  let last = Math.max(after, 1);
  const silence = new AbortController();
  using stream = await grpcStream(world, peer, {
    method,
    first: encode(
      WatchRequestSchema,
      create(WatchRequestSchema, {
        requestUnion: {
          case: 'createRequest',
          value: create(WatchCreateRequestSchema, {
            ...interval(''),
            startRevision: BigInt(last + 1),
            prevKv: true,
            fragment: true,
          }),
        },
      }),
    ),
    headers,
    timeoutMs: openMs,
    signal: AbortSignal.any([follow.signal, silence.signal]),
  });
  const progress = encode(
    WatchRequestSchema,
    create(WatchRequestSchema, {
      requestUnion: { case: 'progressRequest', value: { $typeName: 'etcdserverpb.WatchProgressRequest' } },
    }),
  );
  let heard = world.clock.monotonic();
  const listen = (): { cancel(): void } =>
    world.clock.after(
      quietMs,
      () => {
        const quiet = world.clock.monotonic() - heard;
        if (quiet > 2 * quietMs) {
          silence.abort(new NetworkError('ETIMEDOUT', `${peer.url}: the watch is silent`));
          return;
        }
        if (quiet >= quietMs / 2) stream.send(progress);
        timer = listen();
      },
      { unref: true },
    );
  let timer = listen();
  try {
    let fragments: Event[] = [];
    for await (const bytes of stream.messages) {
      heard = world.clock.monotonic();
      const response = decode(WatchResponseSchema, bytes);
      if (response.compactRevision > 0n) throw new Compacted(Number(response.compactRevision));
      if (response.canceled) throw new GrpcError(grpcCode.unavailable, response.cancelReason || 'etcd ended the watch');
      if (response.created) follow.onOpen?.();
      if (response.fragment) {
        fragments.push(...response.events);
        continue;
      }
      const events = fragments.length > 0 ? [...fragments, ...response.events] : response.events;
      fragments = [];
      for (const change of changesOf(events)) {
        if (change.revision <= last) throw new StoreFailed(`etcd repeated revision ${change.revision} after ${last}`);
        // What was deleted before a compaction leaves no trace in the rest of history.
        if (change.revision > last + 1) throw new Compacted(change.revision);
        last = change.revision;
        if (!follow.onChange(change)) return;
      }
    }
    throw new NetworkError('ECONNRESET', `${peer.url}: the watch ended`);
  } catch (error) {
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    timer.cancel();
  }
}

function* changesOf(events: readonly Event[]): Generator<Change, void, undefined> {
  let revision: Revision = 0;
  let together: StoreEvent[] = [];
  for (const event of events) {
    const one = eventOf(event);
    if (one.entry.modRevision !== revision) {
      if (together.length > 0) yield { revision, events: together };
      together = [];
      revision = one.entry.modRevision;
    }
    together.push(one);
  }
  if (together.length > 0) yield { revision, events: together };
}
