import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { startSimCluster, type SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;
const parts = { probe: true, service: true };
const ready = { ready: true };

/** Three replicas, then six, then a new image, then the old one again. */
async function lifeOfADeployment(
  cluster: SimCluster,
  { settle = {} }: { settle?: { quietMs?: number } } = {},
): Promise<void> {
  await cluster.apply(web('web:1', 3, parts));
  await cluster.settle(settle);
  assert.deepEqual(await imagesOf(cluster, ready), ['web:1', 'web:1', 'web:1']);

  await cluster.apply(web('web:1', 6, parts));
  await cluster.settle(settle);
  assert.equal((await imagesOf(cluster, ready)).length, 6);

  await cluster.apply(web('web:2', 6, parts));
  await cluster.settle(settle);
  assert.deepEqual(
    await imagesOf(cluster, ready),
    Array.from({ length: 6 }, () => 'web:2'),
  );

  // What `kubectl rollout undo` does: the old template is written back.
  await cluster.apply(web('web:1', 6, parts));
  await cluster.settle(settle);
  assert.deepEqual(
    await imagesOf(cluster, ready),
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
