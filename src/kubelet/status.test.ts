import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPod } from './plan.ts';
import type { PodPicture } from './pod-state.ts';
import { podStatusOf } from './status.ts';
import { patchOf } from './status-writer.ts';
import { at, containerOf, deadOf, pictureOf, podOf, runOf, sandboxOf } from './testing.ts';

const statusOf = (more: Partial<PodPicture>) =>
  podStatusOf(pictureOf(more), { runtimeName: 'runc', hostIp: '1.2.3.4', messages: new Map() });
const condition = (status: ReturnType<typeof statusOf>, type: string) =>
  status.conditions?.find((each) => each.type === type);

test('a pod without a sandbox is pending and has no address', () => {
  const status = statusOf({ sandboxes: [] });
  assert.deepEqual(
    [status.phase, status.podIP, status.hostIP, status.startTime],
    ['Pending', undefined, '1.2.3.4', '2026-01-01T00:00:00Z'],
  );
  assert.deepEqual(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
  assert.equal(condition(status, 'PodReadyToStartContainers')?.status, 'False');
});

test('a running pod is ready when its probes say so', () => {
  const pod = podOf({ containers: [containerOf('main', { readinessProbe: {} })] });
  const status = statusOf({ pod, containers: [runOf('main')] });
  assert.deepEqual(
    [status.phase, condition(status, 'Ready')?.reason, condition(status, 'Ready')?.message],
    ['Running', 'ContainersNotReady', 'containers with unready status: [main]'],
  );
  assert.equal(
    condition(
      statusOf({ pod, containers: [runOf('main')], probes: new Map([['main-0', { readiness: true }]]) }),
      'Ready',
    )?.status,
    'True',
  );
});

test('a readiness gate holds the pod back, not its containers', () => {
  const status = statusOf({
    pod: podOf({ readinessGates: [{ conditionType: 'example.com/ok' }] }),
    containers: [runOf('main')],
  });
  assert.deepEqual(
    [condition(status, 'ContainersReady')?.status, condition(status, 'Ready')?.reason],
    ['True', 'ReadinessGatesNotReady'],
  );
});

test('a transition time stays as long as the status does', () => {
  const first = statusOf({ containers: [runOf('main')] });
  const second = statusOf({ pod: podOf({}, { status: first }), containers: [runOf('main')], now: at + 60_000 });
  assert.equal(condition(second, 'Ready')?.lastTransitionTime, '2026-01-01T00:00:00Z');
  assert.equal(patchOf(first, second), undefined);
});

test('a pod ends only when nothing of it runs', () => {
  const pod = podOf(
    { restartPolicy: 'Never', initContainers: [containerOf('side', { restartPolicy: 'Always' })] },
    { status: { phase: 'Running' } },
  );
  assert.equal(statusOf({ pod, containers: [deadOf('main', 0), runOf('side')] }).phase, 'Running');
  assert.equal(statusOf({ pod, containers: [deadOf('main', 0), deadOf('side', 143)] }).phase, 'Succeeded');
  const ending = { graceMs: 1, reason: 'DeadlineExceeded', message: 'late' };
  const held = statusOf({ pod, ending, containers: [runOf('main')] });
  assert.deepEqual([held.phase, held.reason], ['Running', undefined]);
  const failed = statusOf({ pod, ending, containers: [deadOf('main', 137)] });
  assert.deepEqual([failed.phase, failed.reason, failed.message], ['Failed', 'DeadlineExceeded', 'late']);
});

test('what never came to run in a pod that was given too long has ended with it', () => {
  const ending = { graceMs: 1, reason: 'DeadlineExceeded', message: 'late' };
  const pod = podOf({ restartPolicy: 'Never' }, { status: { phase: 'Pending' } });
  const { phase, containerStatuses } = statusOf({ pod, ending, containers: [] });
  assert.equal(phase, 'Failed');
  const ended = containerStatuses?.[0]?.state.terminated;
  assert.deepEqual([ended?.reason, ended?.exitCode], ['ContainerStatusUnknown', 137]);
  // One that is deleted may still be starting: nothing is said of it.
  assert.ok(statusOf({ pod, ending: { graceMs: 1 }, containers: [] }).containerStatuses?.[0]?.state.waiting);
});

test('a container that waits for its restart shows its back-off and its last end', () => {
  const status = statusOf({
    containers: [deadOf('main', 3, { attempt: 2 })],
    backoffs: new Map([['main', { failures: 5, until: at + 1 }]]),
    pod: podOf({}, { status: { phase: 'Running' } }),
  });
  const [main] = status.containerStatuses ?? [];
  assert.equal(status.phase, 'Running');
  assert.deepEqual(main?.state.waiting, {
    reason: 'CrashLoopBackOff',
    message: 'back-off 2m40s restarting failed container=main pod=web_shop(u1)',
  });
  assert.deepEqual([main?.lastState.terminated?.exitCode, main?.restartCount, main?.ready], [3, 2, false]);
});

test('the present run and the one before it', () => {
  const [main] = statusOf({ containers: [runOf('main', { attempt: 1 }), deadOf('main', 9)] }).containerStatuses ?? [];
  assert.deepEqual(
    [main?.state.running?.startedAt, main?.lastState.terminated?.exitCode, main?.containerID],
    ['2026-01-01T00:00:00Z', 9, 'runc://main-1'],
  );
});

test('an ended pod whose node forgot its containers keeps their last word', () => {
  const first = statusOf({ pod: podOf({ restartPolicy: 'Never' }), containers: [deadOf('main', 5)] });
  const later = statusOf({ pod: podOf({ restartPolicy: 'Never' }, { status: first }), sandboxes: [], containers: [] });
  assert.equal(later.containerStatuses?.[0]?.state.terminated?.exitCode, 5);
  assert.equal(later.phase, 'Failed');
});

test('a host-network pod has the address of its node', () => {
  assert.deepEqual(statusOf({ pod: podOf({ hostNetwork: true }), sandboxes: [sandboxOf({ ips: [] })] }).podIPs, [
    { ip: '1.2.3.4' },
  ]);
});

test('a patch names what went and replaces addresses', () => {
  const before = statusOf({ containers: [] });
  const now = statusOf({ containers: [runOf('main')], sandboxes: [sandboxOf({ ips: ['10.0.0.9'] })] });
  const patch = patchOf(before, now) as { podIPs: unknown; conditions: Record<string, unknown>[]; hostIP?: string };
  assert.deepEqual(patch.podIPs, [{ $patch: 'replace' }, { ip: '10.0.0.9' }]);
  assert.equal(patch.hostIP, undefined);
  const ready = patch.conditions.find(({ type }) => type === 'Ready');
  assert.deepEqual([ready?.['status'], ready?.['reason'], ready?.['message']], ['True', null, null]);
});

test('a container keeps counting its restarts when the runtime has forgotten its runs', () => {
  const before = statusOf({ containers: [runOf('main', { attempt: 3 })] });
  const pod = podOf({}, { status: before });
  const empty = statusOf({ pod, sandboxes: [], containers: [] });
  const [status] = empty.containerStatuses ?? [];
  assert.equal(status?.restartCount, 3);
  assert.equal(status?.lastState.terminated?.reason, 'ContainerStatusUnknown');
  const next = planPod(pictureOf({ pod: podOf({}, { status: empty }), containers: [] }));
  assert.deepEqual(
    next.map((action) => (action.do === 'start' ? action.attempt : action.do)),
    [4],
  );
  const again = statusOf({ pod: podOf({}, { status: empty }), containers: [runOf('main', { attempt: 4 })] });
  assert.deepEqual(again.containerStatuses?.[0]?.lastState, status?.lastState);
});
