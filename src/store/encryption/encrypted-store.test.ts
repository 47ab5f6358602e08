/** The store that encrypts: it is a store like any other, nothing plain stands below it, and what cannot be read is never shown as something else. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { memoryStore } from '../memory.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { Untransformable, type Store, type StoreEvent } from '../store.ts';
import { storeSuite } from '../suite.ts';
import type { EncryptedStore } from './encrypted-store.ts';
import { changeProviders, testEncryption, testWorld } from './test-encryption.ts';
import { startTestKms } from './test-kms.ts';
import { headerOf } from './transformer.ts';

const folder = await mkdtemp(join(tmpdir(), 'k8ts-encryption-'));
after(() => rm(folder, { recursive: true }));
const suiteKms = await startTestKms();
after(() => suiteKms[Symbol.asyncDispose]());

let files = 0;
storeSuite('secretbox over memory', () => testEncryption('secretbox a=a'));
storeSuite('KMS over memory', () => testEncryption(`kms k=${suiteKms.endpoint}`));
storeSuite('AES-GCM over SQLite', async () => {
  const raw = await openSqliteStore(testWorld, { path: join(folder, `${files++}.db`) });
  const store = await testEncryption('aesgcm a=a', { raw });
  return Object.assign(store, { [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose]() });
});

const a = '/registry/secrets/default/a';
const b = '/registry/secrets/default/b';
const put = (store: Store, key: string, value: string) => store.txn([{ op: 'put', key, value: Buffer.from(value) }]);
const rawValue = async (store: EncryptedStore, key: string): Promise<Buffer> =>
  (await store.raw.get(key))?.value ?? assert.fail(`${key} is missing`);
const why = async (store: Store, key: string): Promise<string | undefined> => {
  const entry = await store.get(key);
  if (entry?.unreadable) assert.equal(entry.value.length, 0);
  return entry?.unreadable?.message;
};

test('only the resources of the rules are encrypted; all others share their buffers with the store below', async () => {
  await using store = await testEncryption('secretbox k=a; identity');
  await put(store, a, 'topsecret');
  await put(store, '/registry/configmaps/default/a', 'plain');
  assert.equal(headerOf(await rawValue(store, a)), 'k8s:enc:secretbox:v1:k:');
  assert.equal((await rawValue(store, a)).includes('topsecret'), false);
  assert.equal(String(await rawValue(store, '/registry/configmaps/default/a')), 'plain');
  const [entry] = (await store.range('/registry/configmaps/')).entries;
  assert.equal(entry, (await store.raw.range('/registry/configmaps/')).entries[0]);
});

test('gets, ranges, conflicts, history and events with what stood before are all plain', async () => {
  await using store = await testEncryption('aesgcm k=a');
  const seen: StoreEvent[] = [];
  using _watch = await store.watch('/registry/', 1, (events) => seen.push(...events));
  await put(store, a, 'one');
  await put(store, a, 'two');
  const refused = await store.txn([{ op: 'put', key: a, value: Buffer.from('three'), expect: 2 }]);
  assert.ok(!refused.ok);
  assert.equal(String(refused.conflict.current?.value), 'two');
  await store.txn([{ op: 'delete', key: a }]);
  assert.equal(String((await store.get(a, { revision: 2 }))?.value), 'one');
  assert.equal(String((await store.range('/registry/', { revision: 3 })).entries[0]?.value), 'two');
  const shown = (events: readonly StoreEvent[]) =>
    events.map(({ type, entry, previous }) => `${type} ${String(entry.value)} after ${String(previous?.value)}`);
  const expected = ['put one after undefined', 'put two after one', 'delete two after two'];
  assert.deepEqual(shown(seen), expected);
  const replayed: StoreEvent[] = [];
  using _replay = await store.watch('/registry/', 1, (events) => replayed.push(...events));
  assert.deepEqual(shown(replayed), expected);
});

test('whoever wrote a value gets back the very buffer, so that nothing is parsed twice', async () => {
  await using store = await testEncryption('secretbox k=a');
  const value = Buffer.from('{}');
  let seen: Buffer | undefined;
  using _watch = await store.watch('/', 1, ([event]) => (seen = event?.entry.value));
  await store.txn([{ op: 'put', key: a, value }]);
  assert.equal(seen, value);
});

test('the first provider writes, all of them read, and what another has written is stale', async () => {
  await using store = await testEncryption('identity');
  await put(store, a, 'plain');
  for (const providers of [
    'secretbox k1=a; identity',
    'secretbox k2=b k1=a',
    'aesgcm k2=b; secretbox k2=b',
    'aesgcm k2=c; aesgcm k2=b',
  ]) {
    await changeProviders(store, providers);
    assert.equal(await why(store, a), undefined);
    assert.equal(await store.stale(a), true, providers);
    await put(store, a, providers);
    assert.equal(await store.stale(a), false);
    assert.equal(String((await store.get(a))?.value), providers);
  }
  assert.equal(await store.stale('/registry/configmaps/default/a'), false);
  assert.equal(await store.stale(b), false);
});

test('a value that cannot be read says why, in upstream’s words and with the key it needs', async () => {
  await using store = await testEncryption('aesgcm k=a; secretbox k=b');
  await put(store, a, 'topsecret');
  const sealed = await rawValue(store, a);
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from('{"plain":true}'), /^no matching prefix found$/],
    [Buffer.from('k8s:enc:foo:v1:k:abc'), /^no matching prefix found \(stored as k8s:enc:foo:v1:k:\)$/],
    [
      Buffer.from('k8s:enc:aesgcm:v1:lost:abc'),
      /^no matching key was found for the provided AES transformer \(stored as k8s:enc:aesgcm:v1:lost:\)$/,
    ],
    [Buffer.from('k8s:enc:secretbox:v1:lost:abc'), /^no matching key was found for the provided Secretbox transformer/],
    [Buffer.from('k8s:enc:aesgcm:v1:k:abc'), /^the stored data was shorter than the required size/],
    [sealed.subarray(0, -1), /^cipher: message authentication failed/],
    [Buffer.from('k8s:enc:'), /^no matching prefix found \(stored as k8s:enc:\)$/],
  ];
  for (const [value, message] of cases) {
    await store.raw.txn([{ op: 'put', key: b, value }]);
    assert.match((await why(store, b)) ?? '', message);
    const [, listed] = (await store.range('/registry/secrets/')).entries;
    assert.match(listed?.unreadable?.message ?? '', message);
    assert.equal(listed?.value.length, 0);
    assert.deepEqual([...store.unreadable.keys()], [b]);
    assert.equal(store.gauges['k8ts_encryption_unreadable_objects']?.value(), 1);
  }
  // A value that was moved under another key: its place is authenticated.
  await store.raw.txn([{ op: 'put', key: b, value: Buffer.from(sealed) }]);
  assert.match((await why(store, b)) ?? '', /message authentication failed/);
  // What no rule names and is encrypted all the same is not shown either.
  await store.raw.txn([{ op: 'put', key: '/registry/configmaps/default/a', value: Buffer.from(sealed) }]);
  assert.match(
    (await why(store, '/registry/configmaps/default/a')) ?? '',
    /^identity transformer tried to read encrypted data/,
  );
  await store.raw.txn([{ op: 'put', key: '/registry/configmaps/default/a', value: Buffer.from('k8s\0…') }]);
  assert.match((await why(store, '/registry/configmaps/default/a')) ?? '', /protobuf/);
});

test('a plain value that looks encrypted is not written, so that it can never be taken for one', async () => {
  await using store = await testEncryption('secretbox k=a');
  await assert.rejects(put(store, '/registry/configmaps/default/a', 'k8s:enc:aesgcm:v1:k:x'), Untransformable);
  await put(store, a, 'k8s:enc:aesgcm:v1:k:x');
  assert.equal(String((await store.get(a))?.value), 'k8s:enc:aesgcm:v1:k:x');
});

test('an unreadable value is an event like any other, and a readable one after it heals', async () => {
  await using store = await testEncryption('secretbox k=a');
  const seen: (string | undefined)[] = [];
  using _watch = await store.watch('/', 1, (events) => {
    for (const { entry } of events) seen.push(entry.unreadable?.message ?? String(entry.value));
  });
  await store.raw.txn([{ op: 'put', key: a, value: Buffer.from('k8s:enc:secretbox:v1:x:') }]);
  await put(store, a, 'fine');
  await store.raw.txn([{ op: 'put', key: b, value: Buffer.from('plain') }]);
  await store.txn([{ op: 'delete', key: b }]);
  const lost = 'no matching key was found for the provided Secretbox transformer (stored as k8s:enc:secretbox:v1:x:)';
  assert.deepEqual(seen, [lost, 'fine', 'no matching prefix found', 'no matching prefix found']);
  assert.equal(store.unreadable.size, 0);
});

test('any sequence of writes under changing keys reads as it was written, and nothing below it is plain', async () => {
  const lists = ['secretbox k1=a', 'aesgcm k1=b', 'aescbc k1=c', 'secretbox k2=d'];
  const step = fc.record({
    key: fc.constantFrom(a, b),
    first: fc.nat(3),
    value: fc.string({ minLength: 8, maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using store = await testEncryption(lists.join(';'));
      const model = new Map<string, string>();
      for (const { key, first, value } of steps) {
        await changeProviders(store, [lists[first], ...lists.filter((_, at) => at !== first)].join(';'));
        await put(store, key, value);
        model.set(key, value);
        assert.equal((await rawValue(store, key)).includes(value), false);
      }
      const { entries } = await store.range('/');
      assert.deepEqual(new Map(entries.map((entry) => [entry.key, String(entry.value)])), model);
    }),
    { numRuns: 30 },
  );
});

test('operations are counted under upstream’s name, by resource, prefix and result', async () => {
  await using store = await testEncryption('secretbox k=a');
  await put(store, a, 'one');
  await store.raw.txn([{ op: 'put', key: b, value: Buffer.from('plain') }]);
  await store.range('/registry/secrets/');
  const family = store.families.find(({ name }) => name === 'apiserver_storage_transformation_operations_total');
  assert.ok(family && family.type !== 'histogram');
  assert.deepEqual(
    [...family.series()].map(({ labels, value }) => `${Object.values(labels).join(' ')}: ${value}`),
    ['secrets to_storage k8s:enc:secretbox:v1: OK: 1', 'secrets from_storage unknown unknown-non-grpc: 1'],
  );
});

test('two servers with seeds of their own: events of the other wait for the KMS, in order, and the revision with them', async () => {
  await using kms = await startTestKms();
  await using raw = memoryStore();
  const providers = `kms k=${kms.endpoint}; secretbox s=a`;
  await using ours = await testEncryption(providers, { raw });
  await using theirs = await testEncryption(providers, { raw });
  const seen: string[] = [];
  using _watch = await ours.watch('/', 1, (events, revision) => {
    for (const { entry } of events) seen.push(`${revision} ${String(entry.value)}`);
    assert.ok(ours.revision() >= revision);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  kms.pause = promise;
  await put(theirs, a, 'theirs');
  assert.deepEqual([seen, ours.revision(), raw.revision()], [[], 1, 2]);
  const own = put(ours, b, 'ours');
  await raw.txn([{ op: 'put', key: '/registry/pods/default/p', value: Buffer.from('pod') }]);
  assert.deepEqual([seen, ours.revision()], [[], 1]);
  resolve();
  await own;
  assert.deepEqual(seen.slice(0, 2), ['2 theirs', '3 ours']);
  await put(theirs, a, 'again');
  assert.deepEqual(seen, ['2 theirs', '3 ours', '4 pod', '5 again']);
  assert.equal(ours.revision(), 5);
  assert.equal(kms.calls.Decrypt, 1);
});
