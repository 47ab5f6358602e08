/**
 * ResourceSlice: devices that a driver publishes, a part of a pool. Rules stand in `resourceslice-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { nodeSelector } from '../core/node-selector.ts';
import { counter, device, type DeviceTaint } from './device.ts';
import { sliceCauses, sliceUpdateCauses } from './resourceslice-validation.ts';

const resourcePool = struct(
  'resource.v1.ResourcePool',
  {
    name: s.string(1).doc('Name of the pool: often that of its node. Parts are DNS subdomains, separated by slashes.'),
    generation: s
      .int64(2)
      .ruled()
      .doc('Raised by the driver with each change: only slices of the highest generation count.'),
    resourceSliceCount: s
      .int64(3)
      .default(0)
      .doc('How many slices this generation of the pool has: with fewer, consumers know that they do not see all.'),
  },
  { doc: 'The pool that a slice is a part of.' },
);

const counterSet = struct(
  'resource.v1.CounterSet',
  {
    name: s.string(1).doc('Name of the set, a DNS label; unique in the pool.'),
    counters: s.map(2, counter).doc('Counters with what they hold; at most 32.'),
  },
  { doc: 'Counters that devices of the pool share.' },
);
export interface CounterSet extends Of<typeof counterSet> {}

export const resourceSliceSpec = struct(
  'resource.v1.ResourceSliceSpec',
  {
    driver: s.string(1).doc('The driver that publishes the devices. It cannot be changed.'),
    pool: s.field(2, resourcePool).doc('The pool that the slice is a part of.'),
    nodeName: s.string(3).keepsZero().optional().doc('The node that has the devices. It cannot be changed.'),
    nodeSelector: s.field(4, nodeSelector).optional().doc('Nodes that can use the devices; one term.'),
    allNodes: s.boolean(5).keepsZero().optional().doc('True when every node can use the devices.'),
    devices: s
      .list(6, device)
      .optional()
      .doc('The devices; at most 128, or 64 with taints, counters or lists of values.'),
    perDeviceNodeSelection: s
      .boolean(7)
      .keepsZero()
      .optional()
      .doc('True when each device says itself which nodes can use it.'),
    sharedCounters: s
      .list(8, counterSet)
      .optional()
      .doc('Sets of counters that devices of the pool take from; at most 8. Not together with devices.'),
    partitionTypeAttribute: s
      .string(9)
      .keepsZero()
      .off('DRAPartitionableDevicesType')
      .doc(
        'Attribute that tells the kinds of partitions apart: every device that takes from counters has it, as a string.',
      ),
    skipNodeOperations: s
      .list(10, t.oneOf('*', 'NodePrepareResources', 'NodeUnprepareResources'), { list: 'set' })
      .off('DRAOptionalNodeOperations')
      .doc('Calls of the driver that the kubelet leaves out for these devices.'),
  },
  {
    doc: 'Devices and where they are. Exactly one of nodeName, nodeSelector, allNodes and perDeviceNodeSelection is given.',
  },
);
export interface ResourceSliceSpec extends Of<typeof resourceSliceSpec> {}

const isSame = (a: DeviceTaint, b: DeviceTaint): boolean =>
  a.key === b.key && (a.value ?? '') === (b.value ?? '') && a.effect === b.effect;

/** New taints get the time of the write; known ones keep theirs. */
function stamped(
  spec: ResourceSliceSpec,
  old: ResourceSliceSpec | undefined,
  time: string | undefined,
): ResourceSliceSpec {
  if (
    time === undefined ||
    !spec.devices?.some(({ taints }) => taints?.some(({ timeAdded }) => timeAdded === undefined))
  )
    return spec;
  const devices = spec.devices.map((one) => {
    if (!one.taints?.some(({ timeAdded }) => timeAdded === undefined)) return one;
    const before = old?.devices?.find(({ name }) => name === one.name)?.taints ?? [];
    const taints = one.taints.map((taint) =>
      taint.timeAdded === undefined
        ? { ...taint, timeAdded: before.find((known) => isSame(known, taint))?.timeAdded ?? time }
        : taint,
    );
    return { ...one, taints };
  });
  return { ...spec, devices };
}

export const ResourceSlice = resource({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'Node',
      type: 'string',
      description: 'The node that has the devices.',
      cell: ({ spec }) => spec.nodeName ?? '<unset>',
    },
    { name: 'Driver', type: 'string', description: 'The driver that publishes them.', cell: ({ spec }) => spec.driver },
    { name: 'Pool', type: 'string', description: 'The pool they are in.', cell: ({ spec }) => spec.pool.name },
    ageColumn,
  ],
  selectable: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
  hooks: {
    generation: true,
    prepareCreate: (slice) => {
      const spec = stamped(slice.spec, undefined, slice.metadata.creationTimestamp);
      return spec === slice.spec ? slice : { ...slice, spec };
    },
    stampUpdate: (slice, old, now) => {
      const spec = stamped(slice.spec, old.spec, now);
      return spec === slice.spec ? slice : { ...slice, spec };
    },
    validateCreate: ({ spec }) => [...sliceCauses(spec)],
    validateUpdate: ({ spec }, { spec: old }) => [...sliceUpdateCauses(spec, old)],
    warnings: ({ spec }) =>
      spec.driver === spec.driver.toLowerCase()
        ? []
        : [`spec.driver: driver names should be lowercase; "${spec.driver}" contains uppercase characters`],
  },
  name: 'resource.v1.ResourceSlice',
  doc: 'Devices of one driver, in a pool. Drivers publish and renew them; a pool may have several slices.',
  fields: {
    spec: s
      .field(2, resourceSliceSpec)
      .default({} as never)
      .doc('Devices and where they are.'),
  },
});
export type ResourceSlice = ObjectOf<typeof ResourceSlice>;
