/** Three etcd members whose leader dies and comes back under load: what was acknowledged is there, and was seen once, in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeWorld } from '#world/node/world.ts';
import { StoreUnavailable, type Revision, type Store } from '../store.ts';
import { openEtcdStore } from './etcd-store.ts';
import { etcdMissing, startEtcd } from './test-etcd.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const writers = 8;
const rounds = 3;
const writesPerPhase = 150;

interface Acknowledged {
  readonly key: string;
  readonly value: string;
}

test(
  'etcd: no acknowledged write is lost when the leader is killed under load',
  { skip: etcdMissing ?? false, timeout: 180_000 },
  async () => {
    await using etcd = await startEtcd({ members: 3 });
    await using store = await openEtcdStore(world, { servers: etcd.servers });
    const acknowledged = new Map<Revision, Acknowledged>();
    const seen: Revision[] = [];
    const seenWrites = new Map<Revision, Acknowledged>();
    const first = store.revision();
    using _watch = await store.watch('/', first, (events, revision) => {
      seen.push(revision);
      for (const { entry } of events) seenWrites.set(revision, { key: entry.key, value: String(entry.value) });
    });
    const stop = new AbortController();
    const work = Array.from({ length: writers }, (_, id) =>
      write(store, `/${id}`, { acknowledged, signal: stop.signal }),
    );
    const more = async (): Promise<void> => {
      const until = acknowledged.size + writesPerPhase;
      while (acknowledged.size < until) await Promise.race([sleep(5), ...work]);
    };
    for (let round = 0; round < rounds; round++) {
      await more();
      const leader = await etcd.leader();
      await etcd.kill(leader);
      await more();
      await etcd.start(leader);
    }
    await more();
    stop.abort();
    const last = await Promise.all(work);

    for (const [revision, write] of acknowledged) assert.deepEqual(seenWrites.get(revision), write);
    assert.deepEqual(
      seen,
      Array.from({ length: store.revision() - first }, (_, i) => first + 1 + i),
    );
    for (const [id, value] of last.entries())
      assert.equal(String((await store.get(`/${id}`))?.value), value, `the last of writer ${id}`);
    // Nothing was written twice, whatever had to be tried again.
    const { entries } = await store.range('/');
    for (const { version, value } of entries) assert.equal(version, Number(value));
  },
);

/** Counts a key up by compare-and-swap; nobody else writes it, so that a conflict would be our own write come twice. Answers its last value. */
async function write(
  store: Store,
  key: string,
  options: { readonly acknowledged: Map<Revision, Acknowledged>; readonly signal: AbortSignal },
): Promise<string> {
  let expect = 0;
  for (let next = 1; ; next++) {
    if (options.signal.aborted) return String(next - 1);
    const value = String(next);
    try {
      const result = await store.txn([{ op: 'put', key, value: Buffer.from(value), expect }]);
      assert.ok(result.ok, `${key} was written by somebody else`);
      assert.ok(!options.acknowledged.has(result.revision));
      options.acknowledged.set(result.revision, { key, value });
      expect = result.revision;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const current = await store.get(key);
      if (current?.value.toString() === value) expect = current.modRevision;
      else next--;
    }
  }
}

test(
  'etcd: a watch outlives every member in turn, and closes while none answers',
  { skip: etcdMissing ?? false, timeout: 120_000 },
  async () => {
    await using etcd = await startEtcd();
    await using store = await openEtcdStore(world, { servers: etcd.servers });
    const seen: Revision[] = [];
    using _watch = await store.watch('/', 1, (_, revision) => seen.push(revision));
    const put = (value: string) =>
      store.txn([{ op: 'put', key: '/a', value: Buffer.from(value), expect: seen.at(-1) ?? 0 }]);
    assert.ok((await put('1')).ok);
    await etcd.kill(0);
    const waiting = put('2');
    await etcd.start(0);
    assert.deepEqual(await waiting, { ok: true, revision: 3 });
    assert.deepEqual(seen, [2, 3]);
    await etcd.kill(0);
    const cutOff = store.get('/a');
    await Promise.all([assert.rejects(cutOff, /closed/), store[Symbol.asyncDispose]()]);
  },
);

test(
  'etcd: a leader that hangs is left, and its writes are looked up',
  { skip: etcdMissing ?? false, timeout: 120_000 },
  async () => {
    await using etcd = await startEtcd({ members: 3 });
    const leader = await etcd.leader();
    // The one that hangs comes first: it is the one in use.
    const { servers } = etcd;
    await using store = await openEtcdStore(world, {
      servers: [...servers.slice(leader), ...servers.slice(0, leader)],
    });
    const seen: Revision[] = [];
    using _watch = await store.watch('/', 1, (_, revision) => seen.push(revision));
    assert.deepEqual(await store.txn([{ op: 'put', key: '/a', value: Buffer.from('1'), expect: 0 }]), {
      ok: true,
      revision: 2,
    });
    etcd.stop(leader);
    assert.deepEqual(await store.txn([{ op: 'put', key: '/a', value: Buffer.from('2'), expect: 2 }]), {
      ok: true,
      revision: 3,
    });
    etcd.resume(leader);
    assert.deepEqual(await store.txn([{ op: 'put', key: '/a', value: Buffer.from('3'), expect: 3 }]), {
      ok: true,
      revision: 4,
    });
    assert.deepEqual(seen, [2, 3, 4]);
  },
);

test(
  'etcd: a member that begins anew with empty data ends the store',
  { skip: etcdMissing ?? false, timeout: 120_000 },
  async () => {
    await using old = await startEtcd();
    await using store = await openEtcdStore(world, { servers: old.servers });
    for (const value of ['1', '2', '3']) await store.txn([{ op: 'put', key: '/a', value: Buffer.from(value) }]);
    await old.kill(0);
    await old.start(0, { anew: true });
    await assert.rejects(store.get('/a'), /another etcd cluster|went back/);
    assert.match((await store.failed).message, /another etcd cluster|went back/);
  },
);
