/** Transactions that meet: whatever they rest on, keys or whole intervals, they are as if one had come after the other. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { grpcCall } from '#world/grpc.ts';
import { nodeWorld } from '#world/node/world.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';
import {
  CompareSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  RequestOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from '../etcd/gen/etcd_pb.ts';
import { decode, encode } from '../etcd/messages.ts';
import { etcdMissing, startEtcd } from '../etcd/test-etcd.ts';
import { memoryStore } from '../memory.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { Store } from '../store.ts';
import { put } from '../suite.ts';
import { serveStore } from './test-server.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-txn-'));
});
after(() => rm(folder, { recursive: true }));

const bytes = (text: string): Buffer => Buffer.from(text);
const [from, end] = [bytes('/own/'), bytes('/own0')];

const stores: readonly (readonly [name: string, skip: string | false, open: () => Promise<Store>])[] = [
  ['memory', false, async () => memoryStore()],
  ['SQLite', false, () => openSqliteStore(world, { path: join(folder, 'data.db') })],
  [
    'etcd',
    etcdMissing ?? false,
    async () => {
      const etcd = await startEtcd({ flags: ['--max-txn-ops', '128'] });
      const store = await openEtcdStore(world, { servers: etcd.servers });
      const close = store[Symbol.asyncDispose].bind(store);
      store[Symbol.asyncDispose] = async () => {
        await close();
        await etcd[Symbol.asyncDispose]();
      };
      return store;
    },
  ],
];

for (const [name, skip, open] of stores) {
  test(`transactions that meet over ${name} come one after the other`, { skip }, async () => {
    const store = await open();
    await using server = await serveStore(world, store);
    const ask = async <I extends DescMessage, O extends DescMessage>(
      verb: string,
      [input, output]: readonly [I, O],
      request: MessageInitShape<I>,
    ): Promise<MessageShape<O>> =>
      decode(
        output,
        await grpcCall(
          world,
          { url: `http://${server.endpoint}` },
          {
            method: `/etcdserverpb.KV/${verb}`,
            message: encode(input, create(input, request)),
            timeoutMs: 30_000,
          },
        ),
      );
    const txn = (request: MessageInitShape<typeof TxnRequestSchema>) =>
      ask('Txn', [TxnRequestSchema, TxnResponseSchema], request);

    // Each puts a key of its own, if there is none of anybody's: what appears in an interval counts too.
    for (let round = 0; round < 5; round++) {
      const workers = Array.from({ length: 12 }, (_, i) =>
        txn({
          compare: [
            create(CompareSchema, {
              key: from,
              rangeEnd: end,
              target: 1,
              targetUnion: { case: 'createRevision', value: 0n },
            }),
          ],
          success: [
            create(RequestOpSchema, {
              request: {
                case: 'requestPut',
                value: create(PutRequestSchema, { key: bytes(`/own/${i}`), value: bytes('x') }),
              },
            }),
            create(RequestOpSchema, {
              request: { case: 'requestRange', value: create(RangeRequestSchema, { key: from, rangeEnd: end }) },
            }),
          ],
        }),
      );
      const done = await Promise.all(workers);
      assert.equal(done.filter(({ succeeded }) => succeeded).length, 1);
      const won = done.find(({ succeeded }) => succeeded);
      const read = won?.responses[1]?.response;
      assert.ok(read?.case === 'responseRange' && read.value.kvs.length === 1);
      assert.equal(read.value.kvs[0]?.modRevision, won?.header?.revision);
      const removed = Array.from({ length: 6 }, () =>
        ask('DeleteRange', [DeleteRangeRequestSchema, DeleteRangeResponseSchema], {
          key: from,
          rangeEnd: end,
          prevKv: true,
        }),
      );
      // Of those that delete at once, one has deleted it.
      const counts = (await Promise.all(removed)).map(({ deleted, prevKvs }) => [Number(deleted), prevKvs.length]);
      assert.deepEqual(counts.toSorted().at(-1), [1, 1]);
      assert.deepEqual(
        counts.flat().reduce((sum, count) => sum + count),
        2,
      );
    }

    // More than one transaction of the store may hold.
    const many = name === 'etcd' ? 300 : 9_000;
    await Promise.all(Array.from({ length: many }, (_, i) => put(store, `/many/${i}`, 'x')));
    const range = [RangeRequestSchema, RangeResponseSchema] as const;
    const listed = await ask('Range', range, { key: bytes('/many/'), rangeEnd: bytes('/many0') });
    assert.equal(listed.kvs.length, many);
    const gone = await ask('DeleteRange', [DeleteRangeRequestSchema, DeleteRangeResponseSchema], {
      key: bytes('/many/'),
      rangeEnd: bytes('/many0'),
    });
    assert.equal(Number(gone.deleted), many);
    assert.equal((await store.range('/many/')).count, 0);
  });
}
