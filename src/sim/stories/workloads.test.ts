import assert from 'node:assert/strict';
import { ControllerRevision } from '#api/apps/controllerrevision.ts';
import { DaemonSet } from '#api/apps/daemonset.ts';
import { Job } from '#api/batch/job.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { Deployment } from '#api/apps/deployment.ts';
import type { SimImage } from '#kubelet/sim/behaviour.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };

const images: Readonly<Record<string, SimImage>> = {
  '*': {},
  'works:1': { exit: () => ({ afterMs: 2_000, code: 0 }) },
  'fails:1': { exit: () => ({ afterMs: 1_000, code: 1 }) },
  'fails:42': { exit: () => ({ afterMs: 1_000, code: 42 }) },
  /** Index 1 never works. */
  'odd:1': {
    exit: ({ environment }) => ({ afterMs: 1_000, code: environment.get('JOB_COMPLETION_INDEX') === '1' ? 1 : 0 }),
  },
};

const job = (spec: string, image: string): string => `
apiVersion: batch/v1
kind: Job
metadata: { name: work }
spec:
  ${spec}
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: '${image}' }]
`;

const jobNow = ({ client, run }: SimCluster): Promise<Job> => run(client.get(Job, 'work', inDefault));
const podsNow = async ({ client, run }: SimCluster): Promise<readonly Pod[]> =>
  (await run(client.list(Pod, inDefault))).items;
const holding = ({ status }: Job): readonly string[] =>
  (status.conditions ?? [])
    .filter((condition) => condition.status === 'True')
    .map(({ type, reason }) => `${type} ${reason}`);

const lossy = { loseRequest: 0.05, loseReply: 0.05, delayMsMax: 20 };

story(
  'a Job runs until enough pods have succeeded, and counts each once',
  { nodes: 2, seeds: 10, images, faults: lossy, file },
  async ({ cluster }) => {
    await cluster.apply(job('completions: 5\n  parallelism: 2', 'works:1'));
    await cluster.settle();
    const { status } = await jobNow(cluster);
    assert.equal(status.succeeded, 5);
    assert.equal(status.failed, undefined);
    assert.equal(status.active, undefined);
    assert.deepEqual(status.uncountedTerminatedPods, {});
    assert.deepEqual(holding(await jobNow(cluster)), [
      'SuccessCriteriaMet CompletionsReached',
      'Complete CompletionsReached',
    ]);
    assert.ok((await podsNow(cluster)).every((pod) => !pod.metadata.finalizers));
  },
);

story(
  'a Job that fails too often is failed',
  { nodes: 1, seeds: 5, images, faults: lossy, file },
  async ({ cluster }) => {
    await cluster.apply(job('backoffLimit: 2', 'fails:1'));
    await cluster.advance(120_000);
    await cluster.settle();
    const done = await jobNow(cluster);
    assert.deepEqual(holding(done), ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded']);
    assert.equal(done.status.failed, 3);
  },
);

story('a Job is failed at once by its failure policy', { nodes: 1, seeds: 3, images, file }, async ({ cluster }) => {
  await cluster.apply(
    job('podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }] }', 'fails:42'),
  );
  await cluster.settle();
  const done = await jobNow(cluster);
  assert.equal(done.status.failed, 1);
  const failed = done.status.conditions?.find(({ type }) => type === 'Failed');
  assert.equal(failed?.reason, 'PodFailurePolicy');
  assert.match(
    failed?.message ?? '',
    /^Container main for pod default\/work-\w{5} failed with exit code 42 matching FailJob rule at index 0$/,
  );
});

story(
  'an indexed Job gives every index a pod, and fails only the indexes that fail',
  { nodes: 2, seeds: 5, images, file },
  async ({ cluster }) => {
    await cluster.apply(
      job('completionMode: Indexed\n  completions: 4\n  parallelism: 4\n  backoffLimitPerIndex: 1', 'odd:1'),
    );
    await cluster.advance(60_000);
    await cluster.settle();
    const done = await jobNow(cluster);
    assert.equal(done.status.completedIndexes, '0,2-3');
    assert.equal(done.status.failedIndexes, '1');
    assert.equal(done.status.failed, 2);
    assert.deepEqual(holding(done), ['FailureTarget FailedIndexes', 'Failed FailedIndexes']);
  },
);

story(
  'a success policy ends an indexed Job early',
  {
    nodes: 2,
    seeds: 3,
    images: {
      ...images,
      'leader:1': {
        exit: ({ environment }) =>
          environment.get('JOB_COMPLETION_INDEX') === '0' ? { afterMs: 3_000, code: 0 } : undefined,
      },
    },
    file,
  },
  async ({ cluster }) => {
    await cluster.apply(
      job(
        "completionMode: Indexed\n  completions: 3\n  parallelism: 3\n  successPolicy: { rules: [{ succeededIndexes: '0' }] }",
        'leader:1',
      ),
    );
    await cluster.settle();
    const done = await jobNow(cluster);
    assert.deepEqual(holding(done), ['SuccessCriteriaMet SuccessPolicy', 'Complete SuccessPolicy']);
    assert.equal(done.status.completedIndexes, '0');
    assert.equal(done.status.active, undefined);
  },
);

story('a suspended Job has no pods until it is resumed', { nodes: 1, seeds: 3, images, file }, async ({ cluster }) => {
  const suspend = (suspended: boolean) =>
    cluster.run(
      cluster.client.patch(Job, 'work', { type: 'merge', body: { spec: { suspend: suspended } } }, inDefault),
    );
  await cluster.apply(job('suspend: true', 'works:1'));
  await cluster.settle();
  assert.deepEqual(await podsNow(cluster), []);
  assert.deepEqual(holding(await jobNow(cluster)), ['Suspended JobSuspended']);
  await suspend(false);
  await cluster.advance(500);
  await suspend(true);
  await cluster.settle();
  const between = await jobNow(cluster);
  assert.equal(between.status.failed, undefined, 'pods that suspension ended have not failed');
  assert.equal(between.status.startTime, undefined);
  await suspend(false);
  await cluster.settle();
  assert.equal((await jobNow(cluster)).status.succeeded, 1);
});

story(
  'a Job past its deadline is failed and its pods end',
  { nodes: 1, seeds: 3, images, file },
  async ({ cluster }) => {
    await cluster.apply(job('activeDeadlineSeconds: 10', 'runs:1'));
    await cluster.advance(15_000);
    await cluster.settle();
    assert.deepEqual(holding(await jobNow(cluster)), ['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded']);
    assert.ok(
      (await podsNow(cluster)).every(
        (pod) => pod.status?.phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined,
      ),
    );
  },
);

story(
  'a finished Job goes after its time, with its pods',
  { nodes: 1, seeds: 3, images, file },
  async ({ cluster }) => {
    await cluster.apply(job('ttlSecondsAfterFinished: 60', 'works:1'));
    await cluster.settle();
    await cluster.advance(70_000);
    await cluster.settle();
    assert.equal((await cluster.run(cluster.client.list(Job, inDefault))).items.length, 0);
    assert.deepEqual(await podsNow(cluster), []);
  },
);

const agent = (image: string, strategy = ''): string => `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  ${strategy}
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: main, image: '${image}' }] }
`;

const perNode = (pods: readonly Pod[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pods
      .filter((pod) => pod.metadata.deletionTimestamp === undefined)
      .map((pod) => [pod.spec.nodeName ?? '', pod.spec.containers[0]?.image ?? '']),
  );

for (const strategy of ['', 'updateStrategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }']) {
  const how = strategy ? 'new pods first' : 'old pods first';
  story(
    `a DaemonSet has one pod on every node and is updated node by node, ${how}`,
    { nodes: 3, seeds: 5, faults: lossy, file },
    async ({ cluster }) => {
      await cluster.apply(agent('agent:1', strategy));
      await cluster.settle();
      assert.deepEqual(perNode(await podsNow(cluster)), {
        'node-1': 'agent:1',
        'node-2': 'agent:1',
        'node-3': 'agent:1',
      });
      await cluster.run(
        cluster.client.patch(Node, 'node-2', { type: 'merge', body: { spec: { unschedulable: true } } }),
      );
      await cluster.apply(agent('agent:2', strategy));
      await cluster.settle();
      assert.deepEqual(perNode(await podsNow(cluster)), {
        'node-1': 'agent:2',
        'node-2': 'agent:2',
        'node-3': 'agent:2',
      });
      assert.equal((await podsNow(cluster)).length, 3);
      const { status } = await cluster.run(cluster.client.get(DaemonSet, 'agent', inDefault));
      assert.equal(status.numberAvailable, 3);
      assert.equal(status.updatedNumberScheduled, 3);
      const revisions = (await cluster.run(cluster.client.list(ControllerRevision, inDefault))).items;
      assert.deepEqual(revisions.map(({ revision }) => Number(revision)).toSorted(), [1, 2]);
      // Back again: the old revision becomes the newest.
      await cluster.apply(agent('agent:1', strategy));
      await cluster.settle();
      assert.deepEqual(perNode(await podsNow(cluster)), {
        'node-1': 'agent:1',
        'node-2': 'agent:1',
        'node-3': 'agent:1',
      });
      const back = (await cluster.run(cluster.client.list(ControllerRevision, inDefault))).items;
      assert.deepEqual(back.map(({ revision }) => Number(revision)).toSorted(), [2, 3]);
      await cluster.rest(60_000);
    },
  );
}

story(
  'a DaemonSet keeps to the nodes that fit',
  { nodes: [{ labels: { disk: 'ssd' } }, {}, { labels: { disk: 'ssd' } }], seeds: 3, file },
  async ({ cluster }) => {
    await cluster.apply(
      agent('agent:1').replace('spec: { containers', 'spec: { nodeSelector: { disk: ssd }, containers'),
    );
    await cluster.settle();
    assert.deepEqual(Object.keys(perNode(await podsNow(cluster))).toSorted(), ['node-1', 'node-3']);
    await cluster.run(
      cluster.client.patch(Node, 'node-3', {
        type: 'merge',
        body: { spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] } },
      }),
    );
    await cluster.settle();
    assert.deepEqual(Object.keys(perNode(await podsNow(cluster))), ['node-1']);
  },
);

story(
  'a namespace that is deleted takes everything along',
  { nodes: 2, seeds: 5, faults: lossy, file },
  async ({ cluster }) => {
    await cluster.apply(`
apiVersion: v1
kind: Namespace
metadata: { name: short }
`);
    await cluster.settle();
    await cluster.apply(agent('agent:1').replace('name: agent }\nspec', 'name: agent, namespace: short }\nspec'));
    await cluster.settle();
    await cluster.run(cluster.client.delete(Namespace, 'short'));
    await cluster.settle();
    const left = (await cluster.run(cluster.client.list(Namespace))).items.map(({ metadata }) => metadata.name);
    assert.ok(!left.includes('short'));
    assert.equal((await cluster.run(cluster.client.list(Pod))).items.length, 0);
  },
);

for (const propagationPolicy of ['Background', 'Foreground', 'Orphan'] as const) {
  story(
    `a Deployment that is deleted (${propagationPolicy}) leaves what it should`,
    { nodes: 2, seeds: 3, faults: lossy, file },
    async ({ cluster }) => {
      await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: main, image: 'web:1' }] }
`);
      await cluster.settle();
      await cluster.run(cluster.client.delete(Deployment, 'web', { ...inDefault, propagationPolicy }));
      await cluster.settle();
      const sets = (await cluster.run(cluster.client.list(ReplicaSet, inDefault))).items;
      assert.equal(sets.length, propagationPolicy === 'Orphan' ? 1 : 0);
      assert.equal((await podsNow(cluster)).length, propagationPolicy === 'Orphan' ? 2 : 0);
      if (propagationPolicy === 'Orphan') assert.equal(sets[0]?.metadata.ownerReferences, undefined);
    },
  );
}
