/**
 * CSINode: the storage drivers of a node; the kubelet keeps it. Its name is the node's.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { csiDriverName, indexed, named, nonNegative, type Causes } from '../field-checks.ts';

const nodeIdMax = 256;

export const volumeNodeResources = struct(
  'storage.v1.VolumeNodeResources',
  { count: s.int32(1).keepsZero().optional().doc('How many volumes the node can take; no limit when absent.') },
  { doc: 'Limits of a driver on a node.' },
);

export const csiNodeDriver = struct(
  'storage.v1.CSINodeDriver',
  {
    name: s.string(1).doc('Name of the driver.'),
    nodeID: s.string(2).doc('What the driver calls this node.'),
    topologyKeys: s
      .list(3, t.string)
      .optional()
      .doc('Labels of the node that tell the driver where it stands; set when the driver was registered.'),
    allocatable: s.field(4, volumeNodeResources).optional().doc('How many volumes of the driver the node can take.'),
  },
  { doc: 'One driver on the node.' },
);
export interface CsiNodeDriver extends Of<typeof csiNodeDriver> {}

export const csiNodeSpec = struct(
  'storage.v1.CSINodeSpec',
  {
    drivers: s
      .list(1, csiNodeDriver, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .default([])
      .doc('The drivers; an empty list when all are gone.'),
  },
  { doc: 'The drivers of the node.' },
);
export interface CsiNodeSpec extends Of<typeof csiNodeSpec> {}

export const storageHealthCondition = struct(
  'storage.v1.StorageHealthCondition',
  {
    status: s.oneOf(1, 'StorageUnreachable', 'StorageDegraded').doc('What is wrong.'),
    reason: s.string(2).doc('Why: one CamelCase word.'),
    message: s.string(3).optional().doc('Why, for people.'),
    accessMode: s.string(4).keepsZero().optional().doc('The access mode it is about; all when absent.'),
    volumeMode: s.string(5).keepsZero().optional().doc('The volume mode it is about; all when absent.'),
    lastTransitionTime: s.time(6).optional().doc('When that last changed.'),
  },
  { doc: 'Something wrong with the storage of a driver.' },
);

export const storageHealth = struct(
  'storage.v1.StorageHealth',
  {
    name: s.string(1).doc('Name of the driver.'),
    healthConditions: s.list(2, storageHealthCondition).optional().doc('What is wrong.'),
  },
  { doc: 'How the node finds the storage of a driver.' },
);

export const csiNodeStatus = struct(
  'storage.v1.CSINodeStatus',
  {
    storageHealth: s
      .list(1, storageHealth, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .off('CSIVolumeHealth')
      .doc('How the node finds the storage of each driver.'),
  },
  { doc: 'What was last seen of the storage.' },
);

function* driverCauses({ drivers }: CsiNodeSpec): Causes {
  for (const [driver, at] of indexed('spec.drivers', drivers)) {
    yield* csiDriverName(`${at}.name`, driver.name || undefined);
    if (Buffer.byteLength(driver.nodeID ?? '') > nodeIdMax)
      yield invalidValue(`${at}.nodeID`, driver.nodeID, `must be ${nodeIdMax} characters or less`);
    yield* nonNegative(`${at}.allocatable.count`, driver.allocatable?.count);
    const keys = new Set<string>();
    for (const key of driver.topologyKeys ?? []) {
      if (key === '') yield required(at);
      if (keys.has(key)) yield duplicate(at, key);
      keys.add(key);
      yield* named(labelKey, at, key);
    }
  }
}

/** As upstream's own type has it. */
const internal = ({ name, nodeID, topologyKeys }: CsiNodeDriver): object => ({
  Name: name,
  NodeID: nodeID,
  TopologyKeys: topologyKeys ?? null,
  Allocatable: null,
});

/** A driver may come and go, and its limits may change; nothing else of it. */
function* changedCauses({ drivers }: CsiNodeSpec, { drivers: before }: CsiNodeSpec): Causes {
  for (const driver of drivers) {
    const old = before.find(({ name }) => name === driver.name);
    if (old === undefined) continue;
    const { allocatable: _now, ...now } = driver;
    const { allocatable: _then, ...then } = old;
    if (!deepEqual(now, then)) yield invalidValue('spec.drivers', internal(driver), immutableDetail);
  }
}

export const CSINode = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Drivers',
      type: 'integer',
      description: 'How many drivers the node has.',
      cell: ({ spec }) => spec.drivers.length,
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    generation: false,
    prepareCreate: (node) => ({ ...node, status: {} }),
    validateCreate: ({ spec }) => [...driverCauses(spec)],
    validateUpdate: ({ spec }, { spec: old }) => [...changedCauses(spec, old)],
  },
  name: 'storage.v1.CSINode',
  doc: 'The storage drivers of a node; the name is that of the Node.',
  fields: {
    spec: s.field(2, csiNodeSpec).default({}).doc('The drivers of the node.'),
    status: s.field(3, csiNodeStatus).default({}).doc('What was last seen of the storage.'),
  },
});
export type CSINode = ObjectOf<typeof CSINode>;
