/**
 * What every service of the served etcd stands on: the store, the leases, who this member says it is, and how a method is
 * declared: the messages it takes and gives, and what it does.
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { GrpcContext, GrpcMethod, GrpcServerStream } from '#world/grpc-server.ts';
import type { World } from '#world/world.ts';
import { decode, encode } from '../etcd/messages.ts';
import { KeyValueSchema, ResponseHeaderSchema, type KeyValue, type ResponseHeader } from '../etcd/gen/etcd_pb.ts';
import type { Entry, Revision, Store } from '../store.ts';
import { refusal, refusalOf, type Refusal } from './errors.ts';
import { keyBytes } from './keys.ts';
import type { Leases } from './leases.ts';

/** Who answers. Clients take another cluster id for another etcd. */
export interface EtcdIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export interface EtcdLimits {
  /** Of a request that writes. */
  readonly requestBytesMax: number;
  /** Comparisons, and operations of each branch, of a transaction. */
  readonly txnOperationsMax: number;
}

export interface Backend {
  readonly world: World;
  readonly store: Store;
  readonly leases: Leases;
  readonly identity: EtcdIdentity;
  readonly limits: EtcdLimits;
}

/** Path → method. */
export type Service = Readonly<Record<string, GrpcMethod>>;

/** There is one member, which always leads: its term never changes. */
export const raftTerm = 2n;

export function headerOf({ store, identity }: Backend, revision: Revision = store.revision()): ResponseHeader {
  return create(ResponseHeaderSchema, {
    clusterId: identity.clusterId,
    memberId: identity.memberId,
    revision: BigInt(revision),
    raftTerm,
  });
}

export function kvOf(
  { leases }: Pick<Backend, 'leases'>,
  entry: Entry,
  options?: { readonly keyOnly?: boolean },
): KeyValue {
  const { key, value, createRevision, modRevision, version } = entry;
  return create(KeyValueSchema, {
    key: keyBytes(key),
    createRevision: BigInt(createRevision),
    modRevision: BigInt(modRevision),
    version: BigInt(version),
    lease: leases.of(entry),
    ...(options?.keyOnly ? {} : { value }),
  });
}

/** A method with one message each way; `handle` may answer with the fields of its message. */
export function unary<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
  handle: (
    request: MessageShape<I>,
    bytes: number,
    context: GrpcContext,
  ) => Promise<MessageInitShape<O>> | MessageInitShape<O>,
): GrpcMethod {
  return {
    kind: 'unary',
    async handle(message, context) {
      try {
        return encode(output, create(output, await handle(decode(input, message), message.length, context)));
      } catch (error) {
        throw refusalOf(error);
      }
    },
  };
}

/** A method that is refused whatever it is asked, or for what its message says. */
export const refusing = (why: Refusal | ((message: Uint8Array) => Refusal)): GrpcMethod => ({
  kind: 'unary',
  handle: (message) => {
    throw refusal(typeof why === 'string' ? why : why(message));
  },
});

/** A method with messages in a stream. */
export function streaming<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
  handle: (stream: MessageStream<I, O>) => Promise<void>,
): GrpcMethod {
  return {
    kind: 'stream',
    async handle(stream) {
      try {
        await handle({
          stream,
          requests: decoded(input, stream),
          send: (message) => stream.send(encode(output, create(output, message))),
        });
      } catch (error) {
        throw refusalOf(error);
      }
    },
  };
}

export interface MessageStream<I extends DescMessage, O extends DescMessage> {
  readonly stream: GrpcServerStream;
  readonly requests: AsyncIterable<MessageShape<I>>;
  /** False when the client is slow. */
  send(message: MessageInitShape<O>): boolean;
}

async function* decoded<I extends DescMessage>(
  input: I,
  { messages }: GrpcServerStream,
): AsyncGenerator<MessageShape<I>, void, undefined> {
  for await (const message of messages) yield decode(input, message);
}
