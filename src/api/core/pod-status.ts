/** */
import { s, struct, t, type Of } from '#schema/type.ts';
import { resourceRequirements } from './resources.ts';

export const podCondition = struct('core.v1.PodCondition', {
  type: s.string(1).doc(''),
  observedGeneration: s.int64(7).optional().doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastProbeTime: s.time(3).optional().doc(''),
  lastTransitionTime: s.time(4).optional().doc(''),
  reason: s.string(5).optional().doc(''),
  message: s.string(6).optional().doc(''),
});
export interface PodCondition extends Of<typeof podCondition> {}

export const hostIP = struct('core.v1.HostIP', {
  ip: s.string(1).doc(''),
});
export interface HostIP extends Of<typeof hostIP> {}

export const podIP = struct('core.v1.PodIP', {
  ip: s.string(1).doc(''),
});
export interface PodIP extends Of<typeof podIP> {}

export const containerStateWaiting = struct('core.v1.ContainerStateWaiting', {
  reason: s.string(1).optional().doc(''),
  message: s.string(2).optional().doc(''),
});
export interface ContainerStateWaiting extends Of<typeof containerStateWaiting> {}

export const containerStateRunning = struct('core.v1.ContainerStateRunning', {
  startedAt: s.time(1).optional().doc(''),
});
export interface ContainerStateRunning extends Of<typeof containerStateRunning> {}

export const containerStateTerminated = struct('core.v1.ContainerStateTerminated', {
  exitCode: s.int32(1).default(0).doc(''),
  signal: s.int32(2).optional().doc(''),
  reason: s.string(3).optional().doc(''),
  message: s.string(4).optional().doc(''),
  startedAt: s.time(5).optional().doc(''),
  finishedAt: s.time(6).optional().doc(''),
  containerID: s.string(7).optional().doc(''),
});
export interface ContainerStateTerminated extends Of<typeof containerStateTerminated> {}

export const containerState = struct('core.v1.ContainerState', {
  waiting: s.field(1, containerStateWaiting).optional().doc(''),
  running: s.field(2, containerStateRunning).optional().doc(''),
  terminated: s.field(3, containerStateTerminated).optional().doc(''),
});
export interface ContainerState extends Of<typeof containerState> {}

export const imageVolumeStatus = struct('core.v1.ImageVolumeStatus', {
  imageRef: s.string(1).optional().doc(''),
});
export interface ImageVolumeStatus extends Of<typeof imageVolumeStatus> {}

export const volumeStatus = struct('core.v1.VolumeStatus', {
  image: s.field(1, imageVolumeStatus).optional().doc(''),
});
export interface VolumeStatus extends Of<typeof volumeStatus> {}

export const volumeMountStatus = struct('core.v1.VolumeMountStatus', {
  name: s.string(1).doc(''),
  mountPath: s.string(2).doc(''),
  readOnly: s.boolean(3).optional().doc(''),
  recursiveReadOnly: s.oneOf(4, 'Disabled', 'IfPossible', 'Enabled').optional().doc(''),
});
export interface VolumeMountStatus extends Of<typeof volumeMountStatus> {}

export const linuxContainerUser = struct('core.v1.LinuxContainerUser', {
  uid: s.int64(1).doc(''),
  gid: s.int64(2).doc(''),
  supplementalGroups: s.list(3, t.int64).optional().doc(''),
});
export interface LinuxContainerUser extends Of<typeof linuxContainerUser> {}

export const containerUser = struct('core.v1.ContainerUser', {
  linux: s.field(1, linuxContainerUser).optional().doc(''),
});
export interface ContainerUser extends Of<typeof containerUser> {}

export const resourceHealth = struct('core.v1.ResourceHealth', {
  resourceID: s.string(1).doc(''),
  health: s.oneOf(2, 'Healthy', 'Unhealthy', 'Unknown').optional().doc(''),
  message: s.string(6).optional().doc(''),
});
export interface ResourceHealth extends Of<typeof resourceHealth> {}

export const resourceStatus = struct('core.v1.ResourceStatus', {
  name: s.string(1).doc(''),
  resources: s
    .list(2, resourceHealth, { list: 'map', keys: ['resourceID'] })
    .optional()
    .doc(''),
});
export interface ResourceStatus extends Of<typeof resourceStatus> {}

export const containerStatus = struct('core.v1.ContainerStatus', {
  name: s.string(1).doc(''),
  state: s.field(2, containerState).default({}).doc(''),
  lastState: s.field(3, containerState).default({}).doc(''),
  ready: s.boolean(4).default(false).doc(''),
  restartCount: s.int32(5).default(0).doc(''),
  image: s.string(6).default('').doc(''),
  imageID: s.string(7).default('').doc(''),
  containerID: s.string(8).optional().doc(''),
  started: s.boolean(9).optional().doc(''),
  allocatedResources: s.map(10, t.quantity).optional().doc(''),
  resources: s.field(11, resourceRequirements).optional().doc(''),
  volumeMounts: s
    .list(12, volumeMountStatus, {
      list: 'map',
      keys: ['mountPath'],
      patch: { strategy: 'merge', mergeKey: 'mountPath' },
    })
    .optional()
    .doc(''),
  user: s.field(13, containerUser).optional().doc(''),
  allocatedResourcesStatus: s
    .list(14, resourceStatus, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
});
export interface ContainerStatus extends Of<typeof containerStatus> {}

export const podResourceClaimStatus = struct('core.v1.PodResourceClaimStatus', {
  name: s.string(1).doc(''),
  resourceClaimName: s.string(2).optional().doc(''),
});
export interface PodResourceClaimStatus extends Of<typeof podResourceClaimStatus> {}

export const containerExtendedResourceRequest = struct('core.v1.ContainerExtendedResourceRequest', {
  containerName: s.string(1).doc(''),
  resourceName: s.string(2).doc(''),
  requestName: s.string(3).doc(''),
});
export interface ContainerExtendedResourceRequest extends Of<typeof containerExtendedResourceRequest> {}

export const podExtendedResourceClaimStatus = struct('core.v1.PodExtendedResourceClaimStatus', {
  requestMappings: s.list(1, containerExtendedResourceRequest).doc(''),
  resourceClaimName: s.string(2).doc(''),
});
export interface PodExtendedResourceClaimStatus extends Of<typeof podExtendedResourceClaimStatus> {}

export const nodeAllocatableMappedResources = struct('core.v1.NodeAllocatableMappedResources', {
  name: s.string(1).doc(''),
  quantity: s.quantity(2).doc(''),
});
export interface NodeAllocatableMappedResources extends Of<typeof nodeAllocatableMappedResources> {}

export const nodeAllocatableOverheadResources = struct('core.v1.NodeAllocatableOverheadResources', {
  name: s.string(1).doc(''),
  perPod: s.quantity(2).optional().doc(''),
  perContainer: s.quantity(3).optional().doc(''),
});
export interface NodeAllocatableOverheadResources extends Of<typeof nodeAllocatableOverheadResources> {}

export const nodeAllocatableResourceClaimStatus = struct('core.v1.NodeAllocatableResourceClaimStatus', {
  resourceClaimName: s.string(1).doc(''),
  containers: s.list(2, t.string, { list: 'set' }).optional().doc(''),
  mapping: s
    .list(4, nodeAllocatableMappedResources, {
      list: 'map',
      keys: ['name'],
      patch: { strategy: 'merge', mergeKey: 'name' },
    })
    .optional()
    .doc(''),
  overhead: s
    .list(5, nodeAllocatableOverheadResources, {
      list: 'map',
      keys: ['name'],
      patch: { strategy: 'merge', mergeKey: 'name' },
    })
    .optional()
    .doc(''),
});
export interface NodeAllocatableResourceClaimStatus extends Of<typeof nodeAllocatableResourceClaimStatus> {}

export const volumeHealthCondition = struct('core.v1.VolumeHealthCondition', {
  status: s.oneOf(1, 'Inaccessible', 'DataLoss', 'Degraded').doc(''),
  reason: s.string(2).doc(''),
  message: s.string(3).optional().doc(''),
});
export interface VolumeHealthCondition extends Of<typeof volumeHealthCondition> {}

export const podVolumeHealth = struct('core.v1.PodVolumeHealth', {
  name: s.string(1).doc(''),
  healthConditions: s
    .list(2, volumeHealthCondition, {
      list: 'map',
      keys: ['status', 'reason'],
      patch: { strategy: 'merge', mergeKey: 'status' },
    })
    .optional()
    .doc(''),
  lastTransitionTime: s.time(3).optional().doc(''),
});
export interface PodVolumeHealth extends Of<typeof podVolumeHealth> {}

export const podStatus = struct('core.v1.PodStatus', {
  observedGeneration: s.int64(17).optional().doc(''),
  phase: s.oneOf(1, 'Pending', 'Running', 'Succeeded', 'Failed', 'Unknown').default('Pending').doc(''),
  conditions: s
    .list(2, podCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
  message: s.string(3).optional().doc(''),
  reason: s.string(4).optional().doc(''),
  nominatedNodeName: s.string(11).optional().doc(''),
  hostIP: s.string(5).optional().doc(''),
  hostIPs: s
    .list(16, hostIP, { patch: { strategy: 'merge', mergeKey: 'ip' } })
    .optional()
    .doc(''),
  podIP: s.string(6).optional().doc(''),
  podIPs: s
    .list(12, podIP, { list: 'map', keys: ['ip'], patch: { strategy: 'merge', mergeKey: 'ip' } })
    .optional()
    .doc(''),
  startTime: s.time(7).optional().doc(''),
  initContainerStatuses: s.list(10, containerStatus).optional().doc(''),
  containerStatuses: s.list(8, containerStatus).optional().doc(''),
  qosClass: s.oneOf(9, 'Guaranteed', 'Burstable', 'BestEffort').optional().doc(''),
  ephemeralContainerStatuses: s.list(13, containerStatus).optional().doc(''),
  resize: s.oneOf(14, 'InProgress', 'Deferred', 'Infeasible').optional().doc(''),
  resourceClaimStatuses: s
    .list(15, podResourceClaimStatus, {
      list: 'map',
      keys: ['name'],
      patch: { strategy: 'merge,retainKeys', mergeKey: 'name' },
    })
    .optional()
    .doc(''),
  extendedResourceClaimStatus: s.field(18, podExtendedResourceClaimStatus).optional().doc(''),
  allocatedResources: s.map(19, t.quantity).optional().doc(''),
  resources: s.field(20, resourceRequirements).optional().doc(''),
});
export interface PodStatus extends Of<typeof podStatus> {}
