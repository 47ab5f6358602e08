/** The product's client of etcd over the simulated one: how history is read for many at once, and what is told while there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEtcdStore } from '#store/etcd/etcd-store.ts';
import { Compacted, type Operation, type Store } from '#store/store.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import type { World } from '#world/world.ts';
import { startSimCluster } from '../cluster.ts';
import { planOfNames } from '../plan.ts';
import { simUniverse, type SimUniverse } from '../world/world.ts';
import { startSimEtcd, type SimEtcd } from './etcd.ts';

interface Setup {
  readonly universe: SimUniverse;
  readonly etcd: SimEtcd;
  /** A store of its own machine, and how many watches of etcd it has begun. */
  open(): Promise<{ readonly store: Store; readonly watches: () => number }>;
}

async function withEtcd(body: (setup: Setup) => Promise<void>): Promise<void> {
  const universe = simUniverse(1);
  const run = async (): Promise<void> => {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await startSimEtcd(universe, { seed: 1, plan: planOfNames([]), faults: {} }));
    await body({
      universe,
      etcd,
      async open() {
        let watches = 0;
        const machine = universe.machine('server-1');
        const network = etcd.networkOf('server-1', machine.network);
        const world: World = {
          ...machine,
          network: {
            ...network,
            request: (asked) => (asked.url.endsWith('/Watch') && watches++, network.request(asked)),
          },
        };
        const store = stack.use(await openEtcdStore(world, { servers: etcd.servers }));
        return { store, watches: () => watches };
      },
    });
  };
  await universe.time.drive(run());
}

const put = (key: string): readonly Operation[] => [{ op: 'put', key, value: Buffer.from('x') }];

test('history that many ask for at once is read once', () =>
  withEtcd(async ({ etcd, open }) => {
    for (let index = 0; index < 40; index++) await etcd.store.txn(put(`/${index % 8}/${index}`));
    const { store, watches } = await open();
    const before = watches();
    const seen = Array.from({ length: 8 }, (): string[] => []);
    const all = await Promise.all(
      seen.map((keys, index) =>
        store.watch(`/${index}/`, 1 + index, (events) => void keys.push(...events.map(({ entry }) => entry.key))),
      ),
    );
    assert.equal(watches() - before, 1);
    await store.txn(put('/3/new'));
    assert.deepEqual(
      seen.map((keys) => keys.length),
      // Each begins right before the first of its five keys.
      [5, 5, 5, 6, 5, 5, 5, 5],
    );
    assert.deepEqual(seen[3], ['/3/3', '/3/11', '/3/19', '/3/27', '/3/35', '/3/new']);
    for (const each of all) each[Symbol.dispose]();
  }));

test('of many who ask for history only those are refused whose history is forgotten', () =>
  withEtcd(async ({ etcd, open }) => {
    for (let index = 0; index < 20; index++) await etcd.store.txn(put(`/${index}`));
    const { store } = await open();
    await etcd.store.compact(11);
    const from = [2, 15, 5, 12, 9, 18];
    const counts = from.map(() => 0);
    const done = await Promise.allSettled(
      from.map((after, index) =>
        store.watch('/', after, (events) => {
          counts[index] = (counts[index] ?? 0) + events.length;
        }),
      ),
    );
    assert.deepEqual(
      done.map((each) => (each.status === 'rejected' ? each.reason instanceof Compacted : 'shown')),
      [true, 'shown', true, 'shown', true, 'shown'],
    );
    assert.deepEqual(counts, [0, 6, 0, 9, 0, 3]);
  }));

test('a watch that resumes while the store is away is told that the service is unavailable, not of a fault of the server', async () => {
  const cluster = await startSimCluster({ seed: 1, nodes: 0, apiServers: 2 });
  const { client, run, servers, through } = cluster;
  assert.ok(servers);
  const place = { namespace: 'default' };
  const { resourceVersion } = (await run(client.create(ConfigMap, { metadata: { name: 'm', ...place } }))).metadata;
  await run(client.patch(ConfigMap, 'm', { type: 'merge', body: { data: { a: 'b' } } }, place));
  servers.all[1]?.crash();
  await cluster.settle({ quietMs: 5_000 });
  // Its cache holds what stands, and not how it came about.
  servers.etcd.cut('server-2', 60_000);
  const next = async (): Promise<unknown> => {
    const signal = new AbortController().signal;
    for await (const event of through('server-2').watch(ConfigMap, { ...place, resourceVersion, signal })) return event;
    return undefined;
  };
  await assert.rejects(run(next()), { name: 'ApiError', reason: 'ServiceUnavailable' });
  await cluster.advance(60_000);
  assert.equal(((await run(next())) as { type: string }).type, 'MODIFIED');
  await cluster[Symbol.asyncDispose]();
});
