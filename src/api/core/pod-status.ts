/**
 * PodStatus: what the kubelet has seen of a pod and its containers.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { volumeHealthCondition } from './persistentvolumeclaim.ts';
import { resourceRequirements } from './resources.ts';

export const podCondition = struct(
  'core.v1.PodCondition',
  {
    type: s.string(1).doc('What is observed: PodScheduled, Initialized, ContainersReady, Ready and others.'),
    observedGeneration: s.int64(7).optional().doc('The metadata.generation that the condition speaks of.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastProbeTime: s.time(3).optional().doc('When it was last checked.'),
    lastTransitionTime: s.time(4).optional().doc('When the status last changed.'),
    reason: s.string(5).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the pod's state." },
);
export interface PodCondition extends Of<typeof podCondition> {}

export const hostIP = struct(
  'core.v1.HostIP',
  {
    ip: s.string(1).doc('The address.'),
  },
  { doc: 'One address of the node.' },
);
export interface HostIP extends Of<typeof hostIP> {}

export const podIP = struct(
  'core.v1.PodIP',
  {
    ip: s.string(1).doc('The address.'),
  },
  { doc: 'One address of the pod.' },
);
export interface PodIP extends Of<typeof podIP> {}

export const containerStateWaiting = struct(
  'core.v1.ContainerStateWaiting',
  {
    reason: s.string(1).optional().doc('Why it waits, such as ContainerCreating or CrashLoopBackOff.'),
    message: s.string(2).optional().doc('The same for people.'),
  },
  { doc: 'The container is not running yet.' },
);
export interface ContainerStateWaiting extends Of<typeof containerStateWaiting> {}

export const containerStateRunning = struct(
  'core.v1.ContainerStateRunning',
  {
    startedAt: s.time(1).optional().doc('When it started.'),
  },
  { doc: 'The container runs.' },
);
export interface ContainerStateRunning extends Of<typeof containerStateRunning> {}

export const containerStateTerminated = struct(
  'core.v1.ContainerStateTerminated',
  {
    exitCode: s.int32(1).default(0).doc('Exit status of its process.'),
    signal: s.int32(2).optional().doc('The signal that ended it, if any.'),
    reason: s.string(3).optional().doc('Short reason, such as Completed, Error or OOMKilled.'),
    message: s.string(4).optional().doc('The termination message, or the end of the log when the policy says so.'),
    startedAt: s.time(5).optional().doc('When this run started.'),
    finishedAt: s.time(6).optional().doc('When it ended.'),
    containerID: s.string(7).optional().doc('ID of the ended container, <runtime>://<id>.'),
  },
  { doc: 'The container has ended.' },
);
export interface ContainerStateTerminated extends Of<typeof containerStateTerminated> {}

export const containerState = struct(
  'core.v1.ContainerState',
  {
    waiting: s.field(1, containerStateWaiting).optional().doc('Details of a waiting container.'),
    running: s.field(2, containerStateRunning).optional().doc('Details of a running container.'),
    terminated: s.field(3, containerStateTerminated).optional().doc('Details of an ended container.'),
  },
  { doc: 'At most one of its members is set; none means waiting.' },
);
export interface ContainerState extends Of<typeof containerState> {}

export const imageVolumeStatus = struct(
  'core.v1.ImageVolumeStatus',
  { imageRef: s.string(1).doc('The image with its digest.') },
  { doc: 'What was mounted of an image.' },
);

export const volumeStatus = struct(
  'core.v1.VolumeStatus',
  { image: s.field(1, imageVolumeStatus).off('ImageVolumeWithDigest').doc('The image of an image volume.') },
  { doc: 'State of a mounted volume, by its type.' },
);

export const volumeMountStatus = struct(
  'core.v1.VolumeMountStatus',
  {
    name: s.string(1).doc('Name of the VolumeMount.'),
    mountPath: s.string(2).doc('Path of the VolumeMount.'),
    readOnly: s.boolean(3).optional().doc('Whether it is mounted read-only.'),
    recursiveReadOnly: s
      .oneOf(4, 'Disabled', 'IfPossible', 'Enabled')
      .keepsZero()
      .optional()
      .doc('Whether all mounts below it are read-only too.'),
    volumeStatus: s.field(5, volumeStatus).off('ImageVolumeWithDigest').doc('More about the volume, by its type.'),
  },
  { doc: 'How a volume was mounted.' },
);
export interface VolumeMountStatus extends Of<typeof volumeMountStatus> {}

export const linuxContainerUser = struct(
  'core.v1.LinuxContainerUser',
  {
    uid: s.int64(1).doc('User ID.'),
    gid: s.int64(2).doc('Primary group ID.'),
    supplementalGroups: s.list(3, t.int64).optional().doc('Further groups.'),
  },
  { doc: "The identity of a Linux container's first process." },
);
export interface LinuxContainerUser extends Of<typeof linuxContainerUser> {}

export const containerUser = struct(
  'core.v1.ContainerUser',
  {
    linux: s.field(1, linuxContainerUser).optional().doc('Identity on Linux.'),
  },
  { doc: "The identity a container's first process started with." },
);
export interface ContainerUser extends Of<typeof containerUser> {}

export const resourceHealth = struct(
  'core.v1.ResourceHealth',
  {
    resourceID: s.string(1).doc('Unique name of the device.'),
    health: s.oneOf(2, 'Healthy', 'Unhealthy', 'Unknown').optional().doc('Healthy, Unhealthy or Unknown.'),
    message: s.string(6).keepsZero().optional().doc('Details for people.'),
  },
  { doc: 'Health of one device.' },
);
export interface ResourceHealth extends Of<typeof resourceHealth> {}

export const resourceStatus = struct(
  'core.v1.ResourceStatus',
  {
    name: s.string(1).doc('The resource, or claim:<claim>/<request>.'),
    resources: s
      .list(2, resourceHealth, { list: 'map', keys: ['resourceID'] })
      .optional()
      .doc('One entry for each device.'),
  },
  { doc: 'Health of the devices behind one resource.' },
);
export interface ResourceStatus extends Of<typeof resourceStatus> {}

export const containerStatus = struct(
  'core.v1.ContainerStatus',
  {
    name: s.string(1).doc('Name of the container in the spec.'),
    state: s.field(2, containerState).default({}).doc('What it does now.'),
    lastState: s.field(3, containerState).default({}).doc('How its previous run ended.'),
    ready: s.boolean(4).default(false).doc('Whether the readiness probe passes.'),
    restartCount: s.int32(5).default(0).doc('How often it was restarted.'),
    image: s.string(6).default('').doc('The image it runs.'),
    imageID: s.string(7).default('').doc('Digest of the image it runs.'),
    containerID: s.string(8).optional().doc('ID of the container, <runtime>://<id>.'),
    started: s
      .boolean(9)
      .keepsZero()
      .optional()
      .doc('Whether the startup probe has passed and postStart has returned.'),
    allocatedResources: s.map(10, t.quantity).optional().doc('Requests that the node has granted it.'),
    resources: s.field(11, resourceRequirements).optional().doc('Requests and limits that are in force.'),
    volumeMounts: s
      .list(12, volumeMountStatus, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['mountPath'],
        patch: { strategy: 'merge', mergeKey: 'mountPath' },
      })
      .optional()
      .doc('How its volumes are mounted.'),
    user: s.field(13, containerUser).optional().doc('The identity its first process started with.'),
    allocatedResourcesStatus: s
      .list(14, resourceStatus, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .optional()
      .doc('Health of the devices given to it.'),
    stopSignal: s.string(15).keepsZero().off('ContainerStopSignals').doc('The signal that ends the container.'),
  },
  { doc: 'What was last seen of one container.' },
);
export interface ContainerStatus extends Of<typeof containerStatus> {}

export const podResourceClaimStatus = struct(
  'core.v1.PodResourceClaimStatus',
  {
    name: s.string(1).doc('Name of the entry.'),
    resourceClaimName: s
      .string(2)
      .keepsZero()
      .optional()
      .doc('The ResourceClaim made for it; absent when none was needed.'),
  },
  { doc: 'The claim made for an entry of spec.resourceClaims.' },
);
export interface PodResourceClaimStatus extends Of<typeof podResourceClaimStatus> {}

export const containerExtendedResourceRequest = struct(
  'core.v1.ContainerExtendedResourceRequest',
  {
    containerName: s.string(1).doc('Name of the container.'),
    resourceName: s.string(2).doc('The extended resource.'),
    requestName: s.string(3).doc('The request in the special claim.'),
  },
  { doc: "Which device request stands behind a container's extended resource." },
);
export interface ContainerExtendedResourceRequest extends Of<typeof containerExtendedResourceRequest> {}

export const podExtendedResourceClaimStatus = struct(
  'core.v1.PodExtendedResourceClaimStatus',
  {
    requestMappings: s
      .list(1, containerExtendedResourceRequest)
      .doc('From containers and resources to requests in the claim.'),
    resourceClaimName: s.string(2).doc('The ResourceClaim that was made.'),
  },
  { doc: "The claim that backs the pod's extended resources." },
);
export interface PodExtendedResourceClaimStatus extends Of<typeof podExtendedResourceClaimStatus> {}

export const nodeAllocatableMappedResources = struct(
  'core.v1.NodeAllocatableMappedResources',
  { name: s.string(1).doc('Name of the resource.'), quantity: s.quantity(2).doc('How much of it.') },
  { doc: 'How much of one resource of the node the devices stand for.' },
);

export const nodeAllocatableOverheadResources = struct(
  'core.v1.NodeAllocatableOverheadResources',
  {
    name: s.string(1).doc('Name of the resource.'),
    perPod: s.quantity(2).optional().doc('How much each pod costs.'),
    perContainer: s.quantity(3).optional().doc('How much each container costs.'),
  },
  { doc: 'What the use of devices costs of one resource of the node.' },
);

export const nodeAllocatableResourceClaimStatus = struct(
  'core.v1.NodeAllocatableResourceClaimStatus',
  {
    resourceClaimName: s.string(1).doc('Name of the ResourceClaim.'),
    containers: s.list(2, t.string, { list: 'set' }).optional().doc('The containers that use it.'),
    mapping: s
      .list(4, nodeAllocatableMappedResources, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('Resources of the node that its devices stand for.'),
    overhead: s
      .list(5, nodeAllocatableOverheadResources, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('Resources of the node that the use of its devices costs.'),
  },
  { doc: 'Resources of the node that the pod has through a ResourceClaim.' },
);

export const podVolumeHealth = struct(
  'core.v1.PodVolumeHealth',
  {
    name: s.string(1).doc('Name of the volume.'),
    healthConditions: s
      .list(2, volumeHealthCondition, {
        list: 'map',
        keys: ['status', 'reason'],
        patch: { strategy: 'merge', mergeKey: 'status' },
      })
      .optional()
      .doc('What is wrong with it.'),
    lastTransitionTime: s.time(3).optional().doc('When that last changed.'),
  },
  { doc: 'How the node finds a volume of the pod.' },
);

export const podStatus = struct(
  'core.v1.PodStatus',
  {
    observedGeneration: s.int64(17).optional().doc('The metadata.generation that this status speaks of.'),
    phase: s
      .oneOf(1, 'Pending', 'Running', 'Succeeded', 'Failed', 'Unknown')
      .default('Pending')
      .doc('A summary: Pending, Running, Succeeded, Failed or Unknown.'),
    conditions: s
      .list(2, podCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('The state in detail: scheduled, initialized, containers ready, ready.'),
    message: s.string(3).optional().doc('Why the pod is in this state, for people.'),
    reason: s.string(4).optional().doc('Why the pod is in this state, one CamelCase word, such as Evicted.'),
    nominatedNodeName: s.string(11).optional().doc('The node on which room is being made for the pod.'),
    hostIP: s.string(5).optional().doc('Address of the node.'),
    hostIPs: s
      .list(16, hostIP, { patch: { strategy: 'merge', mergeKey: 'ip' } })
      .optional()
      .doc('All addresses of the node.'),
    podIP: s.string(6).optional().doc('Address of the pod inside the cluster.'),
    podIPs: s
      .list(12, podIP, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['ip'],
        patch: { strategy: 'merge', mergeKey: 'ip' },
      })
      .optional()
      .doc('All addresses of the pod, at most one of each family; podIP comes first.'),
    startTime: s.time(7).optional().doc('When the kubelet took the pod, before it pulled images.'),
    initContainerStatuses: s.list(10, containerStatus).optional().doc('State of each init container.'),
    containerStatuses: s.list(8, containerStatus).optional().doc('State of each container.'),
    qosClass: s
      .oneOf(9, 'Guaranteed', 'Burstable', 'BestEffort')
      .optional()
      .doc('Quality of service that follows from requests and limits.'),
    ephemeralContainerStatuses: s.list(13, containerStatus).optional().doc('State of each ephemeral container.'),
    resize: s
      .oneOf(14, 'InProgress', 'Deferred', 'Infeasible')
      .optional()
      .doc('Old summary of a resize in progress; the conditions tell more.'),
    resourceClaimStatuses: s
      .list(15, podResourceClaimStatus, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge,retainKeys', mergeKey: 'name' },
      })
      .optional()
      .doc('Claims made for the pod.'),
    extendedResourceClaimStatus: s
      .field(18, podExtendedResourceClaimStatus)
      .optional()
      .doc('The claim behind extended resources.'),
    allocatedResources: s
      .map(19, t.quantity)
      .optional()
      .doc('Requests that the node has granted to the pod as a whole.'),
    resources: s
      .field(20, resourceRequirements)
      .optional()
      .doc('Requests and limits of the pod as a whole that are in force.'),
    nodeAllocatableResourceClaimStatuses: s
      .list(21, nodeAllocatableResourceClaimStatus, {
        list: 'map',
        keys: ['resourceClaimName'],
        patch: { strategy: 'merge', mergeKey: 'resourceClaimName' },
      })
      .off('DRANodeAllocatableResources')
      .doc('Resources of the node that the pod has through claims.'),
    volumeHealth: s
      .list(22, podVolumeHealth, { list: 'map', keys: ['name'] })
      .off('CSIVolumeHealth')
      .doc('How the node finds the volumes of the pod.'),
  },
  { doc: 'What was last seen of the pod.' },
);
export interface PodStatus extends Of<typeof podStatus> {}
