import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/core/pod.ts';
import { Allocations } from './allocations.ts';
import { planPod } from './plan.ts';
import type { PodPicture } from './pod-state.ts';
import { containerResources } from './resources.ts';
import { patchOf } from './status-writer.ts';
import { podStatusOf } from './status.ts';
import { containerOf, deadOf, pictureOf, podOf, runOf } from './testing.ts';

const asking = (uid: string, cpu: string, more: Record<string, unknown> = {}): Pod =>
  podOf(
    { containers: [containerOf('main', { resources: { requests: { cpu, memory: '64Mi' } }, ...more })] },
    { metadata: { name: uid, namespace: 'shop', uid, resourceVersion: '5', generation: 2 } },
  );
const cpuOf = (pod: Pod): string | undefined => pod.spec.containers[0]?.resources.requests?.['cpu'];

test('a change is granted when it fits beside all other promises', () => {
  const freed: string[] = [];
  const allocations = new Allocations({ cpu: '2', memory: '1Gi' }, (uid) => freed.push(uid));
  assert.equal(cpuOf(allocations.of(asking('a', '500m')).pod), '500m');
  assert.equal(cpuOf(allocations.of(asking('b', '500m')).pod), '500m');
  const granted = allocations.of(asking('a', '1'));
  assert.deepEqual([cpuOf(granted.pod), granted.pending], ['1', undefined]);
  const late = allocations.of(asking('b', '1500m'));
  assert.deepEqual(
    [cpuOf(late.pod), late.pending],
    [
      '500m',
      {
        reason: 'Deferred',
        message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
      },
    ],
  );
  const never = allocations.of(asking('a', '3'));
  assert.deepEqual(
    [cpuOf(never.pod), never.pending],
    ['1', { reason: 'Infeasible', message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000" }],
  );
  assert.deepEqual(freed, []);
  assert.equal(cpuOf(allocations.of(asking('a', '250m')).pod), '250m');
  assert.deepEqual(freed, ['b']);
  assert.equal(cpuOf(allocations.of(asking('b', '1500m')).pod), '1500m');
  allocations.forget('a');
});

test('an agent that starts anew reads what was promised off the status', () => {
  const allocations = new Allocations({ cpu: '1', memory: '1Gi' }, () => undefined);
  const pod = asking('a', '2');
  const had = {
    ...pod,
    status: {
      ...pod.status,
      containerStatuses: [
        { name: 'main', containerID: 'x://1', resources: { requests: { cpu: '500m', memory: '64Mi' } } },
      ],
    },
  } as unknown as Pod;
  const { pod: now, pending } = allocations.of(had);
  assert.deepEqual([cpuOf(now), pending?.reason], ['500m', 'Infeasible']);
});

const limited = (cpu: string, memory: string, more: Record<string, unknown> = {}): Pod =>
  podOf({
    containers: [containerOf('main', { resources: { requests: { cpu, memory }, limits: { cpu, memory } }, ...more })],
  });
const runWith = (pod: Pod) => runOf('main', { resources: containerResources(pod.spec.containers[0]!, pod, 1) });
const plan = (more: Partial<PodPicture>): readonly string[] => planPod(pictureOf(more)).map((action) => action.do);

test('resources change while the container runs, unless its policy asks for a start', () => {
  const [before, after] = [limited('1', '64Mi'), limited('1', '128Mi')];
  assert.deepEqual(plan({ pod: before, containers: [runWith(before)] }), []);
  assert.deepEqual(plan({ pod: after, containers: [runWith(before)] }), ['resize']);
  assert.deepEqual(plan({ pod: after, containers: [runOf('main')] }), [], 'a runtime that does not tell is left alone');
  const policy = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] };
  const strict = limited('1', '128Mi', policy);
  assert.deepEqual(plan({ pod: strict, containers: [runWith(before)] }), ['kill']);
  assert.deepEqual(plan({ pod: limited('2', '64Mi', policy), containers: [runWith(before)] }), ['resize']);
});

test('a container that was ended to start with other resources starts again, whatever its policy', () => {
  const pod = podOf({ restartPolicy: 'OnFailure' });
  const dead = deadOf('main', 0);
  assert.deepEqual(plan({ pod, containers: [dead] }), ['stop sandbox', 'finish']);
  assert.deepEqual(plan({ pod, containers: [dead], restarting: new Set([dead.id]) }), ['start']);
});

const context = { runtimeName: 'x', hostIp: '10.0.0.1', messages: new Map<string, string>() };

test('the status shows what a container has, what it was promised and how a change stands', () => {
  const [before, after] = [limited('1', '64Mi'), limited('1', '128Mi')];
  const first = podStatusOf(pictureOf({ pod: before, containers: [runWith(before)] }), context);
  assert.deepEqual(first.containerStatuses?.[0]?.resources, before.spec.containers[0]?.resources);
  const pod = { ...after, status: first } as Pod;
  const pending = { reason: 'Deferred', message: 'later' } as const;
  const changing = podStatusOf(
    pictureOf({
      pod,
      containers: [runWith(before)],
      pendingResize: pending,
      resizeErrors: new Map([['main', 'too full']]),
    }),
    context,
  );
  assert.deepEqual(changing.containerStatuses?.[0]?.resources?.limits?.['memory'], '64Mi');
  assert.deepEqual(changing.containerStatuses?.[0]?.allocatedResources?.['memory'], '128Mi');
  const shown = changing.conditions?.filter(({ type }) => type.startsWith('PodResize'));
  assert.deepEqual(
    shown?.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [
      ['PodResizePending', 'True', 'Deferred', 'later'],
      ['PodResizeInProgress', 'True', 'Error', 'too full'],
    ],
  );
  const done = podStatusOf(
    pictureOf({ pod: { ...pod, status: changing } as Pod, containers: [runWith(after)] }),
    context,
  );
  assert.ok(!done.conditions?.some(({ type }) => type.startsWith('PodResize')));
  assert.deepEqual(
    (patchOf(changing, done)?.['conditions'] as readonly { type: string; $patch?: string }[] | undefined)?.filter(
      (one) => one.$patch,
    ),
    [
      { type: 'PodResizePending', $patch: 'delete' },
      { type: 'PodResizeInProgress', $patch: 'delete' },
    ],
  );
});
