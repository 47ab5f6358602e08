/**
 * A device as its driver publishes it: attributes, capacity, where it can be used, what it shares with others, and its taints. Rules stand in `device-validation.ts`.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { nodeSelector } from '../core/node-selector.ts';

export const deviceTaint = struct(
  'resource.v1.DeviceTaint',
  {
    key: s.string(1).ruled().doc('Key of the taint, a label name.'),
    value: s.string(2).optional().doc('Value of the taint, a label value.'),
    effect: s
      .oneOf(3, 'NoExecute', 'NoSchedule', 'None')
      .doc(
        'What it does to claims that do not tolerate it. None: nothing, it only informs. NoSchedule: they do not get the device. NoExecute: also, pods that have it are evicted.',
      ),
    timeAdded: s.time(4).optional().doc('When it was added, or last changed its effect; the server fills it in.'),
  },
  { doc: 'Keeps claims away that do not tolerate it.' },
);
export interface DeviceTaint extends Of<typeof deviceTaint> {}

const deviceAttribute = struct(
  'resource.v1.DeviceAttribute',
  {
    int: s.int64(2).keepsZero().optional().doc('A number.'),
    bool: s.boolean(3).keepsZero().optional().doc('A truth value.'),
    string: s.string(4).keepsZero().optional().doc('A text of at most 64 bytes.'),
    version: s.string(5).keepsZero().optional().doc('A version as semver.org has it, of at most 64 bytes.'),
    ints: s.list(6, t.int64).off('DRAListTypeAttributes').doc('Several numbers.'),
    bools: s.list(7, t.boolean).off('DRAListTypeAttributes').doc('Several truth values.'),
    strings: s.list(8, t.string).off('DRAListTypeAttributes').doc('Several texts.'),
    versions: s.list(9, t.string).off('DRAListTypeAttributes').doc('Several versions.'),
  },
  { doc: 'The value of an attribute: exactly one field is given.' },
);
export interface DeviceAttribute extends Of<typeof deviceAttribute> {}

const capacityRequestPolicyRange = struct(
  'resource.v1.CapacityRequestPolicyRange',
  {
    min: s.quantity(1).optional().doc('The least that can be taken; needed.'),
    max: s.quantity(2).optional().doc('The most that can be taken.'),
    step: s.quantity(3).optional().doc('Amounts are min plus a multiple of it.'),
  },
  { doc: 'A range of amounts.' },
);
export interface CapacityRequestPolicyRange extends Of<typeof capacityRequestPolicyRange> {}

const capacityRequestPolicy = struct(
  'resource.v1.CapacityRequestPolicy',
  {
    default: s.quantity(1).optional().doc('How much a claim takes that does not say.'),
    validValues: s
      .list(3, t.quantity)
      .optional()
      .doc('Amounts that can be taken, in ascending order; other requests are rounded up. At most 10.'),
    validRange: s
      .field(4, capacityRequestPolicyRange)
      .optional()
      .doc('Range of amounts that can be taken; requests are rounded up.'),
  },
  { doc: 'Which amounts of a capacity can be taken: validValues, validRange, or any.' },
);
export interface CapacityRequestPolicy extends Of<typeof capacityRequestPolicy> {}

const deviceCapacity = struct(
  'resource.v1.DeviceCapacity',
  {
    value: s.quantity(1).ruled().doc('How much there is.'),
    requestPolicy: s
      .field(2, capacityRequestPolicy)
      .optional()
      .doc('How much a claim may take of a device that may be given several times.'),
  },
  { doc: 'A capacity of a device.' },
);
export interface DeviceCapacity extends Of<typeof deviceCapacity> {}

export const counter = struct(
  'resource.v1.Counter',
  { value: s.quantity(1).ruled().doc('The amount.') },
  { doc: 'An amount of something that devices share.' },
);

const deviceCounterConsumption = struct(
  'resource.v1.DeviceCounterConsumption',
  {
    counterSet: s.string(1).doc('The set of counters, from a slice of the same pool.'),
    counters: s.map(2, counter).doc('How much of each counter the device takes; at most 32.'),
    compatibilityGroups: s
      .list(3, t.string)
      .off('DRADeviceCompatibilityGroups')
      .doc('Devices that share counters must have a group in common.'),
  },
  { doc: 'What a device takes from a shared set.' },
);
export interface DeviceCounterConsumption extends Of<typeof deviceCounterConsumption> {}

const nodeAllocatableMapping = struct(
  'resource.v1.NodeAllocatableMapping',
  {
    capacityKey: s.string(1).keepsZero().optional().doc('Capacity of the device that the amount follows.'),
    capacityMultiplier: s.quantity(2).optional().doc('Amount for each unit of that capacity; needed with capacityKey.'),
    deviceMultiplier: s.quantity(3).optional().doc('Amount for each device.'),
  },
  { doc: "How much of a node's resource a device takes." },
);

const nodeAllocatableOverhead = struct(
  'resource.v1.NodeAllocatableOverhead',
  {
    perPod: s.quantity(1).optional().doc('Amount for each pod that uses the device.'),
    perContainer: s.quantity(2).optional().doc('Amount for each container that uses the device.'),
  },
  { doc: "How much of a node's resource the users of a device take besides." },
);

const nodeAllocatableResource = struct(
  'resource.v1.NodeAllocatableResource',
  {
    mapping: s.field(3, nodeAllocatableMapping).optional().doc('What the device takes.'),
    overhead: s.field(4, nodeAllocatableOverhead).optional().doc('What its users take besides.'),
  },
  { doc: "What a device takes of a node's resource." },
);

export const device = struct(
  'resource.v1.Device',
  {
    name: s.string(1).ruled().doc('Name of the device, a DNS label; unique in its pool.'),
    attributes: s
      .map(2, deviceAttribute)
      .optional()
      .doc("What the device is like. A key without a domain belongs to the driver's own. With capacity at most 32."),
    capacity: s.map(3, deviceCapacity).optional().doc('What the device has how much of. With attributes at most 32.'),
    consumesCounters: s
      .list(4, deviceCounterConsumption)
      .optional()
      .doc('What it takes from shared sets: a device can be given only while they hold enough. At most 2.'),
    nodeName: s.string(5).keepsZero().optional().doc('The node that has it; only with perDeviceNodeSelection.'),
    nodeSelector: s.field(6, nodeSelector).optional().doc('Nodes that can use it; only with perDeviceNodeSelection.'),
    allNodes: s
      .boolean(7)
      .keepsZero()
      .optional()
      .doc('True when every node can use it; only with perDeviceNodeSelection.'),
    taints: s.list(8, deviceTaint).optional().doc('Keep claims away that do not tolerate them; at most 16.'),
    bindsToNode: s
      .boolean(9)
      .keepsZero()
      .optional()
      .doc('Whether a claim that got it is bound to the node of its pod.'),
    bindingConditions: s
      .list(10, t.string)
      .optional()
      .doc("Types of conditions in the claim's status that must hold before pods start; at most 4."),
    bindingFailureConditions: s
      .list(11, t.string)
      .optional()
      .doc("Types of conditions in the claim's status that give the allocation up; at most 4."),
    allowMultipleAllocations: s
      .boolean(12)
      .keepsZero()
      .optional()
      .doc('Whether several requests may get it, each taking a part of its capacity.'),
    nodeAllocatableResources: s
      .map(14, nodeAllocatableResource)
      .off('DRANodeAllocatableResources')
      .doc("What it takes of its node's own resources, such as cpu and memory."),
  },
  { doc: 'One device.' },
);
export interface Device extends Of<typeof device> {}
