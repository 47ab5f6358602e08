/** Watches of the served API, message by message. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { frame, grpcCode, GrpcError, grpcStream, messagesIn } from '#world/grpc.ts';
import { nodeWorld } from '#world/node/world.ts';
import { showReservedHeader } from '../etcd/changes.ts';
import { WatchRequestSchema, WatchResponseSchema, type WatchResponse } from '../etcd/gen/etcd_pb.ts';
import { decode, encode } from '../etcd/messages.ts';
import { memoryStore } from '../memory.ts';
import { put } from '../suite.ts';
import { Leases } from './leases.ts';
import { serveStore } from './test-server.ts';
import { watchService } from './watch.ts';

const world = nodeWorld({ log: { level: 'silent' } });
type Request = MessageInitShape<typeof WatchRequestSchema>['requestUnion'];

const bytes = (text: string): Buffer => Buffer.from(text);
const creation = (prefix: string, more: object = {}): Request => ({
  case: 'createRequest',
  value: { key: bytes(prefix), rangeEnd: bytes(`${prefix}\u{7f}`), ...more },
});

const message = (request: Request) =>
  encode(WatchRequestSchema, create(WatchRequestSchema, { requestUnion: request } as never));

async function open(endpoint: string, first: Request, headers: Record<string, string> = {}) {
  const stream = await grpcStream(
    world,
    { url: `http://${endpoint}` },
    {
      method: '/etcdserverpb.Watch/Watch',
      first: message(first),
      headers,
      timeoutMs: 10_000,
    },
  );
  const messages = stream.messages[Symbol.asyncIterator]();
  return {
    send: (request: Request) => stream.send(message(request)),
    async next(): Promise<WatchResponse> {
      const { value, done } = (await messages.next()) as IteratorResult<Buffer>;
      assert.ok(!done);
      return decode(WatchResponseSchema, value);
    },
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}

/** One message as a line. */
function line({ watchId, created, canceled, compactRevision, cancelReason, fragment, events, header }: WatchResponse) {
  const words = [
    `${watchId}@${header?.revision}`,
    ...(created ? ['created'] : []),
    ...(canceled ? ['canceled'] : []),
    ...(compactRevision > 0n ? [`compacted ${compactRevision}`] : []),
    ...(cancelReason ? [cancelReason] : []),
    ...(fragment ? ['fragment'] : []),
    ...events.map(
      ({ type, kv, prevKv }) =>
        `${type === 0 ? '+' : '-'}${Buffer.from(kv!.key)}=${Buffer.from(kv!.value)}${prevKv ? ` was ${Buffer.from(prevKv.value)}` : ''}`,
    ),
  ];
  return words.join(' ');
}

test('one stream carries many watches, each with its own wishes', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  using watch = await open(server.endpoint, creation('/a', { prevKv: true }));
  assert.equal(line(await watch.next()), '0@1 created');
  watch.send(creation('/a', { filters: [0], watchId: 7n }));
  assert.equal(line(await watch.next()), '7@1 created');
  watch.send(creation('/b', { watchId: 7n }));
  assert.equal(line(await watch.next()), '-1@1 created canceled mvcc: duplicate watch ID provided on the WatchStream');
  watch.send(creation('/b', { startRevision: -1n }));
  assert.match(
    line(await watch.next()),
    /^-1@1 created canceled etcdserver: mvcc: required revision has been compacted/,
  );
  await put(store, '/a', '1');
  assert.equal(line(await watch.next()), '0@2 +/a=1');
  await put(store, '/b', '1');
  await store.txn([{ op: 'delete', key: '/a' }]);
  assert.equal(line(await watch.next()), '0@4 -/a= was 1');
  assert.equal(line(await watch.next()), '7@4 -/a=');
  watch.send({ case: 'cancelRequest', value: { watchId: 0n } });
  assert.equal(line(await watch.next()), '0@4 canceled');
  watch.send({ case: 'cancelRequest', value: { watchId: 55n } });
  await put(store, '/a', '2');
  watch.send({ case: 'progressRequest', value: {} });
  assert.equal(line(await watch.next()), '-1@5');
  watch.send(creation('/', { startRevision: 2n }));
  const history = ['1@5 created', '1@2 +/a=1', '1@3 +/b=1', '1@4 -/a=', '1@5 +/a=2'];
  for (const expected of history) assert.equal(line(await watch.next()), expected);
});

test('a watch of what is compacted learns from where on there is something', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  for (const value of ['1', '2', '3']) await put(store, '/a', value);
  await put(store, '/b', '4');
  await store.compact(4);
  using watch = await open(server.endpoint, creation('/', { startRevision: 3n }));
  assert.equal(line(await watch.next()), '0@5 created');
  assert.equal(line(await watch.next()), '0@5 canceled compacted 4');
  // The compaction keeps what was put by its own revision.
  watch.send(creation('/', { startRevision: 4n, prevKv: true }));
  for (const expected of ['1@5 created', '1@4 +/a=3', '1@5 +/b=4']) assert.equal(line(await watch.next()), expected);
});

test('a large transaction comes in fragments where that is wanted', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store, { requestBytesMax: 1_000 });
  using watch = await open(server.endpoint, creation('/', { fragment: true }));
  await watch.next();
  const value = Buffer.alloc(300, 'x');
  await store.txn(['/1', '/2', '/3'].map((key) => ({ op: 'put', key, value }) as const));
  const parts = [await watch.next(), await watch.next(), await watch.next()];
  assert.deepEqual(
    parts.map(({ fragment, events, header }) => [fragment, events.length, header?.revision]),
    [
      [true, 1, 2n],
      [true, 1, 2n],
      [false, 1, 2n],
    ],
  );
  await store.txn(['/1', '/2'].map((key) => ({ op: 'delete', key }) as const));
  assert.equal(line(await watch.next()), '0@3 -/1= -/2=');
});

test('a client that does not read costs little and misses nothing', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  using watch = await open(server.endpoint, creation('/'));
  await watch.next();
  const value = Buffer.alloc(20_000, 'x');
  const count = 10_000;
  const before = process.memoryUsage.rss();
  for (let i = 0; i < count; i++) {
    await store.txn([{ op: 'put', key: `/${i % 10}`, value }]);
    // Sockets and timers have their turn.
    if (i % 100 === 0) await world.clock.yield();
  }
  // Two hundred megabytes were written; both sides of the connection are in this process.
  assert.ok(process.memoryUsage.rss() - before < 100 * 1024 * 1024);
  for (let i = 0; i < count; i++) {
    const { events, header } = await watch.next();
    assert.equal(Number(header?.revision), i + 2);
    assert.equal(events.length, 1);
  }
});

test('a client that has nothing more to ask still sees what happens', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  const session = connect(`http://${server.endpoint}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/etcdserverpb.Watch/Watch',
    'content-type': 'application/grpc',
  });
  stream.end(frame(message(creation('/'))));
  const refuse = () => new GrpcError(grpcCode.internal, 'no message of a watch');
  const messages = messagesIn(stream, { bytesMax: 10_000, compressed: refuse, tooLong: refuse });
  for (const expected of ['0@1 created', '0@2 +/a=1', '0@3 +/a=2']) {
    const { value } = (await messages.next()) as IteratorResult<Buffer>;
    assert.equal(line(decode(WatchResponseSchema, value)), expected);
    await put(store, '/a', expected.includes('created') ? '1' : '2');
  }
  session.destroy();
});

test('a client that asks and does not take the answers is not listened to', async () => {
  const store = memoryStore();
  await using leases = await Leases.open(world, store);
  const identity = { clusterId: 1n, memberId: 2n, name: 'test', clientUrls: [] };
  const limits = { requestBytesMax: 1_000, txnOperationsMax: 1 };
  const { '/etcdserverpb.Watch/Watch': method } = watchService({ world, store, leases, identity, limits });
  assert.ok(method?.kind === 'stream');
  const outcome = Promise.withResolvers<string>();
  const left = new AbortController();
  let bufferedBytes = 0;
  const ended = method.handle({
    signal: left.signal,
    metadata: {},
    messages: (async function* () {
      for (let i = 0; i < 200_000 && !left.signal.aborted; i++)
        yield Buffer.from(message({ case: 'progressRequest', value: {} }));
      outcome.resolve('heard to its end');
    })(),
    send(answer) {
      bufferedBytes += answer.length;
      return false;
    },
    async drained() {
      outcome.resolve('held back');
      if (!left.signal.aborted) await once(left.signal, 'abort');
    },
    get bufferedBytes() {
      return bufferedBytes;
    },
  });
  assert.equal(await outcome.promise, 'held back');
  assert.ok(bufferedBytes < 1024 * 1024 + 1_000);
  left.abort();
  await ended;
});

test('a watcher that had seen everything is not cancelled for what others of its stream have not taken', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  using watch = await open(server.endpoint, creation('/busy'));
  await watch.next();
  watch.send(creation('/quiet'));
  await watch.next();
  // No input or output comes in between: nothing of this is taken until the end.
  const value = Buffer.alloc(20_000, 'x');
  const busy = 60;
  for (let i = 0; i < busy; i++) await store.txn([{ op: 'put', key: '/busy', value }]);
  await store.compact(store.revision());
  await put(store, '/quiet', '1');
  for (;;) {
    const message = await watch.next();
    if (message.watchId === 0n) continue;
    assert.equal(line(message), `1@${busy + 2} +/quiet=1`);
    break;
  }
});

test('the server’s own entries are seen by nobody who does not ask for them', async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  const all: Request = { case: 'createRequest', value: { key: Buffer.of(0), rangeEnd: Buffer.of(0) } };
  using watch = await open(server.endpoint, all);
  using everything = await open(server.endpoint, all, { [showReservedHeader]: 'true' });
  await Promise.all([watch.next(), everything.next()]);
  await put(store, '\u0001lease/0000000000000001', '{"ttl":5}');
  await put(store, '/a', '1');
  assert.equal(line(await watch.next()), '0@3 +/a=1');
  assert.match(line(await everything.next()), /^0@2 \+\u0001lease/);
});
