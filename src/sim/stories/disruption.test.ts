/** Evictions and disruption budgets: what is promised is kept, whoever evicts and however often. */
import assert from 'node:assert/strict';
import { Pod } from '#api/core/pod.ts';
import { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import { isApiError } from '#meta/status.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };

const app = (budget: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  replicas: 5
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      containers:
        - { name: main, image: 'app:1', readinessProbe: { httpGet: { path: /, port: 80 }, initialDelaySeconds: 5, periodSeconds: 1 } }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: app }
spec: { ${budget}, selector: { matchLabels: { app: app } } }
`;

const podsNow = async ({ client, run }: SimCluster): Promise<readonly Pod[]> =>
  (await run(client.list(Pod, inDefault))).items;
const budgetNow = ({ client, run }: SimCluster): Promise<PodDisruptionBudget> =>
  run(client.get(PodDisruptionBudget, 'app', inDefault));

/** Tries it; answers why not. */
async function evict({ client, run }: SimCluster, { metadata }: Pod): Promise<string | undefined> {
  try {
    await run(client.post(Pod, metadata.name, 'eviction', { metadata: { name: metadata.name } }, inDefault));
    return undefined;
  } catch (error) {
    if (!isApiError(error, 'TooManyRequests')) throw error;
    return error.details?.causes?.[0]?.message;
  }
}

for (const [budget, least] of [
  ['maxUnavailable: 2', 3],
  ["minAvailable: '61%'", 4],
  ['minAvailable: 4', 4],
] as const) {
  story(`evictions stop at the budget ${budget}`, { nodes: 2, seeds: 1, file }, async ({ cluster }) => {
    await cluster.apply(app(budget));
    await cluster.settle();
    const { status } = await budgetNow(cluster);
    assert.deepEqual(
      [status.expectedPods, status.currentHealthy, status.desiredHealthy, status.disruptionsAllowed],
      [5, 5, least, 5 - least],
    );
    assert.deepEqual(
      status.conditions?.map((each) => `${each.type} ${each.status} ${each.reason}`),
      ['DisruptionAllowed True SufficientPods'],
    );
    const refused = [];
    for (const pod of await podsNow(cluster)) refused.push(await evict(cluster, pod));
    assert.equal(refused.filter((why) => why === undefined).length, 5 - least);
    const later = await budgetNow(cluster);
    assert.deepEqual(Object.keys(later.status.disruptedPods ?? {}).length > 0, true);
    assert.equal(later.status.conditions?.[0]?.status, 'False');
    await cluster.advance(2_000);
    const [ready] = (await podsNow(cluster)).filter(
      ({ metadata, status: now }) =>
        !metadata.deletionTimestamp && now?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
    );
    assert.equal(
      await evict(cluster, ready as Pod),
      `The disruption budget app needs ${least} healthy pods and has ${least} currently`,
    );
    await cluster.settle();
    const after = await budgetNow(cluster);
    assert.equal(after.status.disruptionsAllowed, 5 - least);
    assert.equal(after.status.disruptedPods, undefined);
    await cluster.rest(30_000);
  });
}

story(
  'a drain under faults never takes a budget below what it promises',
  { nodes: 3, seeds: 2, faults: { delayMsMax: 200, loseReply: 0.03, stallWatch: 0.02, crash: 0.001 }, file },
  async ({ cluster }) => {
    await cluster.apply(app('maxUnavailable: 1'));
    await cluster.settle();
    const names = new Set((await podsNow(cluster)).map(({ metadata }) => metadata.name));
    for (let tries = 0; tries < 200; tries++) {
      const old = (await podsNow(cluster)).filter(
        ({ metadata }) => names.has(metadata.name) && !metadata.deletionTimestamp,
      );
      if (old.length === 0) break;
      for (const pod of old)
        await evict(cluster, pod).catch((error: unknown) => assert.ok(isGone(error), String(error)));
      await cluster.advance(1_000);
    }
    await cluster.settle();
    assert.ok((await podsNow(cluster)).every(({ metadata }) => !names.has(metadata.name)));
    assert.equal((await budgetNow(cluster)).status.currentHealthy, 5);
  },
);

/** Somebody else was faster, or the server is not there. */
const isGone = (error: unknown): boolean =>
  !isApiError(error) || isApiError(error, 'NotFound', 'Conflict', 'ServiceUnavailable');

story('a budget whose pods nobody counts closes, and says why', { nodes: 1, seeds: 1, file }, async ({ cluster }) => {
  await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: lone, labels: { app: app } }
spec: { containers: [{ name: main, image: 'app:1' }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: app }
spec: { minAvailable: '50%', selector: { matchLabels: { app: app } } }
`);
  await cluster.settle();
  const lone = (await podsNow(cluster))[0] as Pod;
  assert.equal((await budgetNow(cluster)).status.disruptionsAllowed, 0);
  assert.equal(await evict(cluster, lone), 'The disruption budget app does not allow evicting pods currently');
  await cluster.apply(
    '{ apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: { name: app }, spec: { minAvailable: 0, selector: { matchLabels: { app: app } } } }',
  );
  await cluster.settle();
  assert.equal(await evict(cluster, lone), undefined);
  await cluster.settle();
  assert.deepEqual(await podsNow(cluster), []);
});
