/** Random requests to a real etcd and to ours: every answer, refusal and event must be the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { create, toJson, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { grpcCall, GrpcError, grpcStream } from '#world/grpc.ts';
import { nodeWorld } from '#world/node/world.ts';
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from '../etcd/gen/etcd_pb.ts';
import { decode, encode } from '../etcd/messages.ts';
import { etcdMissing, startEtcd, type TestEtcd } from '../etcd/test-etcd.ts';
import { memoryStore } from '../memory.ts';
import { serveStore, type TestServer } from './test-server.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const skip = etcdMissing ?? false;
let etcd: TestEtcd;
let ours: TestServer;
before(async () => {
  if (skip) return;
  etcd = await startEtcd({ flags: ['--max-txn-ops', '16'] });
  await etcd.leader();
  ours = await serveStore(world, memoryStore(), { txnOperationsMax: 16 });
});
after(async () => {
  await ours?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
});

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const key = fc.constantFrom('a', 'a/1', 'a/2', 'b', 'b/1', 'c', '\xc3\xa4', 'a\x7f').map(bytes);
/** Also what is no text, and nothing. */
const bound = fc.constantFrom('', '\0', 'a', 'a0', 'b', 'b\xff', '\xff', '\xc3', 'a/', 'a\x80', 'z').map(bytes);
const anyKey = fc.oneof({ weight: 6, arbitrary: key }, { weight: 1, arbitrary: bound });
const rangeEnd = fc.oneof({ weight: 2, arbitrary: fc.constant(bytes('')) }, { weight: 3, arbitrary: bound });
const value = fc.constantFrom('', 'x', 'y', 'zz').map(bytes);
const revision = fc.nat(20).map(BigInt);
const some = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(otherwise) }, { weight: 1, arbitrary });

const put = fc.record({
  key: anyKey.filter((bytes) => bytes.length === 0 || key0(bytes)),
  value,
  prevKv: fc.boolean(),
  ignoreValue: some(fc.constant(true), false),
  ignoreLease: some(fc.constant(true), false),
  lease: some(fc.constant(77n), 0n),
});
/** Keys that we hold: the others we refuse to put, unlike etcd. */
function key0(bytes: Buffer): boolean {
  return !/[\0\x80-\xff]/.test(bytes.toString('latin1')) || bytes.equals(Buffer.from('ä'));
}
const range = fc.record({
  key: anyKey,
  rangeEnd,
  limit: some(fc.integer({ min: 1, max: 4 }).map(BigInt), 0n),
  revision: some(revision, 0n),
  sortOrder: some(fc.constantFrom(1 as const, 2 as const), 0 as const),
  sortTarget: some(fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const), 0 as const),
  keysOnly: some(fc.constant(true), false),
  countOnly: some(fc.constant(true), false),
  minModRevision: some(revision, 0n),
  maxModRevision: some(revision, 0n),
  minCreateRevision: some(revision, 0n),
  maxCreateRevision: some(revision, 0n),
});
const remove = fc.record({ key: anyKey, rangeEnd, prevKv: fc.boolean() });
const compare = fc
  .record({
    result: fc.constantFrom(0, 1, 2, 3),
    target: fc.constantFrom(0, 1, 2, 3),
    key: anyKey,
    rangeEnd,
    revision,
    value,
  })
  .map(({ revision: number, value: text, target, result, key: name, rangeEnd: end }) => ({
    key: name,
    rangeEnd: end,
    result: result as 0,
    target: target as 0,
    targetUnion: [
      { case: 'version', value: number % 3n },
      { case: 'createRevision', value: number },
      { case: 'modRevision', value: number },
      { case: 'value', value: text },
    ][target] as { case: 'version'; value: bigint },
  }));
type Txn = MessageInitShape<typeof TxnRequestSchema>;
type Op = NonNullable<NonNullable<Txn['success']>[number]>;
const { txn } = fc.letrec<{ txn: Txn; op: Op }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 2 },
    put.map((message) => ({ request: { case: 'requestPut' as const, value: message } })),
    range.map((message) => ({ request: { case: 'requestRange' as const, value: message } })),
    // A deletion of all that follows and a put in one transaction: etcd forgets to refuse it, we do not.
    remove
      .filter(({ rangeEnd: end }) => !end.equals(bytes('\0')))
      .map((message) => ({ request: { case: 'requestDeleteRange' as const, value: message } })),
    tie('txn').map((message) => ({ request: { case: 'requestTxn' as const, value: message } })),
  ) as fc.Arbitrary<Op>,
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 4 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }) as fc.Arbitrary<Txn>,
}));

interface Call {
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly request: Record<string, unknown>;
}
const call = (path: string, input: DescMessage, output: DescMessage, request: fc.Arbitrary<unknown>) =>
  request.map((message): Call => ({
    path: `/etcdserverpb.KV/${path}`,
    input,
    output,
    request: message as Record<string, unknown>,
  }));
const calls = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: call('Put', PutRequestSchema, PutResponseSchema, put) },
    { weight: 5, arbitrary: call('Range', RangeRequestSchema, RangeResponseSchema, range) },
    { weight: 2, arbitrary: call('DeleteRange', DeleteRangeRequestSchema, DeleteRangeResponseSchema, remove) },
    { weight: 5, arbitrary: call('Txn', TxnRequestSchema, TxnResponseSchema, txn) },
    {
      weight: 1,
      arbitrary: call(
        'Compact',
        CompactionRequestSchema,
        CompactionResponseSchema,
        fc.record({ revision: fc.integer({ min: 1, max: 20 }).map(BigInt) }),
      ),
    },
  ),
  { minLength: 10, maxLength: 40 },
);

/** The answer as text, without who gave it. */
async function answer(url: string, { path, input, output, request }: Call): Promise<string> {
  try {
    const message = encode(input, create(input, request));
    const found = decode(output, await grpcCall(world, { url }, { method: path, message, timeoutMs: 10_000 }));
    return JSON.stringify(toJson(output, found), (name, each: unknown) =>
      ['clusterId', 'memberId', 'raftTerm'].includes(name) ? undefined : each,
    );
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

/** Everything that happened since a revision, as a watch tells it. */
async function history(url: string, from: number): Promise<string[]> {
  const first = create(WatchRequestSchema, {
    requestUnion: {
      case: 'createRequest',
      value: { key: bytes('\0'), rangeEnd: bytes('\0'), startRevision: BigInt(from), prevKv: true },
    },
  });
  using stream = await grpcStream(
    world,
    { url },
    {
      method: '/etcdserverpb.Watch/Watch',
      first: encode(WatchRequestSchema, first),
      timeoutMs: 10_000,
    },
  );
  const seen: string[] = [];
  for await (const bytes of stream.messages) {
    const message = decode(WatchResponseSchema, bytes);
    if (message.canceled) return [`compacted at ${message.compactRevision}`];
    for (const event of message.events) {
      const { kv, prevKv, type } = event;
      const text = (each: typeof kv) =>
        each &&
        [
          String(Buffer.from(each.key)),
          each.createRevision,
          each.modRevision,
          each.version,
          String(Buffer.from(each.value)),
        ].join(' ');
      seen.push(`${type} ${text(kv)} before: ${text(prevKv)}`);
      if (String(Buffer.from(kv?.key ?? [])) === 'the end') return seen;
    }
  }
  return seen;
}

test('every answer, refusal and event is an etcd’s', { skip }, async () => {
  const urls = [etcd.servers[0] as string, `http://${ours.endpoint}`] as const;
  await fc.assert(
    fc.asyncProperty(calls, async (sequence) => {
      // Each begins empty and at a revision of its own: those that are asked for are counted from there.
      const begin = await Promise.all(urls.map((url) => clear(url)));
      assert.equal(begin[0], begin[1]);
      const start = BigInt(begin[0] as number);
      for (const each of sequence) {
        const moved = { ...each, request: shifted(each.request, start) as Record<string, unknown> };
        const [theirs, mine] = await Promise.all(urls.map((url) => answer(url, moved)));
        // Of several things that are wrong with a transaction etcd's versions name different ones first.
        const isTxn = each.path.endsWith('/Txn');
        if (isTxn && /^\d/.test(mine as string) && /^\d/.test(theirs as string)) continue;
        assert.equal(mine, theirs, `${each.path} ${shown(moved.request)}`);
      }
      const end = { path: '/etcdserverpb.KV/Put', input: PutRequestSchema, output: PutResponseSchema };
      for (const url of urls) await answer(url, { ...end, request: { key: bytes('the end') } });
      const [theirs, mine] = await Promise.all(urls.map((url) => history(url, Number(start) + 1)));
      assert.deepEqual(mine, theirs);
    }),
    { numRuns: 50, endOnFailure: true },
  );
});

/** A request as text that a person can read. */
const shown = (request: unknown): string =>
  JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'bigint'
      ? String(value)
      : (value as { type?: string } | null)?.type === 'Buffer'
        ? Buffer.from((value as { data: number[] }).data).toString('latin1')
        : value,
  );

async function clear(url: string): Promise<number> {
  const message = encode(
    DeleteRangeRequestSchema,
    create(DeleteRangeRequestSchema, { key: bytes('\0'), rangeEnd: bytes('\0') }),
  );
  const found = await grpcCall(world, { url }, { method: '/etcdserverpb.KV/DeleteRange', message, timeoutMs: 10_000 });
  return Number(decode(DeleteRangeResponseSchema, found).header?.revision);
}

/** Every revision that is not 0, moved to where the sequence began. */
function shifted(value: unknown, by: bigint, name = ''): unknown {
  if (typeof value === 'bigint') return name.endsWith('evision') && value !== 0n ? value + by : value;
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shifted(each, by, name));
  const union = 'case' in value ? String(value.case) : undefined;
  return Object.fromEntries(
    Object.entries(value).map(([field, each]) => [
      field,
      shifted(each, by, field === 'value' && union ? union : field),
    ]),
  );
}
