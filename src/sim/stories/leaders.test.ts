/** Several control planes: one works, whatever happens to it, and what was begun in one term is never written in another. */
import assert from 'node:assert/strict';
import { story, storyOfPlans } from '../suite.ts';
import type { SimCluster } from '../cluster.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;
const components = ['kube-controller-manager', 'kube-scheduler'] as const;
const ready = { ready: true };

/** A Deployment is made, grows and gets another image. */
async function life(cluster: SimCluster): Promise<void> {
  for (const [image, replicas] of [
    ['web:1', 3],
    ['web:1', 5],
    ['web:2', 5],
  ] as const) {
    await cluster.apply(web(image, replicas));
    await cluster.settle();
    assert.deepEqual(
      await imagesOf(cluster, ready),
      Array.from({ length: replicas }, () => image),
    );
  }
}

story(
  'one of three control planes works, and the others wait',
  { nodes: 2, controlPlanes: 3, seeds: 1, file },
  async ({ cluster }) => {
    await life(cluster);
    await cluster.rest(5 * 60_000);
  },
);

story(
  'a leader that dies, stands still or is cut off gives way to another',
  { nodes: 2, controlPlanes: 3, seeds: 2, file },
  async ({ cluster }) => {
    const { planes } = cluster;
    assert.ok(planes);
    const outages = [
      (name: string) => planes.kill(name),
      (name: string) => planes.pause(name, 40_000),
      (name: string) => planes.cutOff(name, 40_000),
    ];
    let replicas = 1;
    for (const outage of outages) {
      for (const component of components) {
        const leader = planes.leaderOf(component);
        assert.ok(leader);
        outage(leader);
        await cluster.apply(web('web:1', ++replicas));
        await cluster.advance(60_000);
        await cluster.settle();
        assert.equal((await imagesOf(cluster, ready)).length, replicas);
      }
    }
  },
);

story(
  'a leader that stands still between a decision and its write does not carry it out in the term of another',
  { nodes: 2, controlPlanes: 3, seeds: 2, file },
  async ({ cluster }) => {
    const { planes } = cluster;
    assert.ok(planes);
    await cluster.settle();
    for (let replicas = 2; replicas <= 8; replicas += 2) {
      for (const component of components) planes.pauseAtWrite(planes.leaderOf(component) ?? '');
      await cluster.apply(web('web:1', replicas));
      await cluster.advance(90_000);
      await cluster.settle();
      assert.equal((await imagesOf(cluster, ready)).length, replicas);
    }
  },
);

storyOfPlans('a control plane may die, stand still or be cut off at any of its writes', {
  options: { nodes: 1, controlPlanes: 3 },
  components: ['plane-1', 'plane-2', 'plane-3'],
  faults: ['pause', 'cutOff', 'die-before', 'die-after'],
  samples: 2,
  async tell(cluster) {
    await cluster.apply(web('web:1', 3));
    await cluster.settle();
    await cluster.apply(web('web:2', 3));
    await cluster.settle();
    assert.deepEqual(await imagesOf(cluster, ready), ['web:2', 'web:2', 'web:2']);
  },
});

story(
  'control planes with a bad network, all of them at once',
  {
    nodes: 2,
    controlPlanes: 3,
    seeds: 2,
    file,
    faults: { loseRequest: 0.03, loseReply: 0.03, breakWatch: 0.01, pause: 0.01, cutOff: 0.005, delayMsMax: 20 },
  },
  ({ cluster }) => life(cluster),
);
