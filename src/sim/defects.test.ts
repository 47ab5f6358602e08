/**
 * Every known defect is found. An ordinary run tries a few of them, others each day (or K8TS_DEFECTS=<number> chooses the turn); `npm run sim -- --defects` tries all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { StatefulSet } from '#api/apps/statefulset.ts';
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
