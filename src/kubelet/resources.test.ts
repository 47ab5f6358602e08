import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerResources, podCgroup, qosOf } from './resources.ts';
import { containerOf, podOf } from './testing.ts';

const pod = (resources: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  podOf({ containers: [containerOf('main', { resources })], ...more }, { status: {} });
const full = { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '500m', memory: '64Mi' } };

test('quality of service follows requests and limits', () => {
  assert.deepEqual(
    [qosOf(pod({})), qosOf(pod({ requests: { cpu: '1' } })), qosOf(pod(full)), qosOf(pod({ limits: { cpu: '1' } }))],
    ['BestEffort', 'Burstable', 'Guaranteed', 'Burstable'],
  );
});

test('requests become shares, limits become quotas', () => {
  const settings = (resources: Record<string, unknown>) =>
    containerResources(containerOf('main', { resources }) as never, pod(resources), 16 * 1024 ** 3);
  assert.deepEqual(settings(full), {
    cpuShares: 512,
    cpuQuotaMicros: 50_000,
    cpuPeriodMicros: 100_000,
    memoryLimitBytes: 64 * 1024 ** 2,
    oomScoreAdjust: -997,
  });
  assert.deepEqual(settings({}), { cpuShares: 2, oomScoreAdjust: 1000 });
  assert.equal(settings({ limits: { cpu: '1m' } }).cpuQuotaMicros, 1_000);
  assert.equal(settings({ requests: { memory: '8Gi' } }).oomScoreAdjust, 500);
});

test("a pod's own group is limited when all its containers are", () => {
  assert.deepEqual(podCgroup(pod(full)), {
    parent: 'podu1',
    resources: { cpuShares: 512, cpuQuotaMicros: 50_000, cpuPeriodMicros: 100_000, memoryLimitBytes: 64 * 1024 ** 2 },
  });
  assert.deepEqual(podCgroup(pod({})), { parent: 'besteffort/podu1', resources: { cpuShares: 2 } });
  const two = podOf({ containers: [containerOf('a', { resources: full }), containerOf('b')] }, { status: {} });
  assert.deepEqual([podCgroup(two).parent, podCgroup(two).resources.memoryLimitBytes], ['burstable/podu1', undefined]);
  const wide = pod(full, {
    initContainers: [
      containerOf('init', {
        resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '2', memory: '1Gi' } },
      }),
    ],
  });
  assert.deepEqual(
    [podCgroup(wide).resources.cpuQuotaMicros, podCgroup(wide).resources.memoryLimitBytes],
    [200_000, 1024 ** 3],
  );
});
