import assert from 'node:assert/strict';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import type { Pod } from '#api/core/pod.ts';
import type { SimImage } from '#kubelet/sim/behaviour.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';
import { imagesOf } from './web.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };

const images: Readonly<Record<string, SimImage>> = {
  '*': {},
  'sick:1': { http: () => 500 },
  'slow:1': { http: ({ age }) => (age > 20_000 ? 200 : 503) },
};

const web = (image: string, spec = 'replicas: 4'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  ${spec}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: main, image: '${image}', readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 } }
`;

const deployment = ({ client, run }: SimCluster): Promise<Deployment> => run(client.get(Deployment, 'web', inDefault));
const sets = async ({ client, run }: SimCluster): Promise<readonly ReplicaSet[]> =>
  (await run(client.list(ReplicaSet, inDefault))).items;
const conditionOf = async (cluster: SimCluster, type: string) =>
  (await deployment(cluster)).status?.conditions?.find((condition) => condition.type === type);
const change = (cluster: SimCluster, spec: object) =>
  cluster.run(cluster.client.patch(Deployment, 'web', { type: 'merge', body: { spec } }, inDefault));

story('Recreate ends every old pod before it starts a new one', { nodes: 3, seeds: 5, file }, async ({ cluster }) => {
  const recreate = 'replicas: 4\n  strategy: { type: Recreate }';
  await cluster.apply(web('web:1', recreate));
  await cluster.settle();
  let together = 0;
  const present = new Map<string, string>();
  cluster.history.listen(({ key, after }) => {
    if (!key.startsWith('/registry/pods/')) return;
    if (after) present.set(key, (after as unknown as Pod).spec.containers[0]?.image ?? '');
    else present.delete(key);
    if (new Set(present.values()).size > 1) together++;
  });
  await cluster.apply(web('web:2', recreate));
  await cluster.settle();
  assert.deepEqual(await imagesOf(cluster), ['web:2', 'web:2', 'web:2', 'web:2']);
  assert.equal(together, 0);
});

story(
  'a paused Deployment keeps its template until it is resumed, but can be scaled',
  { nodes: 2, seeds: 5, file },
  async ({ cluster }) => {
    await cluster.apply(web('web:1'));
    await cluster.settle();
    await change(cluster, { paused: true });
    await cluster.apply(web('web:2', 'paused: true\n  replicas: 4'));
    await cluster.settle();
    assert.equal((await sets(cluster)).length, 1);
    assert.equal((await conditionOf(cluster, 'Progressing'))?.reason, 'DeploymentPaused');
    await change(cluster, { replicas: 6 });
    await cluster.settle();
    assert.deepEqual(
      await imagesOf(cluster),
      Array.from({ length: 6 }, () => 'web:1'),
    );
    await change(cluster, { paused: false });
    await cluster.settle();
    assert.deepEqual(
      await imagesOf(cluster),
      Array.from({ length: 6 }, () => 'web:2'),
    );
  },
);

story(
  'a rollout that gets nowhere is said to have timed out, and the old pods serve on',
  { nodes: 2, seeds: 5, images, file },
  async ({ cluster }) => {
    const quick = 'replicas: 4\n  progressDeadlineSeconds: 60';
    await cluster.apply(web('web:1', quick));
    await cluster.settle();
    await cluster.apply(web('sick:1', quick));
    await cluster.advance(90_000);
    const progressing = await conditionOf(cluster, 'Progressing');
    assert.equal(progressing?.reason, 'ProgressDeadlineExceeded');
    assert.equal(progressing?.status, 'False');
    assert.match(progressing?.message ?? '', /^ReplicaSet "web-\w+" has timed out progressing\.$/);
    assert.equal((await conditionOf(cluster, 'Available'))?.status, 'True');
    assert.equal((await deployment(cluster)).status?.availableReplicas, 3);
    await cluster.apply(web('web:1', quick));
    await cluster.settle();
    assert.deepEqual(await imagesOf(cluster), ['web:1', 'web:1', 'web:1', 'web:1']);
    assert.equal((await conditionOf(cluster, 'Progressing'))?.reason, 'NewReplicaSetAvailable');
  },
);

story(
  'a Deployment that is scaled in the middle of a rollout keeps its promises',
  { nodes: 3, seeds: 10, images, file },
  async ({ cluster }) => {
    await cluster.apply(web('web:1', 'replicas: 10'));
    await cluster.settle();
    await cluster.apply(web('slow:1', 'replicas: 10'));
    await cluster.advance(10_000);
    assert.ok((await sets(cluster)).every(({ spec }) => spec.replicas > 0));
    await cluster.apply(web('slow:1', 'replicas: 15'));
    await cluster.advance(5_000);
    const sizes = (await sets(cluster)).map(({ spec }) => spec.replicas);
    assert.equal(
      sizes.reduce((a, b) => a + b, 0),
      19,
      'all that surge allows, shared',
    );
    await cluster.settle();
    assert.deepEqual(
      await imagesOf(cluster),
      Array.from({ length: 15 }, () => 'slow:1'),
    );
  },
);

story('pods count as available only after minReadySeconds', { nodes: 2, seeds: 3, file }, async ({ cluster }) => {
  await cluster.apply(web('web:1', 'replicas: 2\n  minReadySeconds: 30'));
  await cluster.advance(15_000);
  assert.equal((await deployment(cluster)).status?.readyReplicas, 2);
  assert.equal((await deployment(cluster)).status?.availableReplicas, undefined);
  await cluster.advance(30_000);
  assert.equal((await deployment(cluster)).status?.availableReplicas, 2);
});

story('only so many old ReplicaSets are kept', { nodes: 2, seeds: 3, file }, async ({ cluster }) => {
  for (let version = 1; version <= 5; version++) {
    await cluster.apply(web(`web:${version}`, 'replicas: 2\n  revisionHistoryLimit: 2'));
    await cluster.settle();
  }
  const kept = (await sets(cluster)).map(({ metadata }) =>
    Number(metadata.annotations?.['deployment.kubernetes.io/revision']),
  );
  assert.deepEqual(kept.toSorted(), [3, 4, 5]);
});
