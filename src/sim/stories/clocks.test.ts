/** Machines whose clocks are wrong by minutes, or go too fast or too slow: what lasts a while lasts as long as it should. */
import assert from 'node:assert/strict';
import { Deployment } from '#api/apps/deployment.ts';
import { Job } from '#api/batch/job.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import type { Skew } from '../world/world.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };
const minuteMs = 60_000;

const clocks: Readonly<Record<string, Skew>> = {
  server: { offsetMs: 2 * minuteMs },
  controllers: { offsetMs: -4 * minuteMs },
  scheduler: { offsetMs: 9 * minuteMs, driftPpm: -500 },
  'node-1': { offsetMs: 6 * minuteMs, driftPpm: 1_000 },
  'node-2': { offsetMs: -7 * minuteMs, driftPpm: -1_000 },
};

const app = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  replicas: 4
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      containers: [{ name: main, image: 'app:1', readinessProbe: { httpGet: { path: /, port: 80 }, initialDelaySeconds: 5 } }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: work }
spec:
  activeDeadlineSeconds: 30
  ttlSecondsAfterFinished: 100
  template: { spec: { restartPolicy: Never, containers: [{ name: main, image: 'app:1' }] } }
`;

const unreachable = ({ status }: Node): boolean =>
  status.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True';

story(
  'clocks that differ by minutes take no node, no pod and no deadline away',
  { nodes: 2, seeds: 1, clocks, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await cluster.apply(app);
    await cluster.settle();
    assert.equal((await run(client.list(Pod, { ...inDefault, labelSelector: 'app=app' }))).items.length, 4);
    // The Job ends at its deadline and goes after its time, neither sooner nor later.
    await cluster.advance(20_000);
    const { status } = await run(client.get(Job, 'work', inDefault));
    assert.equal(status.conditions?.find(({ type }) => type === 'Failed')?.reason, 'DeadlineExceeded');
    await cluster.advance(40_000);
    assert.equal((await run(client.list(Job, inDefault))).items.length, 1);
    await cluster.advance(2 * minuteMs);
    assert.deepEqual((await run(client.list(Job, inDefault))).items, []);
    // Leases are told old by one clock only.
    await cluster.advance(2 * minuteMs);
    assert.deepEqual((await run(client.list(Node))).items.filter(unreachable), []);
    cluster.node('node-2').powerOff();
    await cluster.advance(30_000);
    assert.deepEqual((await run(client.list(Node))).items.filter(unreachable), []);
    await cluster.advance(35_000);
    assert.deepEqual(
      (await run(client.list(Node))).items.filter(unreachable).map(({ metadata }) => metadata.name),
      ['node-2'],
    );
    // Its pods are given five minutes, by the clock that set the taint.
    await cluster.advance(4 * minuteMs);
    const leaving = async (): Promise<number> =>
      (await run(client.list(Pod, inDefault))).items.filter(({ metadata }) => metadata.deletionTimestamp).length;
    assert.equal(await leaving(), 0);
    await cluster.advance(2 * minuteMs);
    assert.ok((await leaving()) > 0);
    await cluster.settle();
  },
);

const settling = (name: string, node: string, image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  minReadySeconds: 60
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { nodeSelector: { kubernetes.io/hostname: ${node} }, containers: [{ name: main, image: '${image}' }] }
`;

story(
  'when a pod has been ready is said by its node and read by the controller, each by its own clock, as upstream has it',
  { nodes: 2, seeds: 1, clocks: { 'node-1': { offsetMs: -3 * minuteMs }, 'node-2': { offsetMs: 3 * minuteMs } }, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    const available = async (): Promise<readonly number[]> => {
      const all = await Promise.all(['late', 'early'].map((name) => run(client.get(Deployment, name, inDefault))));
      return all.map(({ status }) => status?.availableReplicas ?? 0);
    };
    await cluster.apply(`${settling('late', 'node-1', 'app:1')}---${settling('early', 'node-2', 'app:1')}`);
    // By the controller's clock the one has been ready for three minutes already, the other will be in three.
    await cluster.advance(20_000);
    assert.deepEqual(await available(), [1, 0]);
    await cluster.advance(3 * minuteMs);
    assert.deepEqual(await available(), [1, 0]);
    await cluster.advance(minuteMs);
    assert.deepEqual(await available(), [1, 1]);
    // A rollout waits longer or not at all, and ends.
    await cluster.apply(`${settling('late', 'node-1', 'app:2')}---${settling('early', 'node-2', 'app:2')}`);
    await cluster.advance(5 * minuteMs);
    await cluster.settle();
    const { items } = await run(client.list(Pod, inDefault));
    assert.deepEqual(
      items.map(({ spec }) => spec.containers[0]?.image),
      ['app:2', 'app:2'],
    );
    assert.deepEqual(await available(), [1, 1]);
  },
);
