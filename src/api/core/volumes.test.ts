/** PersistentVolumes and PersistentVolumeClaims. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { PersistentVolume } from './persistentvolume.ts';
import { PersistentVolumeClaim } from './persistentvolumeclaim.ts';

const volume = (fields: object = {}, metadata: object = {}): never =>
  ({
    metadata: { name: 'pv', ...metadata },
    spec: { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], nfs: { server: 's', path: '/x' }, ...fields },
  }) as never;
const claim = (fields: object = {}, metadata: object = {}): never =>
  ({
    metadata: { name: 'pvc', ...metadata },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...fields },
  }) as never;

test('a volume and a claim get their defaults', () => {
  const { spec, status } = written(PersistentVolume, volume());
  assert.deepEqual([spec.persistentVolumeReclaimPolicy, spec.volumeMode], ['Retain', 'Filesystem']);
  assert.deepEqual(status, { phase: 'Pending', lastPhaseTransitionTime: '2026-11-21T05:00:00Z' });
  const stored = written(PersistentVolumeClaim, claim());
  assert.deepEqual([stored.spec.volumeMode, stored.status], ['Filesystem', { phase: 'Pending' }]);
});

const modes = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"';
const nodes = (key: string): object => ({
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: ['a'] }] }] },
});
const volumes: readonly [string, object, readonly string[]][] = [
  ['a local disk of one node', { nfs: undefined, local: { path: '/d' }, nodeAffinity: nodes('x') }, []],
  [
    'nothing at all',
    { capacity: {}, accessModes: [], nfs: undefined },
    [
      'spec.capacity: Required value',
      'spec.capacity: Unsupported value: null: supported values: "storage"',
      'spec.accessModes: Required value',
      'spec: Required value: must specify a volume type',
    ],
  ],
  [
    'modes that do not go together',
    { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany', 'Odd'] },
    [
      `spec.accessModes: Unsupported value: "Odd": supported values: ${modes}`,
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
    ],
  ],
  [
    'another size beside its own',
    { capacity: { storage: '0', cpu: '1' } },
    [
      'spec.capacity: Unsupported value: {"cpu":"1","storage":"0"}: supported values: "storage"',
      'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
    ],
  ],
  [
    'three sources',
    { hostPath: { path: '/a/../b' }, cephfs: { monitors: ['m'] } },
    [
      'spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
      'spec.nfs: Forbidden: may not specify more than 1 volume type',
      'spec.cephFS: Forbidden: may not specify more than 1 volume type',
    ],
  ],
  [
    'a size below nothing',
    { capacity: { storage: '-100m' } },
    [
      'spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      'spec.capacity[storage]: Invalid value: "-100m": must be greater than zero',
    ],
  ],
  [
    'an empty source behind another, which is not looked into, and a flexVolume, which is never one too many',
    { rbd: {}, flexVolume: { options: { 'k8s.io/a': 'b' } } },
    [
      'spec.rbd: Forbidden: may not specify more than 1 volume type',
      'spec.flexVolume.driver: Required value',
      'spec.flexVolume.options[k8s.io/a]: Invalid value: "k8s.io/a": kubernetes.io and k8s.io namespaces are reserved',
    ],
  ],
  [
    'a path of the node of no known type',
    { nfs: undefined, hostPath: { path: '/a', type: 'Tape' } },
    [
      'spec.hostPath.type: Unsupported value: "Tape": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
  ],
  [
    'no terms for its nodes',
    { nodeAffinity: { required: {} } },
    ['spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term'],
  ],
  [
    'a local disk of no node',
    { nfs: undefined, local: { path: '/d' } },
    ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
  ],
  [
    'a node to recycle',
    { nfs: undefined, hostPath: { path: '/./' }, persistentVolumeReclaimPolicy: 'Recycle' },
    ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
  ],
  [
    'words that nobody knows',
    { persistentVolumeReclaimPolicy: 'Burn', volumeMode: 'Tape', storageClassName: 'Fast_1' },
    [
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
      'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
      "spec.storageClassName: Invalid value: \"Fast_1\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  ],
  [
    'attributes that no driver has',
    { volumeAttributesClassName: '' },
    [
      'spec.volumeAttributesClassName: Required value: an empty string is disallowed',
      'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
    ],
  ],
  [
    'a driver without handle and a secret without namespace',
    { nfs: undefined, csi: { driver: 'd', nodePublishSecretRef: { name: 's' } } },
    ['spec.csi.volumeHandle: Required value', 'spec.csi.nodePublishSecretRef.namespace: Required value'],
  ],
];
for (const [what, fields, causes] of volumes)
  test(`a volume with ${what}`, () => assert.deepEqual(createCauses(PersistentVolume, volume(fields)), causes));

test('where the data is never changes', () => {
  const old = written(PersistentVolume, volume({ nodeAffinity: nodes('failure-domain.beta.kubernetes.io/zone') }));
  const after = (fields: object): string[] =>
    updateCauses(PersistentVolume, volume({ nodeAffinity: old.spec.nodeAffinity, ...fields }), old);
  assert.deepEqual(after({ capacity: { storage: '6Gi' }, persistentVolumeReclaimPolicy: 'Delete' }), []);
  assert.deepEqual(after({ nodeAffinity: nodes('topology.kubernetes.io/zone') }), []);
  assert.match(
    after({ nodeAffinity: nodes('other') })[0] ?? '',
    /^nodeAffinity: Invalid value: .*: field is immutable, except for updating from beta label to GA$/,
  );
  assert.match(
    after({ nfs: { server: 's', path: '/y' } })[0] ?? '',
    /^spec\.persistentvolumesource: Forbidden: spec\.persistentvolumesource is immutable after creation\n.*-     path: "\/x",\n\+     path: "\/y",/s,
  );
  assert.deepEqual(after({ volumeMode: 'Block' }), ['volumeMode: Invalid value: "Block": field is immutable']);
});

test('a secret for growing may come later', () => {
  const csi = { driver: 'd.io', volumeHandle: 'h' };
  const old = written(PersistentVolume, volume({ nfs: undefined, csi }));
  const ref = { name: 's', namespace: 'n' };
  const next = volume({ nfs: undefined, csi: { ...csi, controllerExpandSecretRef: ref } });
  assert.deepEqual(updateCauses(PersistentVolume, next, old), []);
});

test('a change of phase is dated', () => {
  const old = written(PersistentVolume, volume());
  const now = '2026-11-21T06:00:00Z';
  const status = (fields: object) =>
    PersistentVolume.hooks.prepareStatus?.({ ...old, status: fields } as never, old, { now }).status;
  assert.deepEqual(status({ phase: 'Bound' }), { phase: 'Bound', lastPhaseTransitionTime: now });
  assert.deepEqual(status({ phase: 'Pending' }), old.status);
  const own = { phase: 'Bound', lastPhaseTransitionTime: '2026-11-21T05:30:00Z' };
  assert.deepEqual(status(own), own);
});

const claims: readonly [string, object, readonly string[]][] = [
  [
    'nothing at all',
    { accessModes: undefined, resources: undefined },
    ['spec.accessModes: Required value: at least 1 access mode is required', 'spec.resources[storage]: Required value'],
  ],
  [
    'less than nothing',
    { resources: { requests: { storage: '-1' } } },
    ['spec.resources[storage]: Invalid value: "-1": must be greater than zero'],
  ],
  [
    'a source of another kind',
    { dataSourceRef: { kind: 'Tape', name: 't' } },
    [
      'spec.dataSource: Invalid value: "Tape": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      'spec.dataSourceRef: Invalid value: "Tape": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
    ],
  ],
  [
    'two sources',
    {
      dataSource: { kind: 'PersistentVolumeClaim', name: 'a' },
      dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'b' },
    },
    ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
  ],
];
for (const [what, fields, causes] of claims)
  test(`a claim with ${what}`, () => assert.deepEqual(createCauses(PersistentVolumeClaim, claim(fields)), causes));

test('the old and the new source say the same; foreign kinds need the new one', () => {
  const source = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };
  for (const key of ['dataSource', 'dataSourceRef']) {
    const { spec } = written(PersistentVolumeClaim, claim({ [key]: source }));
    assert.deepEqual([spec.dataSource, spec.dataSourceRef], [source, source]);
  }
  const foreign = { apiGroup: 'example.com', kind: 'Tape', name: 't' };
  assert.equal(written(PersistentVolumeClaim, claim({ dataSource: foreign })).spec.dataSource, undefined);
  const elsewhere = { kind: 'PersistentVolumeClaim', name: 'a', namespace: 'other' };
  assert.equal(written(PersistentVolumeClaim, claim({ dataSourceRef: elsewhere })).spec.dataSourceRef, undefined);
  assert.deepEqual(createCauses(PersistentVolumeClaim, claim({ dataSourceRef: { apiGroup: 'a.b' } })), [
    'spec.dataSourceRef.kind: Required value',
    'spec.dataSourceRef.name: Required value',
    'spec.dataSource.name: Required value',
    'spec.dataSource.kind: Required value',
  ]);
});

test('only a bound claim grows, and nothing else about it changes', () => {
  const pending = written(PersistentVolumeClaim, claim({ storageClassName: 'slow' }));
  const bound = {
    ...pending,
    spec: { ...pending.spec, volumeName: 'pv' },
    status: { phase: 'Bound' as const, capacity: { storage: '1Gi' } },
  };
  const sized = (storage: string, fields: object = {}): never =>
    claim({ storageClassName: 'slow', resources: { requests: { storage } }, ...fields });
  const immutable =
    /^spec: Forbidden: spec is immutable after creation except resources\.requests and volumeAttributesClassName for bound claims\n/;
  assert.match(updateCauses(PersistentVolumeClaim, sized('2Gi'), pending)[0] ?? '', immutable);
  assert.deepEqual(updateCauses(PersistentVolumeClaim, sized('1Gi', { volumeName: 'pv' }), pending), []);
  assert.deepEqual(updateCauses(PersistentVolumeClaim, sized('2Gi', { volumeName: 'pv' }), bound), []);
  assert.deepEqual(updateCauses(PersistentVolumeClaim, sized('512Mi', { volumeName: 'pv' }), bound), [
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ]);
  const other = sized('1Gi', { volumeName: 'other' });
  assert.match(updateCauses(PersistentVolumeClaim, other, bound)[0] ?? '', immutable);
  const classed = { ...bound, spec: { ...bound.spec, volumeAttributesClassName: 'gold' } };
  assert.deepEqual(updateCauses(PersistentVolumeClaim, sized('1Gi', { volumeName: 'pv' }), classed), []);
  const applied = { ...classed, status: { ...classed.status, currentVolumeAttributesClassName: 'gold' } };
  const attributes = 'spec.volumeAttributesClassName: Forbidden: update to';
  const detail = 'is forbidden when status.currentVolumeAttributesClassName is not nil';
  assert.deepEqual(updateCauses(PersistentVolumeClaim, sized('1Gi', { volumeName: 'pv' }), applied), [
    `${attributes} nil ${detail}`,
  ]);
  const none = sized('1Gi', { volumeName: 'pv', volumeAttributesClassName: '' });
  assert.deepEqual(updateCauses(PersistentVolumeClaim, none, applied), [`${attributes} empty string ${detail}`]);
  assert.match(
    updateCauses(PersistentVolumeClaim, sized('1Gi', { volumeAttributesClassName: 'gold' }), pending)[0] ?? '',
    immutable,
  );
  const silver = sized('1Gi', { volumeName: 'pv', volumeAttributesClassName: 'silver' });
  assert.deepEqual(updateCauses(PersistentVolumeClaim, silver, classed), []);
});

test('a class may be given to a claim that has none', () => {
  const old = written(PersistentVolumeClaim, claim());
  assert.deepEqual(updateCauses(PersistentVolumeClaim, claim({ storageClassName: 'fast' }), old), []);
  const beta = { annotations: { 'volume.beta.kubernetes.io/storage-class': 'slow' } };
  const annotated = written(PersistentVolumeClaim, claim({}, beta));
  assert.deepEqual(updateCauses(PersistentVolumeClaim, claim({ storageClassName: 'slow' }, beta), annotated), []);
  assert.equal(updateCauses(PersistentVolumeClaim, claim({ storageClassName: 'fast' }, beta), annotated).length, 1);
});

test('the status of a claim speaks of storage', () => {
  const old = written(PersistentVolumeClaim, claim());
  const status = {
    phase: 'Bound' as const,
    capacity: { storage: '-1' },
    allocatedResourceStatuses: { cpu: 'Slowly' },
    allocatedResources: { 'example.com/blocks': '1', memory: '1' },
  };
  assert.deepEqual(
    PersistentVolumeClaim.hooks
      .validateStatus?.({ ...old, status }, old)
      .map(({ field, message }) => `${field}: ${message}`),
    [
      'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      'status.allocatedResourceStatuses: Unsupported value: "cpu": supported values: "storage"',
      'status.allocatedResourceStatuses: Unsupported value: "cpu": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"',
      'status.allocatedResources: Unsupported value: "memory": supported values: "storage"',
    ],
  );
});

test('the tables of volumes and claims', () => {
  const claimRef = { namespace: 'default', name: 'pvc' };
  const pv = written(PersistentVolume, volume({ claimRef, accessModes: ['ReadWriteMany', 'ReadWriteOnce'] }));
  assert.deepEqual(row(PersistentVolume, pv), {
    Name: 'pv',
    Capacity: '5Gi',
    'Access Modes': 'RWO,RWX',
    'Reclaim Policy': 'Retain',
    Status: 'Pending',
    Claim: 'default/pvc',
    StorageClass: '',
    VolumeAttributesClass: '<unset>',
    Reason: '',
    Age: '5m',
    VolumeMode: 'Filesystem',
  });
  const pvc = written(PersistentVolumeClaim, claim({ storageClassName: 'slow', volumeName: 'pv' }));
  const status = { phase: 'Bound' as const, capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'] };
  assert.deepEqual(row(PersistentVolumeClaim, { ...pvc, status }), {
    Name: 'pvc',
    Status: 'Bound',
    Volume: 'pv',
    Capacity: '5Gi',
    'Access Modes': 'RWO',
    StorageClass: 'slow',
    VolumeAttributesClass: '<unset>',
    Age: '5m',
    VolumeMode: 'Filesystem',
  });
});

test('old ways are warned of', () => {
  const beta = { annotations: { 'volume.beta.kubernetes.io/storage-class': 'slow' } };
  const fields = {
    nfs: undefined,
    glusterfs: { endpoints: 'e', path: '/' },
    persistentVolumeReclaimPolicy: 'Recycle',
    nodeAffinity: nodes('beta.kubernetes.io/os'),
  };
  const annotation =
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead';
  assert.deepEqual(PersistentVolume.hooks.warnings?.(written(PersistentVolume, volume(fields, beta)), undefined), [
    annotation,
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    'spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.glusterfs: deprecated in v1.25, non-functional in v1.26+',
  ]);
  const half = claim({ resources: { requests: { storage: '1500m' } } }, beta);
  assert.deepEqual(PersistentVolumeClaim.hooks.warnings?.(written(PersistentVolumeClaim, half), undefined), [
    annotation,
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
});
