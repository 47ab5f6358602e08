import assert from 'node:assert/strict';
import { DaemonSet } from '#api/apps/daemonset.ts';
import { Job } from '#api/batch/job.ts';
import { Pod } from '#api/core/pod.ts';
import type { SimImage } from '#kubelet/sim/behaviour.ts';
import { storyOfDeaths } from '../suite.ts';
import { imagesOf, web } from './web.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };
const quick = { quietMs: 4_000 };

const images: Readonly<Record<string, SimImage>> = {
  '*': {},
  'works:1': { exit: () => ({ afterMs: 500, code: 0 }) },
  'stumbles:1': {
    exit: ({ environment }) => ({ afterMs: 500, code: environment.get('JOB_COMPLETION_INDEX') === '0' ? 1 : 0 }),
  },
};

storyOfDeaths('a Deployment lives on though any controller or the scheduler dies at any of its writes', {
  file,
  options: { nodes: 2 },
  tell: async (cluster) => {
    for (const [image, replicas] of [
      ['web:1', 2],
      ['web:2', 3],
      ['web:1', 3],
    ] as const) {
      await cluster.apply(web(image, replicas, { probe: true, service: true }));
      await cluster.settle(quick);
      assert.deepEqual(
        await imagesOf(cluster, { ready: true }),
        Array.from({ length: replicas }, () => image),
      );
    }
  },
});

storyOfDeaths('a Job counts every pod once though its controller dies at any write', {
  file,
  options: { nodes: 1, images },
  components: ['job-controller', 'scheduler'],
  tell: async (cluster) => {
    await cluster.apply(`
apiVersion: batch/v1
kind: Job
metadata: { name: plain }
spec:
  completions: 3
  parallelism: 2
  template: { spec: { restartPolicy: Never, containers: [{ name: main, image: 'works:1' }] } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: indexed }
spec:
  completionMode: Indexed
  completions: 3
  parallelism: 3
  backoffLimitPerIndex: 0
  template: { spec: { restartPolicy: Never, containers: [{ name: main, image: 'stumbles:1' }] } }
`);
    await cluster.settle({ quietMs: 6_000 });
    const get = (name: string): Promise<Job> => cluster.run(cluster.client.get(Job, name, inDefault));
    const [plain, indexed] = [await get('plain'), await get('indexed')];
    assert.deepEqual([plain.status.succeeded, plain.status.failed, plain.status.active], [3, undefined, undefined]);
    assert.ok(plain.status.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True'));
    assert.deepEqual(
      [indexed.status.completedIndexes, indexed.status.failedIndexes, indexed.status.failed],
      ['1-2', '0', 1],
    );
    const pods = (await cluster.run(cluster.client.list(Pod, inDefault))).items;
    assert.ok(pods.every(({ metadata }) => !metadata.finalizers));
  },
});

storyOfDeaths('a DaemonSet is updated though its controller dies at any write', {
  file,
  options: { nodes: 2 },
  components: ['daemon-set-controller'],
  tell: async (cluster) => {
    for (const image of ['agent:1', 'agent:2']) {
      await cluster.apply(`
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: main, image: '${image}' }] }
`);
      await cluster.settle(quick);
      assert.deepEqual(await imagesOf(cluster, { ready: true }), [image, image]);
    }
    const { status } = await cluster.run(cluster.client.get(DaemonSet, 'agent', inDefault));
    assert.deepEqual([status.desiredNumberScheduled, status.updatedNumberScheduled, status.numberAvailable], [2, 2, 2]);
  },
});
