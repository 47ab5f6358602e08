/** A container runtime that is slow, fails after it has done its work, or keeps what it says it has removed: in the end only what should run runs. */
import assert from 'node:assert/strict';
import { Deployment } from '#api/apps/deployment.ts';
import { Pod } from '#api/core/pod.ts';
import type { SimImage } from '#kubelet/sim/behaviour.ts';
import type { SimCluster } from '../cluster.ts';
import { story, storyOfPlans } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };
const images: Readonly<Record<string, SimImage>> = {
  '*': {},
  'works:1': { exit: () => ({ afterMs: 2_000, code: 0 }) },
};

const web = (image: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { terminationGracePeriodSeconds: 5, initContainers: [{ name: first, image: 'works:1' }], containers: [{ name: main, image: '${image}' }] }
`;

async function comeAndGo(cluster: SimCluster): Promise<void> {
  const { client, run } = cluster;
  for (const image of ['web:1', 'web:2']) {
    await cluster.apply(web(image, 2));
    await cluster.settle({ quietMs: 70_000, limitMs: 60 * 60_000 });
    const { items } = await run(client.list(Pod, inDefault));
    assert.deepEqual(
      items.map(({ spec, status }) => `${spec.containers[0]?.image} ${status?.phase}`),
      [`${image} Running`, `${image} Running`],
    );
    assert.deepEqual(await cluster.leaked(), []);
  }
  await run(client.delete(Deployment, 'web', inDefault));
  await cluster.settle({ quietMs: 70_000 });
  assert.deepEqual(await cluster.leaked(), []);
  assert.deepEqual(await cluster.nodes[0]?.runtime.containers(), []);
}

const faults = ['sandboxLost', 'createLost', 'startLost', 'removalLost', 'stopFails', 'runtimeSlow'] as const;

story(
  'no container is leaked by a runtime that fails after it has done its work',
  { nodes: 1, seeds: 2, images, faults: Object.fromEntries(faults.map((fault) => [fault, 0.08])), file },
  async ({ cluster }) => comeAndGo(cluster),
);

storyOfPlans('no container is leaked by any one fault of the runtime', {
  options: { nodes: 1, images },
  components: ['node-1'],
  faults,
  samples: 1,
  tell: comeAndGo,
});
