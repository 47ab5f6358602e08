import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { ControllerRevision } from './controllerrevision.ts';
import { DaemonSet } from './daemonset.ts';
import { Deployment } from './deployment.ts';
import { ReplicaSet } from './replicaset.ts';

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } };
const workload = (fields: object = {}): never =>
  ({ metadata: { name: 'web' }, spec: { selector: { matchLabels: labels }, template, ...fields } }) as never;

test('a deployment gets its defaults', () => {
  const { spec, status } = written(Deployment, workload());
  const { replicas, strategy, revisionHistoryLimit, progressDeadlineSeconds } = spec;
  assert.deepEqual([replicas, revisionHistoryLimit, progressDeadlineSeconds], [1, 10, 600]);
  assert.deepEqual(strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } });
  assert.equal(spec.template.spec.containers[0]?.imagePullPolicy, 'IfNotPresent');
  assert.equal(spec.template.spec.enableServiceLinks, undefined);
  assert.deepEqual(status, {});
  assert.deepEqual(written(Deployment, workload({ strategy: { type: 'Recreate' } })).spec.strategy, {
    type: 'Recreate',
  });
});

test('a daemon set gets its defaults, and counts its templates', () => {
  const old = written(DaemonSet, workload());
  assert.deepEqual(old.spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
  });
  assert.deepEqual(old.metadata.annotations, { 'deprecated.daemonset.template.generation': '1' });
  const next = {
    ...old,
    spec: { ...old.spec, template: { ...old.spec.template, metadata: { labels: { app: 'web', v: '2' } } } },
  };
  assert.deepEqual(DaemonSet.hooks.prepareUpdate?.(next, old).metadata.annotations, {
    'deprecated.daemonset.template.generation': '2',
  });
});

const mismatch =
  'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`';
const table: readonly [string, object, readonly string[]][] = [
  ['no selector', { selector: undefined }, ['spec.selector: Required value', mismatch]],
  [
    'an empty selector',
    { selector: {} },
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  ['a selector for others', { selector: { matchLabels: { app: 'other' } } }, [mismatch]],
  [
    'a bad operator',
    { selector: { matchExpressions: [{ key: 'a', operator: 'Near' }] } },
    [
      'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"Near"}]}: invalid label selector',
    ],
  ],
  [
    'no template',
    { template: undefined },
    [
      'spec.template.spec.containers: Required value',
      'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
    ],
  ],
  [
    'pods that end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'a deadline for pods',
    { template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } },
    ['spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported'],
  ],
  [
    'fewer than no replicas',
    { replicas: -1 },
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
];
for (const [what, fields, causes] of table) {
  for (const kind of [Deployment, ReplicaSet]) {
    test(`a ${kind.kind} may not have ${what}`, () => assert.deepEqual(createCauses(kind, workload(fields)), causes));
  }
}

const rolling = (maxUnavailable: unknown, maxSurge: unknown): object => ({
  strategy: { rollingUpdate: { maxUnavailable, maxSurge } },
});
const strategies: readonly [string, object, readonly string[]][] = [
  ['percentages', rolling('50%', '200%'), []],
  [
    'no pod to move',
    rolling(0, '0%'),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  [
    'more than all',
    rolling('101%', 0),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  ],
  [
    'no percentage',
    rolling('some', 1),
    [
      `spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "some": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
  ],
  [
    'less than none',
    rolling(-1, 1),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a surge when it recreates',
    { strategy: { type: 'Recreate', rollingUpdate: {} } },
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'an unknown strategy',
    { strategy: { type: 'Magic' } },
    [
      'spec.strategy: Unsupported value: {"Type":"Magic","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
    ],
  ],
  [
    'no time to progress',
    { progressDeadlineSeconds: 5, minReadySeconds: 5 },
    ['spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
  ],
];
for (const [what, fields, causes] of strategies)
  test(`a deployment with ${what}`, () => assert.deepEqual(createCauses(Deployment, workload(fields)), causes));

test('a daemon set surges or misses, not both and not neither', () => {
  const path = 'spec.updateStrategy.rollingUpdate';
  const of = (maxUnavailable: number, maxSurge: number): string[] =>
    createCauses(DaemonSet, workload({ updateStrategy: { rollingUpdate: { maxUnavailable, maxSurge } } }));
  assert.deepEqual(of(1, 1), [`${path}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`]);
  assert.deepEqual(of(0, 0), [`${path}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`]);
  assert.deepEqual(of(0, 1), []);
});

test('a daemon set without a selector has no pods, and an unknown strategy is told whole', () => {
  assert.deepEqual(createCauses(DaemonSet, workload({ selector: undefined })), [mismatch]);
  assert.deepEqual(createCauses(DaemonSet, workload({ updateStrategy: { type: 'Magic' } })), [
    'spec.updateStrategy: Unsupported value: {"Type":"Magic","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
  ]);
});

test('no counter of a status is negative, and an absent one is zero', () => {
  const causes = (kind: typeof Deployment | typeof ReplicaSet | typeof DaemonSet, status: object): string[] => {
    const old = written(kind, workload());
    const found = kind.hooks.validateStatus?.({ ...old, status } as never, old as never) ?? [];
    return found.map(({ field, message }) => `${field}: ${message}`);
  };
  const negative = 'Invalid value: -1: must be greater than or equal to 0';
  for (const [kind, fields] of [
    [Deployment, ['observedGeneration', 'unavailableReplicas', 'terminatingReplicas', 'collisionCount']],
    [ReplicaSet, ['observedGeneration', 'terminatingReplicas']],
    [DaemonSet, ['numberReady', 'numberUnavailable', 'desiredNumberScheduled', 'collisionCount']],
  ] as const)
    for (const field of fields)
      assert.deepEqual(causes(kind, { replicas: 0, [field]: -1 }), [`status.${field}: ${negative}`], kind.kind);
  assert.deepEqual(causes(ReplicaSet, { replicas: -1 }), [
    `status.replicas: ${negative}`,
    ...['fullyLabeled', 'ready', 'available'].map(
      (which) => `status.${which}Replicas: Invalid value: 0: cannot be greater than status.replicas`,
    ),
  ]);
});

test('a selector cannot be changed', () => {
  const other = {
    selector: { matchLabels: { app: 'x' } },
    template: { ...template, metadata: { labels: { app: 'x' } } },
  };
  for (const kind of [Deployment, ReplicaSet, DaemonSet]) {
    assert.deepEqual(updateCauses(kind, workload(other), written(kind, workload()) as never), [
      'spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable',
    ]);
  }
});

test('a status counts no more pods than there are', () => {
  const old = written(Deployment, workload());
  const next = { ...old, status: { replicas: 1, readyReplicas: 2, availableReplicas: 0 } };
  assert.deepEqual(Deployment.hooks.validateStatus?.(next, old), [
    {
      reason: 'FieldValueInvalid',
      field: 'status.readyReplicas',
      message: 'Invalid value: 2: cannot be greater than status.replicas',
    },
  ]);
});

test('a revision keeps its data', () => {
  const revision = (data: unknown): never => ({ metadata: { name: 'r' }, data, revision: 1 }) as never;
  assert.deepEqual(createCauses(ControllerRevision, revision(undefined)), ['data: Required value: data is mandatory']);
  assert.deepEqual(createCauses(ControllerRevision, revision('x')), [
    'data: Required value: data must be a valid JSON object',
  ]);
  assert.deepEqual(
    updateCauses(ControllerRevision, revision({ a: 2 }), written(ControllerRevision, revision({ a: 1 }))),
    ['data: Invalid value: {"a":2}: field is immutable'],
  );
});

test('the tables of workloads', () => {
  const deployment = {
    ...written(Deployment, workload({ replicas: 3 })),
    status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
  };
  assert.deepEqual(row(Deployment, deployment), {
    Name: 'web',
    Ready: '2/3',
    'Up-to-date': 3,
    Available: 1,
    Age: '5m',
    Containers: 'web',
    Images: 'nginx:1',
    Selector: 'app=web',
  });
  assert.deepEqual(row(ReplicaSet, written(ReplicaSet, workload())), {
    Name: 'web',
    Desired: 1,
    Current: 0,
    Ready: 0,
    Age: '5m',
    Containers: 'web',
    Images: 'nginx:1',
    Selector: 'app=web',
  });
  assert.deepEqual(row(DaemonSet, written(DaemonSet, workload())), {
    Name: 'web',
    Desired: 0,
    Current: 0,
    Ready: 0,
    'Up-to-date': 0,
    Available: 0,
    'Node Selector': '<none>',
    Age: '5m',
    Containers: 'web',
    Images: 'nginx:1',
    Selector: 'app=web',
  });
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'web', uid: 'u', controller: true };
  const revision = written(ControllerRevision, {
    metadata: { name: 'web-1', ownerReferences: [owner] },
    data: {},
    revision: 4,
  });
  assert.deepEqual(row(ControllerRevision, revision), {
    Name: 'web-1',
    Controller: 'daemonset.apps/web',
    Revision: 4,
    Age: '5m',
  });
});
