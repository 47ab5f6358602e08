import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateCauses, written } from '../written.ts';
import { Pod } from './pod.ts';
import { keptStatus } from './pod-strategy.ts';
import { container, one, pod, type Spec } from './test-pods.ts';

test('an update of a pod may change images, and nothing else', () => {
  const old = written(Pod, one({ env: [{ name: 'A', value: '1' }] }));
  assert.deepEqual(updateCauses(Pod, one({ image: 'nginx:2', env: [{ name: 'A', value: '1' }] }), old), []);
  const [cause = ''] = updateCauses(Pod, one({ env: [{ name: 'A', value: '2' }] }), old);
  assert.match(
    cause,
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers/,
  );
  assert.match(cause, /-\s+value: "1",\n\+\s+value: "2",/);
  assert.deepEqual(updateCauses(Pod, pod({ containers: [container, { ...container, name: 'b' }] }), old), [
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});

test('tolerations may be added, deadlines shortened, gates removed', () => {
  const old = written(
    Pod,
    pod({
      tolerations: [{ key: 'a', operator: 'Exists' }],
      activeDeadlineSeconds: 9,
      schedulingGates: [{ name: 'g' }],
    }),
  );
  assert.deepEqual(
    updateCauses(
      Pod,
      pod({
        tolerations: [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'Exists' },
        ],
        activeDeadlineSeconds: 5,
      }),
      old,
    ),
    [],
  );
  assert.deepEqual(updateCauses(Pod, pod({ activeDeadlineSeconds: 10, schedulingGates: [{ name: 'h' }] }), old), [
    'spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value',
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'h'",
  ]);
});

test('binding may set the node, ephemeral containers may only come, resizing leaves the quality of service', () => {
  const old = written(Pod, pod({}));
  const through = (subresource: string, spec: Spec): string[] =>
    (Pod.hooks.validateSubresource?.({ ...old, spec: { ...old.spec, ...spec } }, old, subresource) ?? []).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  assert.deepEqual(through('binding', { nodeName: 'node-1' }), []);
  assert.deepEqual(through('ephemeralcontainers', { ephemeralContainers: [] }), []);
  assert.deepEqual(
    through('resize', { containers: [{ ...old.spec.containers[0], resources: { requests: { cpu: '1' } } }] }),
    ['spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing'],
  );
});

test('an ended container of a pod that never restarts stays ended', () => {
  const status = (state: object) => ({
    containerStatuses: [{ name: 'web', state, lastState: {}, ready: false, restartCount: 0, image: '', imageID: '' }],
  });
  const old = { ...written(Pod, pod({ restartPolicy: 'Never' })) };
  const before = { ...old, status: { ...old.status, ...status({ terminated: { exitCode: 0 } }) } };
  const after = { ...old, status: { ...old.status, ...status({ running: {} }) } };
  assert.deepEqual(Pod.hooks.validateStatus?.(after as never, before as never), [
    {
      reason: 'FieldValueForbidden',
      field: 'status.containerStatuses[0].state',
      message: 'Forbidden: may not be transitioned to non-terminated state',
    },
  ]);
});

test('resizing changes cpu and memory, and takes nothing away', () => {
  const resources = { requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }, limits: { cpu: '2' } };
  const old = written(
    Pod,
    pod({
      containers: [
        { ...container, resources },
        { ...container, name: 'b' },
      ],
    }),
  );
  const [web, b] = old.spec.containers;
  const resized = (containers: readonly unknown[], more: object = {}): string[] =>
    (
      Pod.hooks.validateSubresource?.(
        { ...old, spec: { ...old.spec, containers } } as never,
        { ...old, ...more } as never,
        'resize',
      ) ?? []
    ).map(({ field, message }) => `${field}: ${message}`);
  const other = (change: object) => ({ ...web, resources: { ...web?.resources, ...change } });
  assert.deepEqual(resized([other({ requests: { ...resources.requests, cpu: '2', memory: '512Mi' } }), b]), []);
  assert.deepEqual(resized([other({ limits: undefined }), b]), [
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
  ]);
  assert.deepEqual(resized([other({ requests: { ...resources.requests, 'ephemeral-storage': '2Gi' } }), b]), [
    'spec: Forbidden: only cpu and memory resources are mutable',
  ]);
  assert.deepEqual(resized([b, web]), [
    'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
    'spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize',
  ]);
  assert.deepEqual(resized([web]), ['spec: Forbidden: containers may not be added or removed on resize']);
  const silent = { status: { phase: 'Running', qosClass: 'Burstable', containerStatuses: [{ name: 'web' }] } };
  assert.deepEqual(resized([web, b], silent), ['spec: Forbidden: Pod running on node without support for resize']);
  assert.deepEqual(resized([web, b], { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }), [
    ': Forbidden: static pods cannot be resized',
  ]);
});

test('a status keeps the quality of service that is not sent, and says the address of the pod in both ways', () => {
  const kept = (status: object, old: object = {}): object => keptStatus(status as never, old as never);
  const [one, two] = ['10.0.0.1', '10.0.0.2'];
  assert.deepEqual(kept({ phase: 'Running' }, { qosClass: 'Burstable' }), { phase: 'Running', qosClass: 'Burstable' });
  assert.deepEqual(kept({ podIP: one }), { podIP: one, podIPs: [{ ip: one }] });
  assert.deepEqual(kept({ podIPs: [{ ip: one }] }), { podIP: one, podIPs: [{ ip: one }] });
  assert.deepEqual(kept({ podIP: two, podIPs: [{ ip: one }] }), { podIP: two, podIPs: [{ ip: two }] });
  const both = { podIP: one, podIPs: [{ ip: one }, { ip: '2001:db8::1' }] };
  assert.deepEqual(kept(both), both);
  assert.deepEqual(kept({}), {});
});
