/**
 * ResourceClaim: a claim to devices, and which ones it got. Rules stand in `device-claim-validation.ts` and, of the status, in `resourceclaim-validation.ts`.
 */
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { nodeSelector } from '../core/node-selector.ts';
import { deviceConfiguration, deviceToleration, fillClaim, resourceClaimSpec } from './device-claim.ts';
import { deviceClaimCauses } from './device-claim-validation.ts';
import { claimStatusCauses } from './resourceclaim-validation.ts';

const skipNodeOperation = t.oneOf('*', 'NodePrepareResources', 'NodeUnprepareResources');

const deviceRequestAllocationResult = struct(
  'resource.v1.DeviceRequestAllocationResult',
  {
    request: s.string(1).doc('The request it is for, or <request>/<alternative>. A request may have several results.'),
    driver: s.string(2).doc('The driver of the device.'),
    pool: s.string(3).doc('The pool of the device; with driver and device it names one device.'),
    device: s.string(4).doc('Name of the device in its pool.'),
    adminAccess: s.boolean(5).keepsZero().optional().doc('True when the device was given for monitoring only.'),
    tolerations: s.list(6, deviceToleration).optional().doc("The request's tolerations at the time."),
    bindingConditions: s
      .list(7, t.string)
      .optional()
      .doc("The device's binding conditions at the time: types of conditions that must hold before pods start."),
    bindingFailureConditions: s
      .list(8, t.string)
      .optional()
      .doc("The device's binding failure conditions at the time: one of them gives the allocation up."),
    shareID: s.string(9).keepsZero().optional().doc('Tells the shares of one device apart.'),
    consumedCapacity: s
      .map(10, t.quantity)
      .optional()
      .doc("How much of each capacity is taken; the device's policy may have rounded it up."),
    skipNodeOperations: s
      .list(11, skipNodeOperation, { list: 'set' })
      .off('DRAOptionalNodeOperations')
      .doc('Calls of the driver that the kubelet leaves out for this device.'),
  },
  { doc: 'One device that a request got.' },
);
export interface DeviceRequestAllocationResult extends Of<typeof deviceRequestAllocationResult> {}

const deviceAllocationConfiguration = struct(
  'resource.v1.DeviceAllocationConfiguration',
  {
    source: s
      .oneOf(1, 'FromClaim', 'FromClass')
      .doc('Where the settings come from: FromClass or FromClaim. Those of the claim come later and win.'),
    requests: s.list(2, t.string).optional().doc('Requests it applies to; all when empty.'),
    ...inline(3, deviceConfiguration),
  },
  { doc: 'Settings for a driver, as they were when devices were given.' },
);
export interface DeviceAllocationConfiguration extends Of<typeof deviceAllocationConfiguration> {}

const deviceAllocationResult = struct(
  'resource.v1.DeviceAllocationResult',
  {
    results: s.list(1, deviceRequestAllocationResult).optional().doc('The devices.'),
    config: s
      .list(2, deviceAllocationConfiguration)
      .optional()
      .doc('Settings for their drivers, from class and claim.'),
  },
  { doc: 'The devices that were given.' },
);

const allocationResult = struct(
  'resource.v1.AllocationResult',
  {
    devices: s.field(1, deviceAllocationResult).default({}).doc('The devices.'),
    nodeSelector: s.field(3, nodeSelector).optional().doc('Nodes on which they can be used; all when absent.'),
    allocationTimestamp: s.time(5).optional().doc('When they were given; for devices with binding conditions.'),
  },
  { doc: 'What a claim got.' },
);
export interface AllocationResult extends Of<typeof allocationResult> {}

const resourceClaimConsumerReference = struct(
  'resource.v1.ResourceClaimConsumerReference',
  {
    apiGroup: s.string(1).optional().doc('Group of the consumer; empty is the core group.'),
    resource: s.string(3).doc('Resource of the consumer: pods.'),
    name: s.string(4).doc('Name of the consumer.'),
    uid: s.string(5).doc('UID of the consumer.'),
  },
  { doc: 'An object of the same namespace that uses the claim.' },
);

const networkDeviceData = struct(
  'resource.v1.NetworkDeviceData',
  {
    interfaceName: s.string(1).optional().doc('Name of the interface in the pod.'),
    ips: s.list(2, t.string).optional().doc('Its addresses with prefix length: 192.0.2.5/24, 2001:db8::5/64.'),
    hardwareAddress: s.string(3).optional().doc('Its MAC address or the like.'),
  },
  { doc: 'What is known of a network device.' },
);
export interface NetworkDeviceData extends Of<typeof networkDeviceData> {}

const allocatedDeviceStatus = struct(
  'resource.v1.AllocatedDeviceStatus',
  {
    driver: s.string(1).doc('The driver of the device.'),
    pool: s.string(2).doc('The pool of the device.'),
    device: s.string(3).doc('Name of the device in its pool.'),
    shareID: s.string(7).keepsZero().optional().doc('The share of the device, if it is shared.'),
    conditions: s
      .list(4, condition, { list: 'map', keys: ['type'] })
      .optional()
      .doc('State in detail; at most 8. A driver reports Ready here when the device is set up.'),
    data: s.any(5).optional().doc('What the driver wants to say, in its own form; at most 10 KiB.'),
    networkData: s.field(6, networkDeviceData).optional().doc('What is known of a network device.'),
  },
  { doc: 'What a driver says of a device that was given.' },
);
export interface AllocatedDeviceStatus extends Of<typeof allocatedDeviceStatus> {}

export const resourceClaimStatus = struct(
  'resource.v1.ResourceClaimStatus',
  {
    allocation: s.field(1, allocationResult).optional().doc('What the claim got; absent while it is pending.'),
    reservedFor: s
      .list(2, resourceClaimConsumerReference, {
        list: 'map',
        keys: ['uid'],
        patch: { strategy: 'merge', mergeKey: 'uid' },
      })
      .optional()
      .doc('Who may use the claim now; at most 256. A claim that is reserved is not taken back.'),
    devices: s
      .list(4, allocatedDeviceStatus, { list: 'map', keys: ['driver', 'device', 'pool', 'shareID'] })
      .optional()
      .doc('What drivers say of the devices.'),
  },
  { doc: 'What a claim got and who uses it.' },
);
export interface ResourceClaimStatus extends Of<typeof resourceClaimStatus> {}

export const ResourceClaim = resource({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'State',
      type: 'string',
      description: 'Summary of its state: allocated, pending, reserved, deleted.',
      cell: ({ metadata, status }) => {
        const deleted = metadata.deletionTimestamp !== undefined;
        const states = deleted ? ['deleted'] : [];
        if (status.allocation !== undefined) states.push('allocated');
        else if (!deleted) states.push('pending');
        if (status.allocation !== undefined && (status.reservedFor?.length ?? 0) > 0) states.push('reserved');
        return states.join(',');
      },
    },
    ageColumn,
  ],
  hooks: {
    // The spec cannot change, so there are no generations to count.
    generation: false,
    fill: (draft) => {
      const spec = draft.spec && fillClaim(draft.spec);
      return spec === draft.spec ? draft : ({ ...draft, spec } as typeof draft);
    },
    prepareCreate: (claim) => ({ ...claim, status: {} }),
    validateCreate: ({ spec }) => [...deviceClaimCauses('spec.devices', spec.devices)],
    validateStatus: (claim, old) => [...claimStatusCauses(claim, old)],
  },
  name: 'resource.v1.ResourceClaim',
  doc: 'A claim to devices, by a pod or several. The scheduler gives the devices when a pod needs them.',
  fields: {
    spec: s.field(2, resourceClaimSpec).frozen('null').default({}).doc('What is claimed. It cannot be changed.'),
    status: s.field(3, resourceClaimStatus).default({}).doc('What it got and who uses it.'),
  },
});
export type ResourceClaim = ObjectOf<typeof ResourceClaim>;
