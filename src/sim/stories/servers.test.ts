/** Three API servers over one etcd: whichever is asked, and whatever becomes of its way to the store, the API is one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Endpoints } from '#api/core/endpoints.ts';
import { isApiError } from '#meta/status.ts';
import { NetworkError } from '#world/world.ts';
import { startSimCluster, type SimCluster } from '../cluster.ts';
import type { Faults } from '../faults.ts';
import { story, storyOfPlans } from '../suite.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;
const place = { namespace: 'default' };
const names = ['server-1', 'server-2', 'server-3'] as const;
const ready = { ready: true };

/** A way to etcd as it should not be. */
const faults: Faults = {
  storeLoseRequest: 0.02,
  storeLoseReply: 0.02,
  storeLate: 0.01,
  storeCut: 0.001,
  storeStall: 0.01,
  storeBreak: 0.005,
  storeMute: 0.005,
  leaderLost: 0.005,
  memberStops: 0.003,
  move: 0.02,
  isolated: 0.01,
  crash: 0.003,
  delayMsMax: 10,
};

async function rollouts(cluster: SimCluster, images: readonly string[] = ['web:1', 'web:2']): Promise<void> {
  for (const image of images) {
    await cluster.apply(web(image, 3));
    await cluster.settle();
    assert.deepEqual(await imagesOf(cluster, ready), [image, image, image]);
  }
}

const addresses = async ({ client, run }: SimCluster): Promise<readonly string[]> => {
  const { subsets } = await run(client.get(Endpoints, 'kubernetes', place));
  return (subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip));
};

story(
  'a rollout over three servers ends as over one, and then nothing is written',
  { nodes: 2, apiServers: 3, seeds: 1, file },
  async ({ cluster }) => {
    await rollouts(cluster);
    assert.deepEqual(await addresses(cluster), ['192.0.2.201', '192.0.2.202', '192.0.2.203']);
    await cluster.rest(5 * 60_000);
  },
);

story(
  'a rollout gets through servers that are late, cut off, left and dead',
  { nodes: 2, apiServers: 3, seeds: 3, faults, file },
  ({ cluster }) => rollouts(cluster),
);

test('the same seed writes the same history twice over three servers', async () => {
  const history = async (seed: number): Promise<string> => {
    const cluster = await startSimCluster({ seed, nodes: 2, apiServers: 3, faults });
    await rollouts(cluster, ['web:1']);
    const hash = cluster.history.hash();
    await cluster[Symbol.asyncDispose]();
    return hash;
  };
  const first = await history(7);
  assert.equal(await history(7), first);
  assert.notEqual(await history(8), first);
});

/** Whether a call's outcome is unknown: it may have been carried out. */
const isUnknown = (error: unknown): boolean =>
  error instanceof NetworkError || isApiError(error, 'ServiceUnavailable', 'ServerTimeout');

story(
  'what was acknowledged by one server is read through every other, and each change rests on the one before',
  { nodes: 0, apiServers: 3, seeds: 3, faults: { ...faults, crash: 0.002 }, converges: false, file },
  async ({ cluster }) => {
    const { run, universe, through } = cluster;
    const { clock } = universe.time;
    const clients = names.map(through);
    const at = (index: number) => clients[index % clients.length] as (typeof clients)[number];
    const sent = new Set<string>();
    const acknowledged: string[] = [];
    /** Adds its mark to the list of all marks, on top of what stands. */
    const mark = async (who: number, step: number): Promise<void> => {
      for (let tries = 0; tries < 40; tries++) {
        const text = `${who}.${step}.${tries}`;
        try {
          const now = await at(who + tries).get(ConfigMap, 'marks', place);
          sent.add(text);
          const marks = `${now.data?.['marks'] ?? ''} ${text}`;
          const written = await at(who + step + tries).update(ConfigMap, { ...now, data: { marks } }, place);
          acknowledged.push(text);
          // Whoever is asked next knows it: another server too.
          for (let again = 0; again < 3; again++) {
            const seen = await at(who + step + again).get(ConfigMap, 'marks', place);
            assert.ok(Number(seen.metadata.resourceVersion) >= Number(written.metadata.resourceVersion));
            assert.ok(seen.data?.['marks']?.split(' ').includes(text));
            // From its cache, as old as that may be, and no older than the mark.
            await at(who + again).list(ConfigMap, { ...place, resourceVersion: '0' });
            const { resourceVersion } = written.metadata;
            const match = { resourceVersion, resourceVersionMatch: 'NotOlderThan' } as const;
            const { items } = await at(who + again).list(ConfigMap, { ...place, ...match });
            const listed = items.find(({ metadata }) => metadata.name === 'marks');
            assert.ok(listed?.data?.['marks']?.split(' ').includes(text));
          }
          return;
        } catch (error) {
          if (!isUnknown(error) && !isApiError(error, 'Conflict')) throw error;
          await clock.sleep(500);
        }
      }
    };
    await cluster.apply('{ apiVersion: v1, kind: ConfigMap, metadata: { name: marks } }');
    const work = async (who: number): Promise<void> => {
      for (let step = 0; step < 8; step++) await mark(who, step);
    };
    await run(Promise.all([work(0), work(1), work(2)]));
    await cluster.settle({ quietMs: 15_000 });
    const marks = (await run(cluster.client.get(ConfigMap, 'marks', place))).data?.['marks']?.split(' ').slice(1) ?? [];
    assert.equal(new Set(marks).size, marks.length, 'a mark was written twice');
    assert.deepEqual(
      acknowledged.filter((each) => !marks.includes(each)),
      [],
    );
    assert.ok(marks.every((each) => sent.has(each)));
    assert.ok(acknowledged.length >= 20, `${acknowledged.length}`);
  },
);

story(
  'a watch goes on at another server, which is behind, and leaves nothing out',
  { nodes: 0, apiServers: 3, seeds: 2, file },
  async ({ cluster }) => {
    const { run, client, servers, through } = cluster;
    assert.ok(servers);
    let { resourceVersion } = (await run(client.create(ConfigMap, { metadata: { name: 'm', ...place } }))).metadata;
    const shown: string[] = [];
    for (let step = 0; step < 9; step++) {
      const name = names[step % 3] as string;
      // The next one is late, and three changes come meanwhile.
      servers.etcd.stall(name, 2_000);
      for (let part = 0; part < 3; part++)
        await run(client.patch(ConfigMap, 'm', { type: 'merge', body: { data: { at: `${step}.${part}` } } }, place));
      const stop = new AbortController();
      const watch = async (): Promise<void> => {
        for await (const event of through(name).watch(ConfigMap, { ...place, resourceVersion, signal: stop.signal })) {
          if (event.type !== 'MODIFIED') continue;
          ({ resourceVersion } = event.object.metadata);
          shown.push(event.object.data?.['at'] ?? '');
          if (shown.length % 3 === 0) return;
        }
      };
      await run(watch());
      stop.abort();
    }
    assert.deepEqual(
      shown,
      Array.from({ length: 27 }, (_, index) => `${Math.floor(index / 3)}.${index % 3}`),
    );
  },
);

story(
  'a server that was cut off for longer than history is kept begins anew, and its clients are elsewhere meanwhile',
  { nodes: 1, apiServers: 3, seeds: 1, file },
  async ({ cluster }) => {
    const { servers } = cluster;
    assert.ok(servers);
    await rollouts(cluster, ['web:1']);
    servers.etcd.cut('server-2', 16 * 60_000);
    await cluster.advance(60_000);
    assert.deepEqual(await addresses(cluster), ['192.0.2.201', '192.0.2.203']);
    await cluster.apply(web('web:2', 3));
    await cluster.advance(30_000);
    assert.deepEqual(await imagesOf(cluster, ready), ['web:2', 'web:2', 'web:2']);
    await cluster.advance(16 * 60_000);
    await cluster.settle();
    assert.equal(servers.all[1]?.deaths, 1);
    assert.deepEqual(await addresses(cluster), ['192.0.2.201', '192.0.2.202', '192.0.2.203']);
  },
);

story(
  'control planes lead one at a time, though the server of each may be cut off, unreachable, or die',
  { nodes: 1, apiServers: 3, controlPlanes: 3, seeds: 1, file },
  async ({ cluster }) => {
    const { planes, servers } = cluster;
    assert.ok(planes && servers);
    const serverOf = (plane: string | undefined): string => (plane ?? '').replace('plane', 'server');
    const outages = [
      // What was asked before is carried out when the store is reached again, if its time is over or not.
      (name: string) => servers.etcd.cut(name, 18_000),
      (name: string) => servers.etcd.cut(name, 45_000),
      (name: string) => servers.etcd.stall(name, 6_000),
      (name: string) => servers.isolate(name, 30_000),
      (name: string) => servers.all.find((each) => each.name === name)?.crash(),
      () => servers.etcd.loseLeader(12_000),
    ];
    let replicas = 1;
    for (const outage of outages) {
      await cluster.settle();
      await cluster.apply(web('web:1', ++replicas));
      await cluster.advance(5);
      outage(serverOf(planes.leaderOf('kube-controller-manager')));
      await cluster.advance(60_000);
      await cluster.settle();
      assert.equal((await imagesOf(cluster, ready)).length, replicas);
    }
  },
);

story(
  'control planes and their servers under all of it at once',
  { nodes: 2, apiServers: 3, controlPlanes: 3, seeds: 2, faults: { ...faults, pause: 0.005, crash: 0.002 }, file },
  ({ cluster }) => rollouts(cluster),
);

storyOfPlans('one thing at a time goes wrong between a server and its store, wherever it may', {
  options: { nodes: 1, apiServers: 3 },
  components: ['server-1', 'etcd', 'etcd-1'],
  faults: ['storeLoseReply', 'storeLate', 'storeCut', 'storeStall', 'storeMute', 'crash', 'leaderLost', 'memberStops'],
  samples: 1,
  tell: (cluster) => rollouts(cluster),
});
