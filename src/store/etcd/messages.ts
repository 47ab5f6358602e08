/**
 * Between the store's words and etcd's messages: entries, changes, transactions, errors. Pure. Keys are their UTF-8 bytes,
 * unchanged, so that etcdctl reads them as they are.
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { GrpcError, grpcCode } from '#world/grpc.ts';
import { NetworkError } from '#world/world.ts';
import { Compacted, StoreFull, type Entry, type Operation, type Revision, type StoreEvent } from '../store.ts';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  CompareSchema,
  Event_EventType,
  RequestOpSchema,
  TxnRequestSchema,
  type Event,
  type KeyValue,
  type RequestOp,
  type TxnRequest,
  type TxnResponse,
} from './gen/etcd_pb.ts';

/** One method of etcd's: its path and the messages it takes and gives. */
export interface Method<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly input: I;
  readonly output: O;
}

/** Etcd's way to say "all keys" and "from this key on". */
const endless = Buffer.from([0]);

export const keyBytes = (key: string): Buffer => Buffer.from(key);

/** Keys from `from` or the prefix' first to the prefix' last. */
export function interval(prefix: string, from?: string): { key: Buffer; rangeEnd: Buffer } {
  const start = from !== undefined && from > prefix ? keyBytes(from) : prefix === '' ? endless : keyBytes(prefix);
  if (prefix === '') return { key: start, rangeEnd: endless };
  const rangeEnd = keyBytes(prefix);
  // The last byte of UTF-8 text is never 0xff: one more is always possible.
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) as number) + 1;
  return { key: start, rangeEnd };
}

/** The first key after this one. */
export const keyAfter = (key: string): string => `${key}\0`;

export const encode = <M extends DescMessage>(schema: M, message: MessageShape<M>): Uint8Array =>
  toBinary(schema, message, { writeUnknownFields: false });

export const decode = <M extends DescMessage>(schema: M, bytes: Uint8Array): MessageShape<M> =>
  fromBinary(schema, bytes, { readUnknownFields: false });

export function entryOf(kv: KeyValue): Entry {
  const { buffer, byteOffset, length } = kv.value;
  return {
    key: Buffer.from(kv.key.buffer, kv.key.byteOffset, kv.key.length).toString(),
    value: Buffer.from(buffer, byteOffset, length),
    createRevision: Number(kv.createRevision),
    modRevision: Number(kv.modRevision),
    version: Number(kv.version),
  };
}

/** Throws Compacted when what stood before has been compacted since: then the event cannot be told whole. */
export function eventOf({ type, kv, prevKv }: Event): StoreEvent {
  if (!kv) throw new GrpcError(grpcCode.internal, 'an event without its key');
  const revision: Revision = Number(kv.modRevision);
  const previous = prevKv ? entryOf(prevKv) : undefined;
  const deleted = type === Event_EventType.DELETE;
  if (!previous && (deleted || kv.version !== 1n)) throw new Compacted(revision);
  if (deleted) return { type: 'delete', entry: { ...(previous as Entry), modRevision: revision }, previous };
  return { type: 'put', entry: entryOf(kv), previous };
}

/** Writes when all comparisons hold; otherwise reads the compared keys. */
export function txnRequest(operations: readonly Operation[]): TxnRequest {
  const compared = operations.filter(({ expect }) => expect !== undefined);
  return create(TxnRequestSchema, {
    compare: compared.map(({ key, expect }) =>
      create(CompareSchema, {
        result: Compare_CompareResult.EQUAL,
        target: Compare_CompareTarget.MOD,
        key: keyBytes(key),
        targetUnion: { case: 'modRevision', value: BigInt(expect as Revision) },
      }),
    ),
    success: operations.flatMap((operation): RequestOp | [] => {
      if (operation.op === 'check') return [];
      const key = keyBytes(operation.key);
      return create(RequestOpSchema, {
        request:
          operation.op === 'put'
            ? { case: 'requestPut', value: { $typeName: 'etcdserverpb.PutRequest', key, value: operation.value } }
            : { case: 'requestDeleteRange', value: { $typeName: 'etcdserverpb.DeleteRangeRequest', key } },
      });
    }),
    failure: compared.map(({ key }) =>
      create(RequestOpSchema, { request: { case: 'requestRange', value: rangeOf(key) } }),
    ),
  });
}

const rangeOf = (key: string) => ({
  $typeName: 'etcdserverpb.RangeRequest' as const,
  key: keyBytes(key),
  rangeEnd: Buffer.alloc(0),
  limit: 0n,
  revision: 0n,
  countOnly: false,
});

/** The first operation whose comparison failed, and what stands there. */
export function conflictOf(
  operations: readonly Operation[],
  response: TxnResponse,
): { readonly key: string; readonly current: Entry | undefined } {
  const compared = operations.filter(({ expect }) => expect !== undefined);
  for (const [index, { key, expect }] of compared.entries()) {
    const answer = response.responses[index]?.response;
    if (answer?.case !== 'responseRange') break;
    const [kv] = answer.value.kvs;
    const current = kv ? entryOf(kv) : undefined;
    if ((current?.modRevision ?? 0) !== expect) return { key, current };
  }
  throw new GrpcError(grpcCode.internal, 'etcd refused a transaction whose comparisons all hold');
}

/** Whether this change is what these operations do: then they were written with it. */
export function isWorkOf(operations: readonly Operation[], events: readonly StoreEvent[]): boolean {
  const byKey = new Map(events.map((event) => [event.entry.key, event]));
  let found = 0;
  for (const operation of operations) {
    if (operation.op === 'check') continue;
    const event = byKey.get(operation.key);
    // A delete of a missing key leaves no event.
    if (!event && operation.op === 'delete' && (operation.expect ?? 0) === 0) continue;
    if (event?.type !== operation.op) return false;
    if (operation.expect !== undefined && (event.previous?.modRevision ?? 0) !== operation.expect) return false;
    if (operation.op === 'put' && !operation.value.equals(event.entry.value)) return false;
    found++;
  }
  return found > 0 && found === events.length;
}

/** Another member, or the same one later, may answer better. Whether the request took effect is unknown. */
export function isPassing(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  if (!(error instanceof GrpcError)) return false;
  switch (error.code) {
    case grpcCode.unavailable:
    case grpcCode.deadlineExceeded:
    case grpcCode.internal:
    case grpcCode.unknown:
    case 1: // Cancelled: the member stops.
      return true;
    case grpcCode.resourceExhausted:
      return /too many requests/.test(error.message);
    default:
      return false;
  }
}

/** The connection was never made, so that nothing can have happened. */
export function isUnsent(error: unknown): boolean {
  return (
    error instanceof NetworkError && ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND'].includes(error.code)
  );
}

export const isCompacted = (error: unknown): boolean =>
  error instanceof GrpcError && error.code === grpcCode.outOfRange && /compacted/.test(error.message);

export const isFuture = (error: unknown): boolean =>
  error instanceof GrpcError && error.code === grpcCode.outOfRange && /future/.test(error.message);

/** Refusals in the store's own words; anything else as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  if (error.code === grpcCode.resourceExhausted && /space exceeded/.test(error.message)) return new StoreFull();
  if (error.code === grpcCode.invalidArgument) return new RangeError(error.message, { cause: error });
  return error;
}
