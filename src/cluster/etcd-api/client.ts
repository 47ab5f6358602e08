/** What `k8ts etcd` asks a served store: the cluster's own through its socket, or any etcd by its address. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  SnapshotRequestSchema,
  SnapshotResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '#store/etcd/gen/etcd_pb.ts';
import { decode, encode } from '#store/etcd/messages.ts';
import { grpcCall, grpcStream, type GrpcPeer } from '#world/grpc.ts';
import type { Millis, World } from '#world/world.ts';

const timeoutMs: Millis = 5_000;
/** Compacting or defragmenting a large store takes a while. */
const workMs: Millis = 10 * 60_000;

async function call<I extends DescMessage, O extends DescMessage>(
  world: World,
  peer: GrpcPeer,
  [method, input, output]: readonly [string, I, O],
  options: { readonly message?: MessageInitShape<I>; readonly timeoutMs: Millis },
): Promise<MessageShape<O>> {
  const message = encode(input, create(input, options.message));
  return decode(output, await grpcCall(world, peer, { method, message, timeoutMs: options.timeoutMs }));
}

export const etcdStatus = (world: World, peer: GrpcPeer) =>
  call(world, peer, ['/etcdserverpb.Maintenance/Status', StatusRequestSchema, StatusResponseSchema], { timeoutMs });

export const defragment = (world: World, peer: GrpcPeer) =>
  call(world, peer, ['/etcdserverpb.Maintenance/Defragment', DefragmentRequestSchema, DefragmentResponseSchema], {
    timeoutMs: workMs,
  });

export const compact = (world: World, peer: GrpcPeer, message: { revision: bigint; physical: boolean }) =>
  call(world, peer, ['/etcdserverpb.KV/Compact', CompactionRequestSchema, CompactionResponseSchema], {
    message,
    timeoutMs: workMs,
  });

/** Writes a snapshot to `path`, with its sum; nothing is left there when it fails. Resolves with its size. */
export async function saveSnapshot(world: World, peer: GrpcPeer, path: string): Promise<number> {
  const partial = `${path}.part`;
  using stream = await grpcStream(world, peer, {
    method: '/etcdserverpb.Maintenance/Snapshot',
    first: encode(SnapshotRequestSchema, create(SnapshotRequestSchema)),
    timeoutMs,
  });
  // The sum comes last: what is left when everything has been said.
  const sha = createHash('sha256');
  let last: Uint8Array | undefined;
  let bytes = 0;
  const blobs = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const message of stream.messages) {
      const { blob } = decode(SnapshotResponseSchema, message);
      if (last) sha.update(last);
      last = blob;
      bytes += blob.length;
      yield blob;
    }
  };
  try {
    // Secrets are in it: created by us, so that no umask can open it to others.
    await world.disk.write(partial, '', { mode: 0o600 });
    await pipeline(Readable.from(blobs()), world.disk.writeStream(partial, { append: true }));
    if (!last || !sha.digest().equals(last)) throw new Error('the snapshot did not come whole: its sum is another');
    await world.disk.rename(partial, path);
  } catch (error) {
    await world.disk.remove(partial);
    throw error;
  }
  return bytes;
}
