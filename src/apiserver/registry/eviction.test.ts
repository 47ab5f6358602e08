/** Evictions before a disruption budget whose status stands as a controller would have written it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '#api/core/pod.ts';
import { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import type { ApiError } from '#meta/status.ts';
import { podDraft, refusal, testApi, type TestApi } from '../test-api.ts';

const inDefault = { namespace: 'default' } as const;
const labels = { app: 'web' };

async function pod({ client }: TestApi, name: string, phase = 'Running', ready = 'True'): Promise<void> {
  await client.create(Pod, podDraft(name, { labels }) as never);
  const status = { phase, conditions: [{ type: 'Ready', status: ready }] };
  await client.patch(Pod, name, { type: 'merge', body: { status } }, { ...inDefault, subresource: 'status' });
}

/** A budget that asks for two healthy pods of three. */
async function budget(
  { client }: TestApi,
  disruptionsAllowed: number,
  more: object = {},
  spec: object = {},
): Promise<void> {
  const draft = {
    metadata: { name: 'b', ...inDefault },
    spec: { minAvailable: 2, selector: { matchLabels: labels }, ...spec },
  };
  const { metadata } = await client.create(PodDisruptionBudget, draft as never);
  const status = {
    observedGeneration: metadata.generation,
    expectedPods: 3,
    desiredHealthy: 2,
    currentHealthy: 2 + disruptionsAllowed,
    disruptionsAllowed,
    ...more,
  };
  const place = { ...inDefault, subresource: 'status' };
  await client.patch(PodDisruptionBudget, 'b', { type: 'merge', body: { status } }, place);
}

const evict = ({ client }: TestApi, name: string, deleteOptions: object = {}): Promise<unknown> =>
  client.post(Pod, name, 'eviction', { metadata: { name }, deleteOptions }, inDefault);
const isThere = async ({ client }: TestApi, name: string): Promise<boolean> =>
  (await client.list(Pod, inDefault)).items.some(({ metadata }) => metadata.name === name);
const allowedNow = async ({ client }: TestApi): Promise<PodDisruptionBudget['status']> =>
  (await client.get(PodDisruptionBudget, 'b', inDefault)).status;
const causeOf = ({ details }: ApiError): string | undefined => details?.causes?.[0]?.message;

test('an eviction that the budget allows deletes the pod, and is counted for it', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 1);
  await evict(api, 'p');
  assert.equal(await isThere(api, 'p'), false);
  const { disruptionsAllowed, disruptedPods } = await allowedNow(api);
  assert.equal(disruptionsAllowed, 0);
  assert.deepEqual(Object.keys(disruptedPods ?? {}), ['p']);
});

test('of two evictions at once only one takes the last that is allowed', async () => {
  await using api = await testApi();
  for (const name of ['p', 'q']) await pod(api, name);
  await budget(api, 1);
  const ends = await Promise.allSettled(['p', 'q'].map((name) => evict(api, name)));
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal((await api.client.list(Pod, inDefault)).items.length, 1);
  assert.equal((await allowedNow(api)).disruptionsAllowed, 0);
});

test('an eviction that the budget forbids is refused with 429 and says why, and the pod stays as it is', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 0);
  const error = await refusal(evict(api, 'p'));
  assert.deepEqual(
    [error.code, error.reason, error.message],
    [429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."],
  );
  assert.equal(error.details?.causes?.[0]?.reason, 'DisruptionBudget');
  assert.equal(causeOf(error), 'The disruption budget b needs 2 healthy pods and has 2 currently');
  const { status } = await api.client.get(Pod, 'p', inDefault);
  assert.ok(!status?.conditions?.some(({ type }) => type === 'DisruptionTarget'));
});

test('a budget whose newest spec nobody has counted yet asks to come again', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 1, { observedGeneration: 0 });
  const error = await refusal(evict(api, 'p'));
  assert.deepEqual([error.code, error.details?.retryAfterSeconds], [429, 10]);
  assert.equal(causeOf(error), 'The disruption budget b is still being processed by the server.');
});

test('a pod without a budget is evicted', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 0, {}, { selector: { matchLabels: { app: 'other' } } });
  await evict(api, 'p');
  assert.equal(await isThere(api, 'p'), false);
});

test('a pod that is over or has not begun needs no budget', async () => {
  await using api = await testApi();
  await budget(api, 0);
  for (const phase of ['Succeeded', 'Failed', 'Pending']) {
    await pod(api, 'p', phase, 'False');
    await evict(api, 'p');
    assert.equal(await isThere(api, 'p'), false, phase);
  }
});

test('a pod that is not ready takes nothing from a budget whose others suffice, and is kept where they do not', async () => {
  await using api = await testApi();
  await pod(api, 'p', 'Running', 'False');
  await pod(api, 'q', 'Running', 'False');
  await budget(api, 0);
  await evict(api, 'p');
  assert.equal(await isThere(api, 'p'), false);
  assert.deepEqual((await allowedNow(api)).disruptedPods ?? {}, {});
  const place = { ...inDefault, subresource: 'status' };
  await api.client.patch(PodDisruptionBudget, 'b', { type: 'merge', body: { status: { currentHealthy: 1 } } }, place);
  assert.equal(
    causeOf(await refusal(evict(api, 'q'))),
    'The disruption budget b needs 2 healthy pods and has 1 currently',
  );
  const always = { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } };
  await api.client.patch(PodDisruptionBudget, 'b', { type: 'merge', body: always }, inDefault);
  await evict(api, 'q');
  assert.equal(await isThere(api, 'q'), false);
});

test('a dry run says what the budget says, and neither counts nor deletes', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 1);
  await evict(api, 'p', { dryRun: ['All'] });
  assert.equal(await isThere(api, 'p'), true);
  assert.equal((await allowedNow(api)).disruptionsAllowed, 1);
  const place = { ...inDefault, subresource: 'status' };
  const body = { status: { disruptionsAllowed: 0, currentHealthy: 2 } };
  await api.client.patch(PodDisruptionBudget, 'b', { type: 'merge', body }, place);
  assert.equal((await refusal(evict(api, 'p', { dryRun: ['All'] }))).code, 429);
});

test('a pod with several budgets is not evicted, whatever they allow', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  await budget(api, 1);
  const second = {
    metadata: { name: 'c', ...inDefault },
    spec: { minAvailable: 0, selector: { matchLabels: labels } },
  };
  await api.client.create(PodDisruptionBudget, second as never);
  const error = await refusal(evict(api, 'p'));
  assert.equal(error.code, 500);
  assert.match(error.message, /more than one PodDisruptionBudget/);
  assert.equal(await isThere(api, 'p'), true);
  assert.equal((await allowedNow(api)).disruptionsAllowed, 1);
});

test('a precondition that does not hold is a conflict', async () => {
  await using api = await testApi();
  await pod(api, 'p');
  for (const preconditions of [{ uid: 'another' }, { resourceVersion: '1' }])
    assert.equal((await refusal(evict(api, 'p', { preconditions }))).reason, 'Conflict');
  assert.equal(await isThere(api, 'p'), true);
  const { metadata } = await api.client.get(Pod, 'p', inDefault);
  await evict(api, 'p', { preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } });
  assert.equal(await isThere(api, 'p'), false);
});
