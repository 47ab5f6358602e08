/** The API server dies, its disk loses what was not synced, and it comes back: nothing that anybody was told is lost, and everything goes on. */
import assert from 'node:assert/strict';
import { ConfigMap } from '#api/core/configmap.ts';
import { Pod } from '#api/core/pod.ts';
import type { SimCluster } from '../cluster.ts';
import { story, storyOfPlans } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };

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
      containers: [{ name: web, image: '${image}', readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 } }]
---
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }
`;

const imagesOf = async ({ client, run }: SimCluster): Promise<readonly string[]> =>
  (await run(client.list(Pod, inDefault))).items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ spec }) => spec.containers[0]?.image ?? '');

story(
  'a rollout ends well though the server dies again and again',
  { nodes: 2, seeds: 3, faults: { crash: 0.01, diskSlow: 0.02, delayMsMax: 10 }, file },
  async ({ cluster }) => {
    for (const image of ['web:1', 'web:2', 'web:3']) {
      await cluster.apply(web(image, 3));
      await cluster.settle();
      assert.deepEqual(await imagesOf(cluster), [image, image, image]);
    }
    assert.ok(cluster.server.deaths > 0);
    await cluster.rest(30_000);
  },
);

story(
  'a disk that is full or broken loses nothing, and everything goes on when it is well again',
  { nodes: 1, seeds: 3, faults: { diskFull: 0.01, diskError: 0.005 }, file },
  async ({ cluster }) => {
    for (const image of ['web:1', 'web:2']) {
      await cluster.apply(web(image, 2));
      await cluster.settle({ quietMs: 40_000 });
      assert.deepEqual(await imagesOf(cluster), [image, image]);
    }
  },
);

storyOfPlans('a Deployment and a ConfigMap live on though the server dies at any step of any transaction', {
  options: { nodes: 1 },
  components: ['server'],
  faults: ['crash'],
  samples: 8,
  tell: async (cluster) => {
    const { client, run } = cluster;
    await cluster.apply(web('web:1', 2));
    await cluster.settle({ quietMs: 6_000 });
    await run(
      client.patch(
        ConfigMap,
        'm',
        { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { of: '1' } } },
        { ...inDefault, force: true, fieldManager: 'kubectl' },
      ),
    );
    await cluster.apply(web('web:2', 1));
    await run(client.delete(ConfigMap, 'm', inDefault));
    await cluster.settle({ quietMs: 6_000 });
    assert.deepEqual(await imagesOf(cluster), ['web:2']);
    assert.ok((await run(client.list(ConfigMap, inDefault))).items.every(({ metadata }) => metadata.name !== 'm'));
  },
});
