/**
 * Every known defect is found. An ordinary run tries a few of them, others each day (or K8TS_DEFECTS=<number> chooses the turn); `npm run sim -- --defects` tries all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Node } from '#api/core/node.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { StatefulSet } from '#api/apps/statefulset.ts';
import type { Client } from '#client/client.ts';
import { controllerReference } from '#runtime/runner.ts';
import { nodeClock } from '#world/node/clock.ts';
import { nodeProcesses } from '#world/node/processes.ts';
import { startSimCluster, type SimCluster, type SimClusterOptions } from './cluster.ts';
import { knownDefects, type KnownDefect } from './defects.ts';

const place = { namespace: 'default' };
const tried = 6;
const dayMs = 24 * 60 * 60_000;

const web = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  minReadySeconds: 4
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: main, image: '${image}' }] }
---
{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80 }] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: b }, spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80 }] } }
`;

/** Maps are made, written by two at once, read, held by a finalizer and deleted. */
async function maps({ client, run, settle }: SimCluster): Promise<void> {
  const made = await run(
    client.create(ConfigMap, { metadata: { name: 'm', ...place, finalizers: ['example.com/wait'] } }),
  );
  const both = await run(
    Promise.allSettled(['1', '2'].map((by) => client.update(ConfigMap, { ...made, data: { by } }, place))),
  );
  assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1);
  await run(client.get(ConfigMap, 'm', place));
  await run(client.list(ConfigMap, place));
  await run(client.delete(ConfigMap, 'm', place));
  const ending = await run(client.get(ConfigMap, 'm', place));
  assert.ok(ending.metadata.deletionTimestamp);
  await run(client.patch(ConfigMap, 'm', { type: 'merge', body: { metadata: { finalizers: null } } }, place));
  await run(client.list(ConfigMap, place));
  await settle({ quietMs: 2_000 });
  await assert.rejects(run(client.get(ConfigMap, 'm', place)), { reason: 'NotFound' });
}

const day = async (cluster: SimCluster): Promise<void> => {
  const { client, run } = cluster;
  await maps(cluster);
  for (const image of ['web:1', 'web:2']) {
    await cluster.apply(web(image));
    await cluster.settle({ quietMs: 8_000 });
  }
  const running = (await run(client.list(Pod, place))).items;
  assert.deepEqual(
    running.map(({ spec }) => spec.containers[0]?.image),
    ['web:2', 'web:2', 'web:2'],
  );
  await cluster.rest(60_000);
  const set = { metadata: { name: 'old', ...place } };
  const template = { metadata: { labels: { app: 'old' } }, spec: { containers: [{ name: 'c', image: 'old:1' }] } };
  await run(
    client.create(ReplicaSet, { ...set, spec: { replicas: 1, selector: { matchLabels: { app: 'old' } }, template } }),
  );
  await cluster.settle({ quietMs: 4_000 });
  await run(client.delete(ReplicaSet, 'old', { ...place, propagationPolicy: 'Orphan' }));
  await cluster.settle({ quietMs: 4_000 });
  assert.equal((await run(client.list(Pod, { ...place, labelSelector: 'app=old' }))).items.length, 1);
  cluster.node('node-2').powerOff();
  await cluster.advance(90_000);
  const node = await run(client.get(Node, 'node-2'));
  assert.equal(node.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'Unknown');
  cluster.invariants.check();
};

const stories: Readonly<
  Record<string, { readonly options: SimClusterOptions; readonly tell: (cluster: SimCluster) => Promise<void> }>
> = {
  day: { options: { nodes: 2 }, tell: day },
  compaction: {
    options: { nodes: 0 },
    async tell(cluster) {
      await maps(cluster);
      await cluster.advance(16 * 60_000);
      cluster.invariants.check();
    },
  },
  leaders: {
    options: { seed: 3, nodes: 1, controlPlanes: 3 },
    async tell(cluster) {
      const { planes } = cluster;
      assert.ok(planes);
      await cluster.apply(web('web:1'));
      for (const component of ['kube-controller-manager', 'kube-scheduler'] as const)
        planes.pauseAtWrite(planes.leaderOf(component) ?? '');
      await cluster.advance(90_000);
      await cluster.settle();
      planes.cutOff(planes.leaderOf('kube-controller-manager') ?? '', 40_000);
      await cluster.advance(30_000);
      await cluster.apply(web('web:2'));
      await cluster.advance(60_000);
      await cluster.settle();
      assert.equal((await cluster.run(cluster.client.list(Pod, place))).items.length, 3);
    },
  },
  crashes: {
    options: { nodes: 0 },
    async tell(cluster) {
      await maps(cluster);
      cluster.server.crash();
      await maps(cluster);
      cluster.invariants.check();
    },
  },
  evictions: {
    options: { nodes: 1 },
    async tell(cluster) {
      const { client, run } = cluster;
      await cluster.apply(web('web:1'));
      await cluster.apply(budget);
      await cluster.settle({ quietMs: 8_000 });
      const { items } = await run(client.list(Pod, place));
      const sent = items.map(({ metadata: { name } }) =>
        client.post(Pod, name, 'eviction', { metadata: { name } }, place),
      );
      await run(Promise.allSettled(sent));
      await cluster.settle({ quietMs: 8_000 });
      assert.equal((await run(client.list(Pod, place))).items.length, 3);
    },
  },
  clocks: {
    options: { nodes: 1, clocks: { 'node-1': { offsetMs: -5 * 60_000 } } },
    async tell(cluster) {
      cluster.history.listen(({ key, after }) => {
        const { status } = (after ?? {}) as Partial<Node>;
        const isLost = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'Unknown');
        if (key === '/registry/minions/node-1' && isLost) cluster.invariants.breach('a node that lives was lost');
      });
      await cluster.advance(100_000);
      cluster.invariants.check();
    },
  },
  leaks: {
    options: { nodes: 1 },
    async tell(cluster) {
      await cluster.apply(web('web:1'));
      await cluster.settle({ quietMs: 8_000 });
      await cluster.run(cluster.client.delete(Deployment, 'web', place));
      await cluster.settle({ quietMs: 8_000 });
      await cluster.advance(60_000);
      assert.deepEqual(await cluster.leaked(), []);
    },
  },
  identities: {
    options: { nodes: 0 },
    async tell(cluster) {
      const { client, run } = cluster;
      await cluster.settle({ quietMs: 2_000 });
      const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db:1' }] } };
      const spec = { serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template };
      const set = await run(client.create(StatefulSet, { metadata: { name: 'db', ...place }, spec }));
      for (const index of ['0', '1'])
        await run(
          client.create(Pod, {
            metadata: {
              name: `db-${index}`,
              ...place,
              labels: { 'apps.kubernetes.io/pod-index': index },
              ownerReferences: [controllerReference(StatefulSet, set)],
            },
            spec: template.spec,
          }),
        );
      cluster.invariants.check();
    },
  },
  servers: {
    options: { nodes: 0, apiServers: 3, faults: { storeLoseReply: 0.05, storeDelayMsMax: 4 } },
    tell: throughServers,
  },
  'servers and leaders': {
    options: { nodes: 1, apiServers: 3, controlPlanes: 3, faults: { storeDelayMsMax: 4 } },
    async tell(cluster) {
      const { planes, servers } = cluster;
      assert.ok(planes && servers);
      for (const [replicas, atMs] of [
        [2, 20],
        [5, 25],
        [8, 30],
      ] as const) {
        await cluster.apply(web('web:1').replace('replicas: 3', `replicas: ${replicas}`));
        await cluster.advance(atMs);
        // What it has sent arrives when somebody else leads.
        servers.etcd.cut((planes.leaderOf('kube-controller-manager') ?? '').replace('plane', 'server'), 18_000);
        await cluster.advance(60_000);
        await cluster.settle();
      }
    },
  },
  gates: {
    options: { nodes: 1, faults: { delayMsMax: 2_000 } },
    async tell(cluster) {
      const made = new Set<string>();
      cluster.history.listen(({ key, before }) => void (!before && key.startsWith('/registry/pods/') && made.add(key)));
      await cluster.apply(web('web:1'));
      await cluster.settle();
      assert.equal(made.size, 3);
    },
  },
};

/** Maps, node ports and namespaces through three servers at once, one of which is late. */
async function throughServers(cluster: SimCluster): Promise<void> {
  const { client, run, servers, through } = cluster;
  assert.ok(servers);
  const clients = servers.all.map(({ name }) => through(name));
  const at = (index: number): Client => clients[index % clients.length] as Client;
  const map = await run(client.create(ConfigMap, { metadata: { name: 'm', ...place } }));
  let resourceVersion: string = map.metadata.resourceVersion;
  for (let step = 0; step < 6; step++) {
    const name = `server-${((step + 1) % 3) + 1}`;
    servers.etcd.stall(name, 1_500);
    const changes = Array.from({ length: 4 }, async (_, part) => {
      const now = await at(part).get(ConfigMap, 'm', place);
      await at(step + part).update(ConfigMap, { ...now, data: { at: `${step}.${part}` } }, place);
    });
    await run(Promise.allSettled(changes));
    await run(at(step + 1).list(ConfigMap, place));
    const stop = new AbortController();
    const watch = async (): Promise<void> => {
      for await (const event of at(step + 1).watch(ConfigMap, { ...place, resourceVersion, signal: stop.signal })) {
        if (event.type !== 'MODIFIED') continue;
        ({ resourceVersion } = event.object.metadata);
        return;
      }
    };
    const watching = watch();
    await cluster.advance(3_000);
    cluster.invariants.check();
    stop.abort();
    await run(watching);
    const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_000 + step }] };
    await run(
      Promise.allSettled(
        [0, 1].map((who) =>
          at(who).create(Service, { metadata: { name: `s${step}-${who}`, ...place }, spec } as never),
        ),
      ),
    );
    const namespace = `n${step}`;
    await run(client.create(Namespace, { metadata: { name: namespace } }));
    await cluster.advance(500);
    const filling = Array.from({ length: 6 }, (_, who) =>
      at(who).create(ConfigMap, { metadata: { name: `m${who}`, namespace } }),
    );
    await run(Promise.allSettled([at(step).delete(Namespace, namespace), ...filling]));
    cluster.invariants.check();
  }
  await cluster.settle();
}

const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 2, selector: { matchLabels: { app: web } } }
`;

/** What was found wrong; undefined when nothing was. */
async function found(defect: KnownDefect | undefined, name: string): Promise<string | undefined> {
  const { options, tell } = stories[name] as (typeof stories)[string];
  let cluster: SimCluster | undefined;
  let what: string | undefined;
  try {
    cluster = await startSimCluster({ seed: 1, ...options, ...(defect ? { defect: defect.defect } : {}) });
    await tell(cluster);
    cluster.invariants.check();
  } catch (error) {
    // What a checker has seen says more than where the story stopped.
    what = cluster?.invariants.breaches[0] ?? String(error);
  }
  try {
    await cluster?.[Symbol.asyncDispose]();
  } catch (error) {
    // A cluster with a defect need not end in order; a sound one must.
    what ??= String(error);
  }
  return what;
}

/** The defects of this run. */
function chosen(): readonly KnownDefect[] {
  const wanted = nodeProcesses().env['K8TS_DEFECTS'];
  if (wanted === 'all') return knownDefects;
  const turn = wanted === undefined ? Math.floor(nodeClock().now() / dayMs) : Number(wanted);
  return Array.from(
    { length: tried },
    (_, index) => knownDefects[(turn * tried + index) % knownDefects.length] as KnownDefect,
  );
}

test('there are at least 25 known defects, and each has a name of its own', () => {
  assert.ok(knownDefects.length >= 25, `${knownDefects.length}`);
  assert.equal(new Set(knownDefects.map(({ name }) => name)).size, knownDefects.length);
});

for (const name of Object.keys(stories)) {
  test(`nothing is found where nothing is wrong: ${name}`, async () =>
    assert.equal(await found(undefined, name), undefined));
}

for (const defect of chosen()) {
  test(`found: ${defect.name}`, async (context) => {
    const what = await found(defect, defect.story ?? 'day');
    assert.ok(what !== undefined, 'nobody noticed');
    context.diagnostic(what.split('\n').slice(0, 2).join(' ').slice(0, 200));
  });
}
