/**
 * KV/Range: keys of an interval, as they are or were, filtered, sorted, counted. What it answers follows etcd's own
 * order of steps: filters and sorting come after the reading, so that `limit` cuts last and `count` counts before them.
 */
import { create } from '@bufbuild/protobuf';
import { grpcCode, GrpcError } from '#world/grpc.ts';
import type { Millis } from '#world/world.ts';
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  RangeRequestSchema,
  RangeResponseSchema,
  RangeStreamResponseSchema,
  type KeyValue,
  type RangeRequest,
  type RangeResponse,
} from '../etcd/gen/etcd_pb.ts';
import { decode, encode } from '../etcd/messages.ts';
import type { Entry, Revision } from '../store.ts';
import { refusal, refusalOf } from './errors.ts';
import { intervalOf } from './keys.ts';
import { headerOf, kvOf, streaming, type Backend, type Service } from './service.ts';

/** Of a message of RangeStream: about as much as etcd's. */
const partBytes = 1024 * 1024;
/** Others run at least this often; the clock is asked every so many entries. */
const sliceMs: Millis = 5;
const yieldEvery = 100;
const sortOrders: ReadonlySet<number> = new Set(Object.values(SortOrder));
const sortTargets: ReadonlySet<number> = new Set(Object.values(SortTarget));

export function rangeService(backend: Backend): Service {
  return {
    '/etcdserverpb.KV/Range': {
      kind: 'unary',
      async handle(message) {
        try {
          const parts: Uint8Array[] = [];
          // One message after the other is one message with all that they hold.
          for await (const part of range(backend, decode(RangeRequestSchema, message)))
            parts.push(encode(RangeResponseSchema, part));
          return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
        } catch (error) {
          throw refusalOf(error);
        }
      },
    },
    '/etcdserverpb.KV/RangeStream': streaming(
      RangeRequestSchema,
      RangeStreamResponseSchema,
      async ({ requests, stream, send }) => {
        for await (const request of requests) {
          checkRange(request);
          if (!isInKeyOrder(request))
            throw new GrpcError(grpcCode.unimplemented, 'RangeStream does not support custom sort orders');
          if (isFiltered(request))
            throw new GrpcError(grpcCode.unimplemented, 'RangeStream does not support revision filters');
          for await (const rangeResponse of range(backend, request)) {
            if (!send({ rangeResponse })) await stream.drained();
            if (stream.signal.aborted) return;
          }
        }
      },
    ),
  };
}

/** Throws GrpcError for what no state could make valid. */
export function checkRange({ key, sortOrder, sortTarget }: RangeRequest): void {
  if (key.length === 0) throw refusal('emptyKey');
  if (!sortOrders.has(sortOrder) || !sortTargets.has(sortTarget)) throw refusal('invalidSortOption');
}

/** The answer in parts, others have their turn in between; the last one tells header, count and whether there is more. */
async function* range(backend: Backend, request: RangeRequest): AsyncGenerator<RangeResponse, void, undefined> {
  checkRange(request);
  const { clock } = backend.world;
  const limit = readLimit(request);
  const found = await backend.store.range('', {
    ...intervalOf(request.key, request.rangeEnd),
    ...(request.revision > 0n ? { revision: Number(request.revision) } : {}),
    ...(limit === undefined ? {} : { limit }),
  });
  const { entries, more, count } = selected(request, found);
  let kvs: KeyValue[] = [];
  let bytes = 0;
  let since = clock.monotonic();
  for (const [index, entry] of entries.entries()) {
    kvs.push(kvOf(backend, entry, { keyOnly: request.keysOnly }));
    bytes += entry.value.length;
    const isLate = index % yieldEvery === yieldEvery - 1 && clock.monotonic() - since > sliceMs;
    if (bytes < partBytes && !isLate) continue;
    yield create(RangeResponseSchema, { kvs });
    kvs = [];
    bytes = 0;
    if (clock.monotonic() - since <= sliceMs) continue;
    await clock.yield();
    since = clock.monotonic();
  }
  yield create(RangeResponseSchema, { header: headerOf(backend, found.revision), kvs, more, count: BigInt(count) });
}

/** How many entries are to be read; undefined for all. */
export function readLimit(request: RangeRequest): number | undefined {
  if (request.countOnly) return 0;
  if (request.limit <= 0n || !isInKeyOrder(request) || isFiltered(request)) return undefined;
  return windowOf(request);
}

/** The answer but for its header, from the entries that were read. */
export function rangeResponse(backend: Pick<Backend, 'leases'>, request: RangeRequest, found: Found): RangeResponse {
  const { entries, more, count } = selected(request, found);
  return create(RangeResponseSchema, {
    kvs: entries.map((entry) => kvOf(backend, entry, { keyOnly: request.keysOnly })),
    more,
    count: BigInt(count),
  });
}

interface Found {
  readonly entries: readonly Entry[];
  readonly count: number;
}

/** Filtered, in order, cut. */
function selected(request: RangeRequest, found: Found): Found & { readonly more: boolean } {
  const { limit } = request;
  const window = limit > 0n && isInKeyOrder(request) && !isFiltered(request) ? windowOf(request) : Infinity;
  const read = found.entries.length > window ? found.entries.slice(0, window) : found.entries;
  const kept = isFiltered(request) ? read.filter((entry) => passes(entry, request)) : read;
  const sorted = inOrder(kept, request);
  const entries = limit > 0n && BigInt(sorted.length) > limit ? sorted.slice(0, Number(limit)) : sorted;
  const all = kept === read && !request.countOnly ? found.count : sorted.length;
  return { entries, more: entries.length < all, count: found.count };
}

/**
 * Entries that are read when nothing but `limit` cuts. Etcd reads one more, and without an order sorts just those it has read: that
 * one counts then.
 */
const windowOf = ({ limit, sortTarget }: RangeRequest): number =>
  Number(limit) + (sortTarget === SortTarget.KEY ? 0 : 1);

const isInKeyOrder = ({ sortOrder, sortTarget }: RangeRequest): boolean =>
  sortOrder === SortOrder.NONE || (sortTarget === SortTarget.KEY && sortOrder === SortOrder.ASCEND);

const isFiltered = (request: RangeRequest): boolean =>
  request.minModRevision !== 0n ||
  request.maxModRevision !== 0n ||
  request.minCreateRevision !== 0n ||
  request.maxCreateRevision !== 0n;

function passes({ modRevision, createRevision }: Entry, request: RangeRequest): boolean {
  const between = (revision: Revision, min: bigint, max: bigint): boolean =>
    (max === 0n || revision <= max) && (min === 0n || revision >= min);
  return (
    between(modRevision, request.minModRevision, request.maxModRevision) &&
    between(createRevision, request.minCreateRevision, request.maxCreateRevision)
  );
}

function inOrder(entries: readonly Entry[], { sortOrder, sortTarget }: RangeRequest): readonly Entry[] {
  if (sortTarget === SortTarget.KEY) return sortOrder === SortOrder.DESCEND ? entries.toReversed() : entries;
  const order = (a: Entry, b: Entry): number => {
    switch (sortTarget) {
      case SortTarget.VERSION:
        return a.version - b.version;
      case SortTarget.CREATE:
        return a.createRevision - b.createRevision;
      case SortTarget.MOD:
        return a.modRevision - b.modRevision;
      default:
        return a.value.compare(b.value);
    }
  };
  const sign = sortOrder === SortOrder.DESCEND ? -1 : 1;
  return entries.toSorted((a, b) => sign * order(a, b));
}
