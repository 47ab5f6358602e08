/** The API server dies, its disk loses what was not synced, and it comes back: nothing that anybody was told is lost, and everything goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { story, storyOfPlans } from '../suite.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };
const parts = { probe: true, service: true };

let deaths = 0;

story(
  'a rollout ends well though the server dies again and again',
  { nodes: 2, seeds: 3, faults: { crash: 0.01, diskSlow: 0.02, delayMsMax: 10 }, file },
  async ({ cluster }) => {
    for (const image of ['web:1', 'web:2', 'web:3']) {
      await cluster.apply(web(image, 3, parts));
      await cluster.settle();
      assert.deepEqual(await imagesOf(cluster), [image, image, image]);
    }
    deaths += cluster.server.deaths;
    await cluster.rest(30_000);
  },
);

test('the server of that story did die', () => assert.ok(deaths > 0));

story(
  'a disk that is full or broken loses nothing, and everything goes on when it is well again',
  { nodes: 1, seeds: 3, faults: { diskFull: 0.01, diskError: 0.005 }, file },
  async ({ cluster }) => {
    for (const image of ['web:1', 'web:2']) {
      await cluster.apply(web(image, 2, parts));
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
    await cluster.apply(web('web:1', 2, parts));
    await cluster.settle({ quietMs: 6_000 });
    await run(
      client.patch(
        ConfigMap,
        'm',
        { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { of: '1' } } },
        { ...inDefault, force: true, fieldManager: 'kubectl' },
      ),
    );
    await cluster.apply(web('web:2', 1, parts));
    await run(client.delete(ConfigMap, 'm', inDefault));
    await cluster.settle({ quietMs: 6_000 });
    assert.deepEqual(await imagesOf(cluster), ['web:2']);
    assert.ok((await run(client.list(ConfigMap, inDefault))).items.every(({ metadata }) => metadata.name !== 'm'));
  },
});
