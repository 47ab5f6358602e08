/** A KMS behind the store: its key changes, it says wrong things, it is slow, it goes away and comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Millis, World } from '#world/world.ts';
import { memoryStore } from '../memory.ts';
import { Untransformable } from '../store.ts';
import { aesGcm } from './cipher.ts';
import type { EncryptedStore } from './encrypted-store.ts';
import { EncryptedObjectSchema } from './gen/kms_pb.ts';
import { kmsClient } from './kms-client.ts';
import { rewriteAll } from './rewrite.ts';
import { testEncryption, testWorld } from './test-encryption.ts';
import { startTestKms, type TestKms } from './test-kms.ts';

const a = '/registry/secrets/default/a';
const put = (store: EncryptedStore, key: string, value: string) =>
  store.txn([{ op: 'put', key, value: Buffer.from(value) }]);

/** Real time, and what the test adds to it. Sleepers wake only by what is added. */
function steppedWorld(): World & { step(ms: Millis): Promise<void> } {
  const { clock } = testWorld;
  let added = 0;
  const sleepers = new Set<{ until: Millis; wake: () => void }>();
  return {
    ...testWorld,
    clock: {
      ...clock,
      now: () => clock.now() + added,
      monotonic: () => clock.monotonic() + added,
      after: (ms, run, options) => clock.after(ms, run, options),
      yield: () => clock.yield(),
      sleep: (ms, { signal } = {}) =>
        new Promise((resolve, reject) => {
          signal?.throwIfAborted();
          const sleeper = { until: added + ms, wake: resolve };
          sleepers.add(sleeper);
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    },
    async step(ms) {
      added += ms;
      for (const sleeper of sleepers) {
        if (sleeper.until > added) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await clock.yield();
    },
  };
}

/** Steps until the condition holds; a KMS that is asked over a socket needs a few turns to answer. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 2_000; turns++) {
    if (await condition()) return;
    await testWorld.clock.sleep(1);
  }
  assert.fail('it never came true');
}

const open = (kms: TestKms, world: World, raw = memoryStore()) =>
  testEncryption(`kms k=${kms.endpoint}; identity`, { world, raw });

test('the key of the KMS changes: the next poll makes a new seed, old values are stale and are written anew', async () => {
  await using kms = await startTestKms('one');
  const world = steppedWorld();
  await using store = await open(kms, world);
  await put(store, a, 'topsecret');
  assert.deepEqual(kms.calls, { Status: 1, Encrypt: 1, Decrypt: 0 });
  kms.says.keyId = 'two';
  await put(store, '/registry/secrets/default/b', 'with the old seed still');
  assert.equal(await store.stale(a), false);
  await world.step(60_000);
  await until(() => store.stale(a));
  assert.equal(store.rules.health(), undefined);
  assert.deepEqual(kms.calls, { Status: 2, Encrypt: 2, Decrypt: 0 });
  const { signal } = new AbortController();
  const { rewritten } = await rewriteAll(world, store, { prefixes: ['/registry/secrets/'], signal });
  assert.equal(rewritten, 2);
  assert.equal(await store.stale(a), false);
  assert.equal(String((await store.get(a))?.value), 'topsecret');
  // The same key again: the seed stays, a write costs the KMS nothing.
  await world.step(60_000);
  await until(() => kms.calls.Status === 3);
  assert.equal(kms.calls.Encrypt, 2);
});

test('a server that starts anew asks once for each seed, however many values there are', async () => {
  await using kms = await startTestKms();
  await using raw = memoryStore();
  {
    await using store = await open(kms, testWorld, raw);
    for (let at = 0; at < 50; at++) await put(store, `/registry/secrets/default/${at}`, `value ${at}`);
  }
  await using store = await open(kms, testWorld, raw);
  await put(store, a, 'new seed');
  const { entries } = await store.range('/registry/secrets/');
  assert.equal(entries.filter(({ value }) => /^value \d+$/.test(String(value))).length, 50);
  assert.equal(kms.calls.Decrypt, 1);
});

test('without its KMS a server reads and writes on for three minutes, then only reads; one that starts does neither, and heals', async () => {
  await using kms = await startTestKms();
  await using raw = memoryStore();
  const world = steppedWorld();
  await using store = await open(kms, world, raw);
  await put(store, a, 'topsecret');
  kms.says.code = 14;
  await world.step(170_000);
  await put(store, a, 'still');
  await until(() => store.rules.health() !== undefined);
  await world.step(11_000);
  await assert.rejects(put(store, a, 'no more'), (error: unknown) => {
    assert.ok(error instanceof Untransformable);
    return /^encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at \S+ \(current time is \S+\)$/.test(
      error.message,
    );
  });
  assert.equal(String((await store.get(a))?.value), 'still');

  const fresh = steppedWorld();
  await using other = await open(kms, fresh, raw);
  assert.match(
    other.rules.health() ?? '',
    /^kms-provider-0: failed to perform status section of the healthz check for KMS Provider k, error: rpc error: code = 14 desc = as the test says$/,
  );
  const { entries } = await other.range('/');
  assert.match(entries[0]?.unreadable?.message ?? '', /^failed to decrypt DEK, error: rpc error: code = 14/);
  await assert.rejects(put(other, a, 'no'), Untransformable);
  const asked = kms.calls.Decrypt;
  assert.ok((await other.get(a))?.unreadable);
  assert.equal(kms.calls.Decrypt, asked, 'a silent KMS is left alone for a second');
  kms.says.code = 0;
  await fresh.step(10_000);
  await until(() => other.rules.health() === undefined);
  assert.equal(String((await other.get(a))?.value), 'still');
});

test('a KMS that does not answer in time is not waited for', async () => {
  await using kms = await startTestKms();
  await using raw = memoryStore();
  {
    await using store = await open(kms, testWorld, raw);
    await put(store, a, 'topsecret');
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  kms.pause = promise;
  const { clock } = testWorld;
  // Three seconds are upstream's default; the test has less time.
  const hasty: World = {
    ...testWorld,
    clock: {
      ...clock,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (ms, options) => clock.sleep(ms, options),
      yield: () => clock.yield(),
      after: (ms, run, options) => clock.after(ms / 100, run, options),
    },
  };
  await using store = await open(kms, hasty, raw);
  assert.match(store.rules.health() ?? '', /no answer within 3000 ms/);
  assert.match(
    (await store.get(a))?.unreadable?.message ?? '',
    /^failed to decrypt DEK, error: .* no answer within 3000 ms/,
  );
  resolve();
});

test('what a KMS may not say is its state of health, and nothing is written with it', async () => {
  const cases: readonly (readonly [Partial<TestKms['says']>, RegExp])[] = [
    [
      { healthz: 'tired' },
      /^kms-provider-0: kmsv2 Provider k is not healthy, error: got unexpected healthz status: tired$/,
    ],
    [{ version: 'v1' }, /expected KMSv2 API version v2, got v1$/],
    [{ keyId: '' }, /got invalid KMSv2 KeyID hash "": keyID is empty$/],
    [
      { keyId: 'x'.repeat(1025) },
      /KeyID hash "sha256:[0-9a-f]{64}": keyID is 1025 bytes, which exceeds the max size of 1024$/,
    ],
    [
      { annotations: { plain: Buffer.of(1) } },
      /failed to rotate DEK: failed to validate annotations: annotations: Invalid value: "plain": should be a domain with at least two segments/,
    ],
    [{ annotations: { 'a_b.c': Buffer.of(1) } }, /failed to validate annotations: annotations: Invalid value: "a_b.c"/],
    [
      { annotations: { 'a.b': Buffer.alloc(40_000) } },
      /total size of annotations is 40003, which exceeds the max size of 32768$/,
    ],
  ];
  for (const [says, message] of cases) {
    await using kms = await startTestKms();
    Object.assign(kms.says, says);
    await using store = await open(kms, testWorld);
    assert.match(store.rules.health() ?? '', message);
    if (!says.healthz && !says.version) await assert.rejects(put(store, a, 'x'), Untransformable);
  }
});

test('the version of the protocol stays what it was at first', async () => {
  await using kms = await startTestKms();
  const world = steppedWorld();
  await using store = await open(kms, world);
  kms.says.version = 'v2beta1';
  await world.step(60_000);
  await until(() => store.rules.health() !== undefined);
  assert.match(
    store.rules.health() ?? '',
    /should not change after the initial status response version v2, got v2beta1$/,
  );
});

test('values of older kube-apiservers, encrypted with the key itself, are read and stale', async () => {
  await using kms = await startTestKms('one');
  await using store = await open(kms, testWorld);
  const dek = Buffer.alloc(32, 7);
  const { ciphertext, keyId } = await kmsClient(testWorld, { endpoint: kms.endpoint, timeoutMs: 3_000 }).encrypt(dek);
  const object = create(EncryptedObjectSchema, {
    encryptedData: aesGcm(dek, testWorld.random).seal(Buffer.from('topsecret'), a),
    keyId,
    encryptedDekSource: ciphertext,
  });
  const value = Buffer.concat([Buffer.from('k8s:enc:kms:v2:k:'), toBinary(EncryptedObjectSchema, object)]);
  await store.raw.txn([{ op: 'put', key: a, value }]);
  assert.equal(String((await store.get(a))?.value), 'topsecret');
  assert.equal(await store.stale(a), true);
});

test('a seed that another KMS made, and one that is damaged, are refused with what the KMS says', async () => {
  await using kms = await startTestKms('one');
  await using raw = memoryStore();
  await using store = await open(kms, testWorld, raw);
  await put(store, a, 'topsecret');
  const stored = Buffer.from((await raw.get(a))?.value ?? '');
  const readAs = async (value: Buffer): Promise<string | undefined> => {
    await raw.txn([{ op: 'put', key: a, value }]);
    return (await store.get(a))?.unreadable?.message;
  };
  const at = stored.lastIndexOf('one');
  const renamed = Buffer.from(stored);
  renamed.write('two', at);
  assert.match((await readAs(renamed)) ?? '', /^failed to decrypt DEK, error: rpc error: code = 3/);
  assert.match((await readAs(stored.subarray(0, 30))) ?? '', /^proto: cannot parse the encrypted object/);
  assert.match((await readAs(Buffer.from('k8s:enc:kms:v2:k:'))) ?? '', /^encrypted data is empty/);
  assert.equal(await readAs(stored), undefined);
});
