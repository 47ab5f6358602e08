import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, written } from '../written.ts';
import { defaultPullPolicy } from './pod-defaults.ts';
import { Pod } from './pod.ts';
import { container, pod } from './test-pods.ts';

test('a pod gets its defaults', () => {
  const { spec, status } = written(
    Pod,
    pod({ volumes: [{ name: 'scratch' }, { name: 'conf', configMap: { name: 'c' } }] }),
  );
  assert.deepEqual(spec.containers[0], {
    ...container,
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  });
  assert.deepEqual(spec.volumes, [
    { name: 'scratch', emptyDir: {} },
    { name: 'conf', configMap: { name: 'c', defaultMode: 420 } },
  ]);
  const {
    restartPolicy,
    dnsPolicy,
    terminationGracePeriodSeconds,
    schedulerName,
    enableServiceLinks,
    securityContext,
  } = spec;
  assert.deepEqual(
    [restartPolicy, dnsPolicy, terminationGracePeriodSeconds, schedulerName, enableServiceLinks, securityContext],
    ['Always', 'ClusterFirst', 30, 'default-scheduler', true, {}],
  );
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'BestEffort' });
});

test('limits are the default of requests, and host ports follow container ports on the host network', () => {
  const { spec, status } = written(
    Pod,
    pod({
      hostNetwork: true,
      containers: [
        { ...container, ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1', memory: '1Gi' } } },
      ],
    }),
  );
  assert.deepEqual(spec.containers[0]?.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '1', memory: '1Gi' },
  });
  assert.deepEqual(spec.containers[0]?.ports, [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }]);
  assert.equal(status.qosClass, 'Guaranteed');
});

test('a gated pod says so, and the old name of the service account is mirrored', () => {
  const { spec, status } = written(
    Pod,
    pod({ schedulingGates: [{ name: 'example.com/wait' }], serviceAccount: 'robot' }),
  );
  assert.equal(spec.serviceAccountName, 'robot');
  assert.equal(status.conditions?.[0]?.reason, 'SchedulingGated');
});

test('labels that affinity and spread refer to are copied from the pod', () => {
  const draft = {
    metadata: { name: 'web', labels: { hash: '1' } },
    spec: {
      containers: [container],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: {},
          matchLabelKeys: ['hash'],
        },
      ],
    },
  } as const;
  const { spec } = written(Pod, draft as never);
  assert.deepEqual(spec.topologySpreadConstraints?.[0]?.labelSelector, {
    matchExpressions: [{ key: 'hash', operator: 'In', values: ['1'] }],
  });
  assert.deepEqual(createCauses(Pod, draft), []);
});

test('the pull policy follows the tag', () => {
  for (const [image, policy] of [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['localhost:5000/nginx', 'Always'],
    ['localhost:5000/nginx:1', 'IfNotPresent'],
    [`nginx@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
    [`nginx:latest@sha256:${'0'.repeat(64)}`, 'Always'],
    // What is no reference has no tag either.
    ['nginx:latest@sha256:00', 'IfNotPresent'],
    ['Nginx', 'IfNotPresent'],
    ['not an image', 'IfNotPresent'],
    ['Example.com/nginx', 'Always'],
    // With docker.io's library before it the name is too long.
    ['a'.repeat(248), 'IfNotPresent'],
    ['a'.repeat(247), 'Always'],
  ]) {
    assert.equal(defaultPullPolicy(image), policy, image);
  }
});
