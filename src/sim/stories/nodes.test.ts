import assert from 'node:assert/strict';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;

const app = (replicas: number, more = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      ${more}
      containers: [{ name: main, image: 'app:1' }]
`;

async function pods({ client, run }: SimCluster): Promise<readonly Pod[]> {
  return (await run(client.list(Pod, { namespace: 'default' }))).items;
}

const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');

const taintsOf = async ({ client, run }: SimCluster, name: string): Promise<readonly string[]> =>
  ((await run(client.get(Node, name))).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

story(
  'a node that dies gives its pods to the others after five minutes',
  { nodes: 3, seeds: 5, file },
  async ({ cluster }) => {
    await cluster.apply(app(6));
    await cluster.settle();
    const before = await pods(cluster);
    assert.deepEqual(
      [...Map.groupBy(before, (pod) => pod.spec.nodeName).values()].map((each) => each.length),
      [2, 2, 2],
    );

    cluster.node('node-2').powerOff();
    await cluster.advance(65_000);
    const node = await cluster.run(cluster.client.get(Node, 'node-2'));
    assert.equal(
      node.status.conditions?.find(({ type }) => type === 'Ready')?.message,
      'Kubelet stopped posting node status.',
    );
    assert.deepEqual(await taintsOf(cluster, 'node-2'), [
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    const lost = (await pods(cluster)).filter((pod) => pod.spec.nodeName === 'node-2');
    assert.ok(lost.length === 2 && !lost.some(isReady), 'pods of a silent node are not ready');

    await cluster.advance(5 * 60_000);
    await cluster.settle();
    const ready = (await pods(cluster)).filter(isReady);
    assert.equal(ready.length, 6);
    assert.ok(ready.every((pod) => pod.spec.nodeName !== 'node-2'));
    // Nobody can say whether the old ones still run: they stay until the node is back or somebody says that it is gone.
    assert.equal((await pods(cluster)).filter((pod) => pod.metadata.deletionTimestamp !== undefined).length, 2);

    await cluster.run(cluster.node('node-2').powerOn());
    await cluster.settle();
    assert.deepEqual(await taintsOf(cluster, 'node-2'), []);
    assert.equal((await pods(cluster)).length, 6);
  },
);

story('pods of a node that was deleted are collected', { nodes: 2, seeds: 3, file }, async ({ cluster }) => {
  await cluster.apply(app(4));
  await cluster.settle();
  cluster.node('node-2').powerOff();
  await cluster.run(cluster.client.delete(Node, 'node-2'));
  await cluster.advance(90_000);
  await cluster.settle();
  const left = await pods(cluster);
  assert.equal(left.filter(isReady).length, 4);
  assert.ok(left.every((pod) => pod.spec.nodeName === 'node-1'));
});

story('a node that is cut off for a moment loses nothing', { nodes: 2, seeds: 3, file }, async ({ cluster }) => {
  await cluster.apply(app(4));
  await cluster.settle();
  const names = (await pods(cluster)).map(({ metadata }) => metadata.name).toSorted();
  cluster.node('node-1').isolate(true);
  await cluster.advance(100_000);
  assert.equal((await taintsOf(cluster, 'node-1')).length, 2);
  cluster.node('node-1').isolate(false);
  await cluster.settle();
  assert.deepEqual(await taintsOf(cluster, 'node-1'), []);
  const after = await pods(cluster);
  assert.deepEqual(after.map(({ metadata }) => metadata.name).toSorted(), names);
  assert.ok(after.every(isReady));
});

story('a cordoned node gets no pods until it is free again', { nodes: 2, seeds: 3, file }, async ({ cluster }) => {
  const cordon = (unschedulable: boolean) =>
    cluster.run(cluster.client.patch(Node, 'node-1', { type: 'merge', body: { spec: { unschedulable } } }));
  await cordon(true);
  await cluster.settle();
  await cluster.apply(app(3));
  await cluster.settle();
  assert.deepEqual(new Set((await pods(cluster)).map((pod) => pod.spec.nodeName)), new Set(['node-2']));
  await cordon(false);
  await cluster.settle();
  assert.deepEqual(await taintsOf(cluster, 'node-1'), []);
});

story(
  'a pod that fits nowhere says why, and is placed when there is room',
  { nodes: 3, seeds: 3, file },
  async ({ cluster }) => {
    await cluster.run(
      cluster.client.patch(Node, 'node-1', {
        type: 'merge',
        body: { spec: { taints: [{ key: 'only', value: 'them', effect: 'NoSchedule' }] } },
      }),
    );
    await cluster.settle();
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: big }
spec: { containers: [{ name: main, image: 'app:1', resources: { requests: { cpu: 3 } } }] }
---
apiVersion: v1
kind: Pod
metadata: { name: other }
spec: { containers: [{ name: main, image: 'app:1', resources: { requests: { cpu: 3 } } }] }
---
apiVersion: v1
kind: Pod
metadata: { name: third }
spec: { containers: [{ name: main, image: 'app:1', resources: { requests: { cpu: 3 } } }] }
`);
    await cluster.settle();
    const waiting = (await pods(cluster)).filter((pod) => !pod.spec.nodeName);
    assert.equal(waiting.length, 1);
    const condition = waiting[0]?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.equal(condition?.reason, 'Unschedulable');
    assert.equal(
      condition?.message,
      '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.',
    );
    const placed = (await pods(cluster)).find((pod) => pod.spec.nodeName);
    await cluster.run(cluster.client.delete(Pod, placed?.metadata.name ?? '', { namespace: 'default' }));
    await cluster.settle();
    assert.ok((await pods(cluster)).every(isReady));
  },
);

story('a kubelet that starts anew finds its pods running', { nodes: 1, seeds: 5, file }, async ({ cluster }) => {
  await cluster.apply(app(3));
  await cluster.settle();
  const started = (await pods(cluster)).map((pod) => pod.status?.containerStatuses?.[0]?.containerID);
  await cluster.run(cluster.node('node-1').restartKubelet());
  await cluster.settle();
  const after = await pods(cluster);
  assert.deepEqual(
    after.map((pod) => pod.status?.containerStatuses?.[0]?.containerID),
    started,
  );
  assert.ok(after.every((pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 0));
});
