/** Leases on a clock that the test moves: when they end, what goes with them, what a restart and a crash leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import type { Millis, World } from '#world/world.ts';
import { memoryStore } from '../memory.ts';
import type { Store } from '../store.ts';
import { put } from '../suite.ts';
import { Leases } from './leases.ts';

const real = nodeWorld({ log: { level: 'silent' } });

/** A world whose monotonic time is moved by hand. */
function handWorld(): { readonly world: World; advance(ms: Millis): Promise<void> } {
  let now = 0;
  let timers: { at: Millis; run: () => void }[] = [];
  const clock: World['clock'] = {
    ...real.clock,
    monotonic: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((each) => each !== timer)) };
    },
  };
  return {
    world: { ...real, clock },
    async advance(ms) {
      for (const end = now + ms; ;) {
        const [next] = timers.toSorted((a, b) => a.at - b.at);
        if (!next || next.at > end) {
          now = end;
          return;
        }
        now = next.at;
        timers = timers.filter((each) => each !== next);
        next.run();
        await real.clock.yield();
        await real.clock.yield();
      }
    },
  };
}

const keysOf = async (store: Store): Promise<string[]> => (await store.range('/')).entries.map(({ key }) => key);

async function putWith(store: Store, leases: Leases, key: string, id: bigint): Promise<void> {
  const result = await store.txn([{ op: 'put', key, value: Buffer.from('x') }, ...leases.onPut(key, id)]);
  assert.ok(result.ok);
}

test('a lease ends after its time and takes its keys along, unless it is kept alive', async () => {
  const { world, advance } = handWorld();
  const store = memoryStore();
  await using leases = await Leases.open(world, store);
  const { id } = await leases.grant(0n, 10n);
  const short = await leases.grant(5n, 0n);
  assert.deepEqual([short.id, short.ttl], [5n, 2]);
  await assert.rejects(leases.grant(5n, 10n), /lease already exists/);
  await assert.rejects(leases.grant(0n, 9_000_000_001n), /too large lease TTL/);
  for (const key of ['/a', '/b']) await putWith(store, leases, key, id);
  await putWith(store, leases, '/short', 5n);
  await put(store, '/free', 'x');
  await advance(3_000);
  assert.deepEqual(await keysOf(store), ['/a', '/b', '/free']);
  assert.throws(() => leases.onPut('/c', 5n), /requested lease not found/);
  assert.equal(await leases.keepAlive(5n), undefined);
  await advance(6_000);
  assert.equal(await leases.keepAlive(id), 10);
  await advance(9_000);
  assert.deepEqual(await keysOf(store), ['/a', '/b', '/free']);
  const before = store.revision();
  await advance(2_000);
  assert.deepEqual(await keysOf(store), ['/free']);
  // Both keys went in one revision, as with etcd.
  const gone: number[] = [];
  using _watch = await store.watch('/', before, (_, revision) => gone.push(revision));
  assert.equal(gone.length, 1);
  assert.equal((await store.range('\u0001')).count, 0);
});

test('who puts a key without its lease, in whatever way, takes it out of the lease', async () => {
  const { world } = handWorld();
  const store = memoryStore();
  await using leases = await Leases.open(world, store);
  const [one, two] = [await leases.grant(1n, 10n), await leases.grant(2n, 10n)];
  for (const key of ['/a', '/b', '/c', '/d']) await putWith(store, leases, key, one.id);
  await put(store, '/a', 'by the API server');
  await store.txn([{ op: 'put', key: '/b', value: Buffer.from('y') }, ...leases.onPut('/b', 0n)]);
  await putWith(store, leases, '/c', two.id);
  assert.deepEqual(await leases.keysOf(one), ['/d']);
  await leases.revoke(1n);
  assert.deepEqual(await keysOf(store), ['/a', '/b', '/c']);
  await leases.revoke(2n);
  assert.deepEqual(await keysOf(store), ['/a', '/b']);
  await assert.rejects(leases.revoke(2n), /requested lease not found/);
  assert.equal((await store.range('\u0001')).count, 0);
});

test('leases outlive a restart with their whole time, and what a crash left half done is finished', async () => {
  const { world, advance } = handWorld();
  const store = memoryStore();
  {
    await using leases = await Leases.open(world, store);
    await leases.grant(1n, 10n);
    await leases.grant(2n, 10n);
    await putWith(store, leases, '/a', 1n);
    await putWith(store, leases, '/b', 2n);
    await putWith(store, leases, '/c', 2n);
    await advance(8_000);
  }
  // As a revocation leaves it whose process ended after its first transaction.
  await store.txn([{ op: 'delete', key: '\u0001lease/0000000000000002' }]);
  await put(store, '/c', 'without it');
  await using leases = await Leases.open(world, store);
  assert.deepEqual(
    leases.all.map(({ id }) => id),
    [1n],
  );
  await advance(9_000);
  assert.deepEqual(await keysOf(store), ['/a', '/c']);
  await advance(2_000);
  assert.deepEqual(await keysOf(store), ['/c']);
  assert.equal((await store.range('\u0001')).count, 0);
});

test('of several who serve one store none ends what another keeps alive, and any ends what nobody does', async () => {
  const { world, advance } = handWorld();
  const store: Store = { ...memoryStore(), shared: true };
  await using one = await Leases.open(world, store);
  await using other = await Leases.open(world, store);
  await one.grant(1n, 9n);
  await putWith(store, other, '/a', 1n);
  for (let second = 0; second < 60; second += 3) {
    await advance(3_000);
    assert.equal(await (second < 30 ? one : other).keepAlive(1n), 9);
  }
  await putWith(store, one, '/b', 1n);
  assert.deepEqual(await keysOf(store), ['/a', '/b']);
  await advance(10_000);
  assert.deepEqual(await keysOf(store), []);
  assert.equal(await one.keepAlive(1n), undefined);
  assert.equal((await store.range('\u0001')).count, 0);
});

test('more keys than a transaction may have go with their lease', async () => {
  const { world } = handWorld();
  const memory = memoryStore();
  // As an etcd with its default limit.
  const store: Store = {
    ...memory,
    txn: async (operations) => {
      if (operations.length > 128) throw new RangeError('too many operations in txn request');
      return memory.txn(operations);
    },
  };
  await using leases = await Leases.open(world, store);
  await leases.grant(1n, 10n);
  for (let i = 0; i < 1_000; i++) await putWith(store, leases, `/${i}`, 1n);
  await leases.revoke(1n);
  assert.deepEqual(await keysOf(store), []);
  assert.equal((await store.range('\u0001')).count, 0);
});
