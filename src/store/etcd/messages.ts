/**
 * Between the store's words and etcd's messages: entries, changes, transactions, errors. Pure. Keys are their UTF-8 bytes,
 * unchanged, so that etcdctl reads them as they are.
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { GrpcError, grpcCode } from '#world/grpc.ts';
import { NetworkError } from '#world/world.ts';
import { Compacted, isWrite, StoreFull, type Entry, type Operation, type Revision, type StoreEvent } from '../store.ts';
import type { Conflict } from '../transaction.ts';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  CompareSchema,
  DeleteRangeRequestSchema,
  Event_EventType,
  PutRequestSchema,
  RangeRequestSchema,
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
/** And ours to say "none": what ends where it begins. */
const none = { key: Buffer.from([1]), rangeEnd: Buffer.from([1]) };

export const keyBytes = (key: string): Buffer => Buffer.from(key);

/** Keys from `from` or the prefix' first to the prefix' last or before `to`. */
export function interval(prefix: string, from?: string, to?: string): { key: Buffer; rangeEnd: Buffer } {
  const start = from !== undefined && from > prefix ? keyBytes(from) : prefix === '' ? endless : keyBytes(prefix);
  // These ends would mean one key and all keys; there is none before them.
  if (to === '' || to === '\0') return none;
  if (to !== undefined && (prefix === '' || to < prefix || to.startsWith(prefix)))
    return { key: start, rangeEnd: keyBytes(to) };
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
  const compared = operations.filter(isCompared);
  return create(TxnRequestSchema, {
    compare: compared.map((operation) =>
      operation.op === 'check-range'
        ? create(CompareSchema, {
            result: Compare_CompareResult.LESS,
            target: Compare_CompareTarget.MOD,
            ...interval('', operation.key, operation.to),
            targetUnion: { case: 'modRevision', value: BigInt(operation.since + 1) },
          })
        : create(CompareSchema, {
            result: Compare_CompareResult.EQUAL,
            target: Compare_CompareTarget.MOD,
            key: keyBytes(operation.key),
            targetUnion: { case: 'modRevision', value: BigInt(operation.expect as Revision) },
          }),
    ),
    success: operations.filter(isWrite).map((operation): RequestOp => {
      const key = keyBytes(operation.key);
      return create(RequestOpSchema, {
        request:
          operation.op === 'put'
            ? { case: 'requestPut', value: create(PutRequestSchema, { key, value: operation.value }) }
            : { case: 'requestDeleteRange', value: create(DeleteRangeRequestSchema, { key }) },
      });
    }),
    failure: compared.map((operation) =>
      create(RequestOpSchema, {
        request: {
          case: 'requestRange',
          value: create(
            RangeRequestSchema,
            operation.op === 'check-range'
              ? {
                  ...interval('', operation.key, operation.to),
                  minModRevision: BigInt(operation.since + 1),
                  limit: 1n,
                }
              : { key: keyBytes(operation.key) },
          ),
        },
      }),
    ),
  });
}

/** With a comparison, so that a second attempt and a late first one exclude each other. */
export const isCompared = (operation: Operation): boolean =>
  operation.op === 'check-range' || operation.expect !== undefined;

/** The first operation whose comparison failed, and what stands there. */
export function conflictOf(operations: readonly Operation[], response: TxnResponse): Conflict {
  for (const [index, operation] of operations.filter(isCompared).entries()) {
    const answer = response.responses[index]?.response;
    if (answer?.case !== 'responseRange') break;
    const [kv] = answer.value.kvs;
    const current = kv ? entryOf(kv) : undefined;
    if (operation.op === 'check-range') {
      if (current) return { key: current.key, current };
    } else if ((current?.modRevision ?? 0) !== operation.expect) return { key: operation.key, current };
  }
  throw new GrpcError(grpcCode.internal, 'etcd refused a transaction whose comparisons all hold');
}

/** Whether this change is what these operations do: then they were written with it. */
export function isWorkOf(operations: readonly Operation[], events: readonly StoreEvent[]): boolean {
  const byKey = new Map(events.map((event) => [event.entry.key, event]));
  let found = 0;
  for (const operation of operations.filter(isWrite)) {
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
