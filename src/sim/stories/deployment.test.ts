import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { Pod } from '#api/core/pod.ts';
import { startSimCluster, type SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;

const web = (image: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: ${image}
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;

async function runningImages({ client, run }: SimCluster): Promise<readonly string[]> {
  const { items } = await run(client.list(Pod, { namespace: 'default' }));
  return items
    .filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    .map((pod) => pod.spec.containers[0]?.image ?? '');
}

/** Three replicas, then six, then a new image, then the old one again. */
async function lifeOfADeployment(
  cluster: SimCluster,
  { settle = {} }: { settle?: { quietMs?: number } } = {},
): Promise<void> {
  await cluster.apply(web('web:1', 3));
  await cluster.settle(settle);
  assert.deepEqual(await runningImages(cluster), ['web:1', 'web:1', 'web:1']);

  await cluster.apply(web('web:1', 6));
  await cluster.settle(settle);
  assert.equal((await runningImages(cluster)).length, 6);

  await cluster.apply(web('web:2', 6));
  await cluster.settle(settle);
  assert.deepEqual(
    await runningImages(cluster),
    Array.from({ length: 6 }, () => 'web:2'),
  );

  // What `kubectl rollout undo` does: the old template is written back.
  await cluster.apply(web('web:1', 6));
  await cluster.settle(settle);
  assert.deepEqual(
    await runningImages(cluster),
    Array.from({ length: 6 }, () => 'web:1'),
  );

  const { client, run } = cluster;
  const deployment = await run(client.get(Deployment, 'web', { namespace: 'default' }));
  assert.equal(deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(deployment.status?.readyReplicas, 6);
  assert.equal(
    deployment.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason,
    'NewReplicaSetAvailable',
  );
  const sets = await run(client.list(ReplicaSet, { namespace: 'default' }));
  assert.equal(sets.items.length, 2);
}

story('a Deployment is made, grows, is updated and taken back', { nodes: 5, seeds: 10, file }, async ({ cluster }) => {
  await lifeOfADeployment(cluster);
  await cluster.rest(5 * 60_000);
});

const lossy = { loseRequest: 0.05, loseReply: 0.05, breakWatch: 0.01, delayMsMax: 20 };

story(
  'a Deployment gets through a network that loses requests and replies',
  { nodes: 5, seeds: 10, faults: lossy, file },
  async ({ cluster }) => {
    await lifeOfADeployment(cluster);
  },
);

test('the same seed writes the same history twice, byte for byte', async () => {
  const history = async (seed: number): Promise<readonly string[]> => {
    const cluster = await startSimCluster({ seed, nodes: 3, faults: lossy });
    await lifeOfADeployment(cluster);
    const lines = [...cluster.trace()];
    await cluster[Symbol.asyncDispose]();
    return lines;
  };
  const first = await history(7);
  assert.deepEqual(await history(7), first);
  assert.notDeepEqual(await history(8), first);
});
