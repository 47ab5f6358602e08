/** What happens to watches and lists: events that come late, twice asked for, only as their outcome, or not at all until somebody notices. */
import assert from 'node:assert/strict';
import type { SimCluster } from '../cluster.ts';
import { story, storyOfPlans } from '../suite.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;

async function rollOut(cluster: SimCluster): Promise<void> {
  for (const image of ['web:1', 'web:2']) {
    await cluster.apply(web(image, 2));
    await cluster.settle({ quietMs: 60_000 });
    assert.deepEqual(await imagesOf(cluster), [image, image]);
  }
}

story(
  'a rollout ends well on watches that stall, expire and fall silent, and with requests that arrive twice',
  {
    nodes: 2,
    seeds: 3,
    file,
    faults: { duplicate: 0.05, stallWatch: 0.02, expireWatch: 0.02, halfOpen: 0.005, staleList: 0.2 },
  },
  async ({ cluster }) => {
    await rollOut(cluster);
  },
);

storyOfPlans('a rollout ends well whichever event of the controllers comes late or only as its outcome', {
  options: { nodes: 1 },
  components: ['controller-manager', 'scheduler'],
  faults: ['stallWatch', 'expireWatch', 'halfOpen'],
  samples: 2,
  tell: rollOut,
});

storyOfPlans('a rollout ends well wherever the past is shown again or the network is cut, deaf or silent', {
  options: { nodes: 1 },
  components: ['controller-manager', 'node-1'],
  faults: ['replayWatch', 'rewindWatch', 'partition', 'deaf', 'hang'],
  samples: 1,
  tell: rollOut,
});

story(
  'a rollout ends well though servers that are behind show the past again',
  {
    nodes: 2,
    seeds: 3,
    faults: {
      replayWatch: 0.1,
      rewindWatch: 0.5,
      breakWatch: 0.05,
      expireWatch: 0.02,
      staleList: 0.5,
      staleRelist: 0.7,
    },
    file,
  },
  async ({ cluster }) => rollOut(cluster),
);

story(
  'a rollout ends well in a network that is cut, deaf and silent by turns',
  { nodes: 2, seeds: 2, faults: { partition: 0.004, deaf: 0.004, hang: 0.004 }, file },
  async ({ cluster }) => rollOut(cluster),
);
