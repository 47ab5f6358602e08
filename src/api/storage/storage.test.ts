import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dns1123Subdomain } from '#meta/names.ts';
import type { AnyKind } from '../kinds.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { CSIDriver } from './csidriver.ts';
import { CSINode } from './csinode.ts';
import { CSIStorageCapacity } from './csistoragecapacity.ts';
import { StorageClass } from './storageclass.ts';
import { VolumeAttachment } from './volumeattachment.ts';
import { VolumeAttributesClass } from './volumeattributesclass.ts';

const metadata = { name: 'fast' };
const attachment = (source: object): object => ({ spec: { attacher: 'csi.example.com', nodeName: 'n', source } });
const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
const inline = 'may not be specified in the context of inline volumes';

const cases: readonly [string, AnyKind, object, readonly string[]][] = [
  ['a class', StorageClass, { provisioner: 'example.com/disk' }, []],
  [
    'a class with everything wrong',
    StorageClass,
    {
      provisioner: 'a/b/c',
      parameters: { '': 'x' },
      reclaimPolicy: 'Recycle',
      volumeBindingMode: 'Later',
      allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: [] }] }],
    },
    [
      'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
      'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
      "provisioner: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
      'parameters: Invalid value: "": field can not be empty.',
    ],
  ],
  [
    'an attributes class without parameters',
    VolumeAttributesClass,
    { driverName: 'd', parameters: {} },
    ['parameters: Required value: must contain at least one key/value pair'],
  ],
  [
    'a driver that wants bad tokens',
    CSIDriver,
    {
      spec: {
        tokenRequests: [{ audience: 'a', expirationSeconds: 1 }, { audience: 'a' }],
        nodeAllocatableUpdatePeriodSeconds: 1,
      },
    },
    [
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds',
    ],
  ],
  [
    'a node with a driver twice',
    CSINode,
    { spec: { drivers: [{ name: 'd', nodeID: 'n', allocatable: { count: -1 } }, { name: 'd' }] } },
    [
      'spec.drivers[1].name: Duplicate value: "d"',
      'spec.drivers[1].nodeID: Required value',
      'spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'less than no capacity',
    CSIStorageCapacity,
    { storageClassName: 'fast', capacity: '-1' },
    ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  ['an attachment of nothing', VolumeAttachment, attachment({}), [`spec.source: Required value: ${one}`]],
  [
    'an attachment of two volumes',
    VolumeAttachment,
    attachment({ persistentVolumeName: 'pv', inlineVolumeSpec: {} }),
    [`spec.source: Forbidden: ${one}`],
  ],
  [
    'an attachment of an inline volume with a capacity',
    VolumeAttachment,
    attachment({ inlineVolumeSpec: { capacity: { storage: '1Gi' }, storageClassName: 'x' } }),
    [
      `spec.source.inlineVolumeSpec.capacity: Forbidden: ${inline}`,
      'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
      `spec.source.inlineVolumeSpec.storageClassName: Forbidden: ${inline}`,
      'spec.source.inlineVolumeSpec.accessModes: Required value',
      'spec.source.inlineVolumeSpec: Required value: must specify a volume type',
    ],
  ],
  [
    'an attachment of an inline volume with settings of its own',
    VolumeAttachment,
    attachment({
      inlineVolumeSpec: {
        accessModes: ['ReadWriteOnce'],
        csi: { driver: 'd', volumeHandle: 'h' },
        persistentVolumeReclaimPolicy: 'Delete',
        volumeMode: 'Block',
      },
    }),
    [
      'spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes',
      'spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes',
    ],
  ],
  [
    'an attachment by a driver with too long a name',
    VolumeAttachment,
    { spec: { attacher: 'a'.repeat(64), nodeName: 'n', source: { persistentVolumeName: 'pv' } } },
    ['spec.attacher: Too long: may not be more than 63 characters'],
  ],
  [
    'a driver with tokens nowhere, and modes that nobody knows',
    CSIDriver,
    { spec: { serviceAccountTokenInSecrets: true, volumeLifecycleModes: ['Persistent', 'Persistent', 'Odd'] } },
    [
      'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      'spec.volumeLifecycleModes: Unsupported value: "Odd": supported values: "Persistent", "Ephemeral"',
    ],
  ],
  [
    'a class of a place without labels',
    StorageClass,
    { provisioner: 'd', reclaimPolicy: '', allowedTopologies: [{}] },
    ['allowedTopologies[0].matchLabelExpressions: Duplicate value: ""'],
  ],
];
for (const [what, kind, fields, causes] of cases)
  test(`${what}: ${causes.length === 0 ? 'good' : 'refused'}`, () =>
    assert.deepEqual(createCauses(kind, { metadata, ...fields }), causes));

test('classes, drivers and attachments stay what they are', () => {
  const old = written(StorageClass, { metadata, provisioner: 'a' });
  assert.deepEqual(updateCauses(StorageClass, { metadata, provisioner: 'b', volumeBindingMode: 'Immediate' }, old), [
    'provisioner: Invalid value: null: field is immutable',
  ]);
  const attributes = written(VolumeAttributesClass, { metadata, driverName: 'a', parameters: { a: 'b' } });
  assert.deepEqual(
    updateCauses(VolumeAttributesClass, { metadata, driverName: 'b', parameters: { a: 'c' } }, attributes),
    [
      'driverName: Forbidden: updates to driverName are forbidden.',
      'parameters: Forbidden: updates to parameters are forbidden.',
    ],
  );
  const driver = written(CSIDriver, { metadata });
  assert.deepEqual(updateCauses(CSIDriver, { metadata, spec: { attachRequired: false } }, driver), [
    'spec.attachedRequired: Invalid value: false: field is immutable',
  ]);
  const attached = written(VolumeAttachment, { metadata, ...attachment({ persistentVolumeName: 'pv' }) } as never);
  const other = { metadata, spec: { ...attached.spec, attacher: 'A_b' } };
  assert.deepEqual(updateCauses(VolumeAttachment, other, attached), [
    'spec: Invalid value: null: field is immutable',
    `spec.attacher: Invalid value: "A_b": ${dns1123Subdomain('a_b')[0]}`,
  ]);
  const drivers = (nodeID: string, count: number): object => ({
    metadata,
    spec: { drivers: [{ name: 'd', nodeID, allocatable: { count } }] },
  });
  const node = written(CSINode, drivers('a', 1) as never);
  assert.deepEqual(updateCauses(CSINode, drivers('a', 2), node), []);
  assert.deepEqual(updateCauses(CSINode, drivers('b', 1), node), [
    'spec.drivers: Invalid value: {"Name":"d","NodeID":"b","TopologyKeys":null,"Allocatable":null}: field is immutable',
  ]);
});

test('tokens that may end up in a log are warned of when they are asked for', () => {
  const driver = written(CSIDriver, { metadata, spec: { tokenRequests: [{ audience: 'a' }] } } as never);
  assert.equal(CSIDriver.hooks.warnings?.(driver, undefined).length, 1);
  assert.deepEqual(CSIDriver.hooks.warnings?.(driver, driver), []);
});

test('a driver gets a generation when it is changed', () => {
  const driver = written(CSIDriver, { metadata });
  const changed = { ...driver, spec: { ...driver.spec, requiresRepublish: true } };
  assert.equal(driver.metadata.generation, undefined);
  assert.equal(CSIDriver.hooks.prepareUpdate?.(changed, driver).metadata.generation, 1);
});

test('an old label in a topology is warned of, and the default class shows', () => {
  const storage = written(StorageClass, {
    metadata: { ...metadata, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'a',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', values: ['a'] }] }],
  });
  assert.deepEqual(StorageClass.hooks.warnings?.(storage, undefined), [
    'allowedTopologies[0].matchLabelExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  ]);
  assert.equal(row(StorageClass, storage)['Name'], 'fast (default)');
});
