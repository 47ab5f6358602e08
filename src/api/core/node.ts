/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { taint } from './tolerations.ts';

export const configMapNodeConfigSource = struct('core.v1.ConfigMapNodeConfigSource', {
  namespace: s.string(1).doc(''),
  name: s.string(2).doc(''),
  uid: s.string(3).optional().doc(''),
  resourceVersion: s.string(4).optional().doc(''),
  kubeletConfigKey: s.string(5).doc(''),
});
export interface ConfigMapNodeConfigSource extends Of<typeof configMapNodeConfigSource> {}

export const nodeConfigSource = struct('core.v1.NodeConfigSource', {
  configMap: s.field(2, configMapNodeConfigSource).optional().doc(''),
});
export interface NodeConfigSource extends Of<typeof nodeConfigSource> {}

export const nodePodPreemptionPolicy = struct('core.v1.NodePodPreemptionPolicy', {
  disableResizePreemption: s.list(1, t.string, { list: 'set' }).optional().doc(''),
});
export interface NodePodPreemptionPolicy extends Of<typeof nodePodPreemptionPolicy> {}

export const nodeSpec = struct('core.v1.NodeSpec', {
  podCIDR: s.string(1).optional().doc(''),
  podCIDRs: s
    .list(7, t.string, { list: 'set', patch: { strategy: 'merge' } })
    .optional()
    .doc(''),
  providerID: s.string(3).optional().doc(''),
  unschedulable: s.boolean(4).optional().doc(''),
  taints: s.list(5, taint).optional().doc(''),
  configSource: s.field(6, nodeConfigSource).optional().doc(''),
  externalID: s.string(2).optional().doc(''),
});
export interface NodeSpec extends Of<typeof nodeSpec> {}

export const nodeCondition = struct('core.v1.NodeCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastHeartbeatTime: s.time(3).optional().doc(''),
  lastTransitionTime: s.time(4).optional().doc(''),
  reason: s.string(5).optional().doc(''),
  message: s.string(6).optional().doc(''),
});
export interface NodeCondition extends Of<typeof nodeCondition> {}

export const nodeAddress = struct('core.v1.NodeAddress', {
  type: s.string(1).doc(''),
  address: s.string(2).doc(''),
});
export interface NodeAddress extends Of<typeof nodeAddress> {}

export const daemonEndpoint = struct('core.v1.DaemonEndpoint', {
  Port: s.int32(1).default(0).doc(''),
});
export interface DaemonEndpoint extends Of<typeof daemonEndpoint> {}

export const nodeDaemonEndpoints = struct('core.v1.NodeDaemonEndpoints', {
  kubeletEndpoint: s.field(1, daemonEndpoint).default({}).doc(''),
});
export interface NodeDaemonEndpoints extends Of<typeof nodeDaemonEndpoints> {}

export const nodeSwapStatus = struct('core.v1.NodeSwapStatus', {
  capacity: s.int64(1).optional().doc(''),
});
export interface NodeSwapStatus extends Of<typeof nodeSwapStatus> {}

export const nodeSystemInfo = struct('core.v1.NodeSystemInfo', {
  machineID: s.string(1).default('').doc(''),
  systemUUID: s.string(2).default('').doc(''),
  bootID: s.string(3).default('').doc(''),
  kernelVersion: s.string(4).default('').doc(''),
  osImage: s.string(5).default('').doc(''),
  containerRuntimeVersion: s.string(6).default('').doc(''),
  kubeletVersion: s.string(7).default('').doc(''),
  kubeProxyVersion: s.string(8).default('').doc(''),
  operatingSystem: s.string(9).default('').doc(''),
  architecture: s.string(10).default('').doc(''),
  swap: s.field(11, nodeSwapStatus).optional().doc(''),
});
export interface NodeSystemInfo extends Of<typeof nodeSystemInfo> {}

export const containerImage = struct('core.v1.ContainerImage', {
  names: s.list(1, t.string).optional().doc(''),
  sizeBytes: s.int64(2).optional().doc(''),
});
export interface ContainerImage extends Of<typeof containerImage> {}

export const attachedVolume = struct('core.v1.AttachedVolume', {
  name: s.string(1).doc(''),
  devicePath: s.string(2).doc(''),
});
export interface AttachedVolume extends Of<typeof attachedVolume> {}

export const nodeConfigStatus = struct('core.v1.NodeConfigStatus', {
  assigned: s.field(1, nodeConfigSource).optional().doc(''),
  active: s.field(2, nodeConfigSource).optional().doc(''),
  lastKnownGood: s.field(3, nodeConfigSource).optional().doc(''),
  error: s.string(4).optional().doc(''),
});
export interface NodeConfigStatus extends Of<typeof nodeConfigStatus> {}

export const nodeRuntimeHandlerFeatures = struct('core.v1.NodeRuntimeHandlerFeatures', {
  recursiveReadOnlyMounts: s.boolean(1).optional().doc(''),
  userNamespaces: s.boolean(2).optional().doc(''),
});
export interface NodeRuntimeHandlerFeatures extends Of<typeof nodeRuntimeHandlerFeatures> {}

export const nodeRuntimeHandler = struct('core.v1.NodeRuntimeHandler', {
  name: s.string(1).optional().doc(''),
  features: s.field(2, nodeRuntimeHandlerFeatures).optional().doc(''),
});
export interface NodeRuntimeHandler extends Of<typeof nodeRuntimeHandler> {}

export const nodeFeatures = struct('core.v1.NodeFeatures', {
  supplementalGroupsPolicy: s.boolean(1).optional().doc(''),
});
export interface NodeFeatures extends Of<typeof nodeFeatures> {}

export const nodeStatus = struct('core.v1.NodeStatus', {
  capacity: s.map(1, t.quantity).optional().doc(''),
  allocatable: s.map(2, t.quantity).optional().doc(''),
  phase: s.oneOf(3, 'Pending', 'Running', 'Terminated').optional().doc(''),
  conditions: s
    .list(4, nodeCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
  addresses: s
    .list(5, nodeAddress, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
  daemonEndpoints: s.field(6, nodeDaemonEndpoints).default({}).doc(''),
  nodeInfo: s.field(7, nodeSystemInfo).default({}).doc(''),
  images: s.list(8, containerImage).optional().doc(''),
  volumesInUse: s.list(9, t.string).optional().doc(''),
  volumesAttached: s.list(10, attachedVolume).optional().doc(''),
  config: s.field(11, nodeConfigStatus).optional().doc(''),
  runtimeHandlers: s.list(12, nodeRuntimeHandler).optional().doc(''),
  features: s.field(13, nodeFeatures).optional().doc(''),
  declaredFeatures: s.list(14, t.string).optional().doc(''),
});
export interface NodeStatus extends Of<typeof nodeStatus> {}

export const Node = resource({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  scope: 'Cluster',
  subresources: {
    status: true,
    other: { proxy: { kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] } },
  },
  storagePrefix: 'minions',
  name: 'core.v1.Node',
  doc: '',
  fields: {
    spec: s.field(2, nodeSpec).default({}).doc(''),
    status: s.field(3, nodeStatus).default({}).doc(''),
  },
});
export type Node = ObjectOf<typeof Node>;
