import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { StatefulSet } from './statefulset.ts';

const labels = { app: 'db' };
const container = { name: 'db', image: 'db:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
const template = { metadata: { labels }, spec: { containers: [container] } };
const claim = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
const set = (fields: object = {}): never =>
  ({
    metadata: { name: 'db' },
    spec: { selector: { matchLabels: labels }, serviceName: 'db', template, volumeClaimTemplates: [claim], ...fields },
  }) as never;

test('a stateful set gets its defaults', () => {
  const { spec, status } = written(StatefulSet, set());
  assert.deepEqual(
    [spec.replicas, spec.podManagementPolicy, spec.revisionHistoryLimit, spec.updateStrategy],
    [1, 'OrderedReady', 10, { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } }],
  );
  assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const [stored] = spec.volumeClaimTemplates ?? [];
  assert.deepEqual(
    [stored?.apiVersion, stored?.kind, stored?.spec.volumeMode, stored?.status],
    ['v1', 'PersistentVolumeClaim', 'Filesystem', { phase: 'Pending' }],
  );
  assert.deepEqual(status, { replicas: 0, availableReplicas: 0 });
});

const table: readonly [string, object, readonly string[]][] = [
  ['its claims as volumes', {}, []],
  [
    'an unknown order',
    { podManagementPolicy: 'Random' },
    ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'an unknown strategy',
    { updateStrategy: { type: 'Recreate' } },
    [
      'spec.updateStrategy: Invalid value: {"Type":"Recreate","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
    ],
  ],
  [
    'a rolling update on delete',
    { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
    [
      'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
    ],
  ],
  [
    'negative numbers',
    {
      replicas: -1,
      minReadySeconds: -1,
      ordinals: { start: -1 },
      updateStrategy: { rollingUpdate: { partition: -1 } },
    },
    [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'no pod that may be missing',
    { updateStrategy: { rollingUpdate: { maxUnavailable: '0%' } } },
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0'],
  ],
  [
    'an unknown end of claims',
    { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Burn' } },
    [
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Burn": supported values: "Retain", "Delete"',
    ],
  ],
  [
    'an empty selector',
    { selector: {} },
    ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
  ],
  [
    'pods that end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 3 } } },
    [
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
    ],
  ],
  [
    'no claim for its volume',
    { volumeClaimTemplates: [] },
    ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  ],
  [
    'an incomplete claim',
    { volumeClaimTemplates: [claim, { metadata: {}, spec: { accessModes: ['Sometimes'] } }] },
    [
      'spec.volumeClaimTemplates[1].spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.volumeClaimTemplates[1].spec.resources[storage]: Required value',
      'spec.template.spec.volumes[0].name: Required value',
      'spec.template.spec.volumes[0].persistentVolumeClaim.claimName: Required value',
    ],
  ],
];
for (const [what, fields, causes] of table)
  test(`a stateful set with ${what}`, () => assert.deepEqual(createCauses(StatefulSet, set(fields)), causes));

test('a name is the beginning of host names', () => {
  assert.deepEqual(createCauses(StatefulSet, { ...(set() as object), metadata: { name: 'a.b' } }).length, 1);
});

test('only size, template and policies may change', () => {
  const old = written(StatefulSet, set());
  const changes = {
    replicas: 3,
    minReadySeconds: 5,
    revisionHistoryLimit: 3,
    ordinals: { start: 2 },
    updateStrategy: { type: 'OnDelete' },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
    template: { ...template, spec: { containers: [{ ...container, image: 'db:2' }] } },
  };
  assert.deepEqual(updateCauses(StatefulSet, set(changes), old), []);
  const fixed: readonly (readonly [object, string])[] = [
    [{ serviceName: 'Other' }, 'spec.serviceName: Invalid value: "Other": field is immutable'],
    [{ podManagementPolicy: 'Parallel' }, 'spec.podManagementPolicy: Invalid value: "Parallel": field is immutable'],
    [{ volumeClaimTemplates: [] }, 'spec.volumeClaimTemplates: Invalid value: []: field is immutable'],
  ];
  for (const [fields, message] of fixed)
    assert.ok(updateCauses(StatefulSet, set(fields), old).includes(message), message);
});

test('the type of a claim is told by its place', () => {
  const { spec } = written(StatefulSet, set({ volumeClaimTemplates: [{ ...claim, apiVersion: 'v9', kind: 'X' }] }));
  const { apiVersion, kind } = spec.volumeClaimTemplates?.[0] ?? {};
  assert.deepEqual([apiVersion, kind], ['v1', 'PersistentVolumeClaim']);
});

test('a status counts no more pods than there are', () => {
  const old = { ...written(StatefulSet, set()), status: { replicas: 1, availableReplicas: 0, collisionCount: 2 } };
  const next = { ...old, status: { replicas: 1, readyReplicas: 2, updatedReplicas: 2, availableReplicas: 3 } };
  assert.deepEqual(
    StatefulSet.hooks.validateStatus?.(next, old).map(({ field, message }) => `${field}: ${message}`),
    [
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas',
      'status.collisionCount: Invalid value: 0: cannot be decremented',
    ],
  );
});

test('the table and the warnings of a stateful set', () => {
  const object = written(StatefulSet, set({ replicas: 3, revisionHistoryLimit: -1 }));
  assert.deepEqual(row(StatefulSet, { ...object, status: { ...object.status, readyReplicas: 2 } }), {
    Name: 'db',
    Ready: '2/3',
    Age: '5m',
    Containers: 'db',
    Images: 'db:1',
  });
  assert.deepEqual(StatefulSet.hooks.warnings?.(object, undefined), [
    'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
  ]);
});

test('who names the strategy of a stateful set and says no more is taken at the word', () => {
  const of = (updateStrategy: object): unknown => written(StatefulSet, set({ updateStrategy })).spec.updateStrategy;
  const rollingUpdate = { partition: 0, maxUnavailable: 1 };
  assert.deepEqual(of({}), { type: 'RollingUpdate', rollingUpdate });
  assert.deepEqual(of({ type: 'RollingUpdate' }), { type: 'RollingUpdate' });
  assert.deepEqual(of({ rollingUpdate: {} }), { type: 'RollingUpdate', rollingUpdate });
  assert.deepEqual(of({ type: 'OnDelete' }), { type: 'OnDelete' });
});
