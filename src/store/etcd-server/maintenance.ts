/**
 * The Maintenance service: what the server is, hashes and snapshots of its data, and what only a cluster of several members can be
 * asked. Long work over all the data lets others run in between.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '#world/world.ts';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  DowngradeRequest_DowngradeAction as DowngradeAction,
  DowngradeRequestSchema,
  EmptySchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashRequestSchema,
  HashResponseSchema,
  SnapshotRequestSchema,
  SnapshotResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../etcd/gen/etcd_pb.ts';
import { Compacted, FutureRevision, type Revision } from '../store.ts';
import { crc32c } from './crc32c.ts';
import { refusal } from './errors.ts';
import { headerOf, raftTerm, refusing, streaming, unary, type Backend, type Service } from './service.ts';
import { planSnapshot, recordsOf, stateOf } from './snapshot.ts';

/** Whose API this is: clients turn features on by it. */
export const etcdVersion = '3.6.0';
/** Of a message of a snapshot. */
const blobBytes = 64 * 1024;
/** Others run at least this often. */
const sliceMs: Millis = 5;

export function maintenanceService(backend: Backend): Service {
  const { store, identity } = backend;
  const { memberId } = identity;
  const alarms = () => (isFull(backend) ? [{ memberID: memberId, alarm: AlarmType.NOSPACE }] : []);
  return {
    '/etcdserverpb.Maintenance/Status': unary(StatusRequestSchema, StatusResponseSchema, async () => {
      const size = BigInt(await store.sizeBytes());
      const index = BigInt(store.revision());
      return {
        header: headerOf(backend),
        version: etcdVersion,
        dbSize: size,
        dbSizeInUse: size,
        leader: memberId,
        raftIndex: index,
        raftAppliedIndex: index,
        raftTerm,
        errors: alarms().map(({ memberID }) => `memberID:${memberID} alarm:NOSPACE `),
      };
    }),
    // There is an alarm while there is no room: it is nobody's to raise, and goes by itself.
    '/etcdserverpb.Maintenance/Alarm': unary(AlarmRequestSchema, AlarmResponseSchema, ({ action }) => ({
      header: headerOf(backend),
      alarms: action === AlarmAction.GET ? alarms() : [],
    })),
    '/etcdserverpb.Maintenance/Defragment': unary(DefragmentRequestSchema, DefragmentResponseSchema, async () => {
      await store.defragment?.();
      return {};
    }),
    '/etcdserverpb.Maintenance/Hash': unary(HashRequestSchema, HashResponseSchema, async () => {
      const { hash, revision } = await hashAt(backend);
      return { header: headerOf(backend, revision), hash };
    }),
    '/etcdserverpb.Maintenance/HashKV': unary(HashKVRequestSchema, HashKVResponseSchema, async (request) => {
      const asked = Number(request.revision);
      const { hash, revision } = await hashAt(backend, asked > 0 ? asked : undefined);
      return {
        header: headerOf(backend),
        hash,
        compactRevision: BigInt(store.compactRevision()),
        hashRevision: BigInt(revision),
      };
    }),
    '/etcdserverpb.Maintenance/Snapshot': streaming(
      SnapshotRequestSchema,
      SnapshotResponseSchema,
      async ({ stream, requests, send }) => {
        for await (const _request of requests) break;
        const plan = planSnapshot(backend, await stateOf(backend));
        const sha = createHash('sha256');
        let left = plan.sizeBytes;
        for await (const blob of inBlobs(backend, plan.pages())) {
          sha.update(blob);
          left -= blob.length;
          if (!send({ remainingBytes: BigInt(left), blob })) await stream.drained();
          if (stream.signal.aborted) return;
        }
        send({ remainingBytes: 0n, blob: sha.digest() });
      },
    ),
    '/etcdserverpb.Maintenance/MoveLeader': refusing('badLeaderTransferee'),
    '/etcdserverpb.Maintenance/Downgrade': unary(DowngradeRequestSchema, EmptySchema, ({ action }) => {
      throw refusal(action === DowngradeAction.CANCEL ? 'noInflightDowngrade' : 'invalidDowngradeTarget');
    }),
  };
}

const isFull = ({ store }: Backend): boolean => store.gauges?.['k8ts_store_full']?.value() === 1;

/**
 * Over the records of a snapshot at this revision, as etcd hashes its own: an etcd restored from that snapshot has the same
 * number.
 */
async function hashAt(
  backend: Backend,
  at?: Revision,
): Promise<{ readonly hash: number; readonly revision: Revision }> {
  const { clock } = backend.world;
  const { store } = backend;
  if (at !== undefined && at > store.revision()) throw new FutureRevision(at, store.revision());
  if (at !== undefined && at < store.compactRevision()) throw new Compacted(store.compactRevision());
  const state = await stateOf(backend, at);
  const records = recordsOf(backend, state);
  let hash = crc32c(Buffer.from('key'));
  let since = clock.monotonic();
  for (let i = 0; i < records.count; i++) {
    hash = crc32c(records.value(i), crc32c(records.key(i), hash));
    if (clock.monotonic() - since < sliceMs) continue;
    await clock.yield();
    since = clock.monotonic();
  }
  return { hash, revision: state.revision };
}

/** Pages put together to messages of a useful size. */
async function* inBlobs(
  { world }: Backend,
  pages: Iterable<Buffer>,
): AsyncGenerator<Buffer<ArrayBufferLike>, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  let since = world.clock.monotonic();
  for (const page of pages) {
    parts.push(page);
    bytes += page.length;
    if (bytes < blobBytes) continue;
    yield Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
    if (world.clock.monotonic() - since < sliceMs) continue;
    await world.clock.yield();
    since = world.clock.monotonic();
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
}
