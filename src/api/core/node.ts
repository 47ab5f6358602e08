/**
 * Node: a machine that runs pods. Its rules stand in `node-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { taint } from './tolerations.ts';
import { nodeColumns } from './node-columns.ts';
import { nodeCauses, nodeStatusCauses, nodeUpdateCauses, nodeWarnings } from './node-validation.ts';

export const configMapNodeConfigSource = struct(
  'core.v1.ConfigMapNodeConfigSource',
  {
    namespace: s.string(1).doc('Namespace of the ConfigMap.'),
    name: s.string(2).doc('Name of the ConfigMap.'),
    uid: s.string(3).optional().doc('UID of the ConfigMap.'),
    resourceVersion: s.string(4).optional().doc('Version of the ConfigMap.'),
    kubeletConfigKey: s.string(5).doc('Key with the settings.'),
  },
  { doc: 'Old: kubelet settings from a ConfigMap.' },
);
export interface ConfigMapNodeConfigSource extends Of<typeof configMapNodeConfigSource> {}

export const nodeConfigSource = struct(
  'core.v1.NodeConfigSource',
  {
    configMap: s.field(2, configMapNodeConfigSource).optional().doc('A ConfigMap.'),
  },
  { doc: 'Old: where kubelet settings come from.' },
);
export interface NodeConfigSource extends Of<typeof nodeConfigSource> {}

export const nodePodPreemptionPolicy = struct(
  'core.v1.NodePodPreemptionPolicy',
  {
    disableResizePreemption: s
      .list(1, t.string, { list: 'set' })
      .optional()
      .doc('Who asks that no pod is pushed out for the resize of another.'),
  },
  { doc: 'What pods of a node may not be pushed out for.' },
);

export const nodeSpec = struct(
  'core.v1.NodeSpec',
  {
    podCIDR: s.string(1).optional().doc("Addresses for the node's pods."),
    podCIDRs: s
      .list(7, t.string, { list: 'set', duplicates: 'allowed', patch: { strategy: 'merge' } })
      .optional()
      .doc('The same for each family; the first is podCIDR. Cannot be changed once set.'),
    providerID: s.string(3).optional().doc('How the cloud provider calls the node. Cannot be changed once set.'),
    unschedulable: s.boolean(4).optional().doc('When true, no new pods come here; set by cordon.'),
    taints: s.list(5, taint).optional().doc('Keep pods away that do not tolerate them.'),
    configSource: s.field(6, nodeConfigSource).optional().doc('Old and without effect.'),
    externalID: s.string(2).optional().doc('Old and without effect.'),
    podPreemptionPolicy: s
      .field(8, nodePodPreemptionPolicy)
      .off('InPlacePodVerticalScalingSchedulerPreemption')
      .doc('What pods of the node may not be pushed out for.'),
  },
  { doc: 'How a node takes part in the cluster.' },
);
export interface NodeSpec extends Of<typeof nodeSpec> {}

export const nodeCondition = struct(
  'core.v1.NodeCondition',
  {
    type: s.string(1).doc('What is observed: Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastHeartbeatTime: s.time(3).optional().doc('When it was last reported.'),
    lastTransitionTime: s.time(4).optional().doc('When the status last changed.'),
    reason: s.string(5).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of a node's state." },
);
export interface NodeCondition extends Of<typeof nodeCondition> {}

export const nodeAddress = struct(
  'core.v1.NodeAddress',
  {
    type: s.string(1).doc('Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.'),
    address: s.string(2).doc('The address or name.'),
  },
  { doc: 'One address or name of a node.' },
);
export interface NodeAddress extends Of<typeof nodeAddress> {}

export const daemonEndpoint = struct(
  'core.v1.DaemonEndpoint',
  {
    Port: s.int32(1).default(0).doc('Number of the port.'),
  },
  { doc: 'A port on which a daemon listens.' },
);
export interface DaemonEndpoint extends Of<typeof daemonEndpoint> {}

export const nodeDaemonEndpoints = struct(
  'core.v1.NodeDaemonEndpoints',
  {
    kubeletEndpoint: s.field(1, daemonEndpoint).default({}).doc('Where the kubelet listens.'),
  },
  { doc: 'Daemons of a node.' },
);
export interface NodeDaemonEndpoints extends Of<typeof nodeDaemonEndpoints> {}

export const nodeSwapStatus = struct(
  'core.v1.NodeSwapStatus',
  {
    capacity: s.int64(1).keepsZero().optional().doc('Bytes of swap.'),
  },
  { doc: 'Swap of a node.' },
);
export interface NodeSwapStatus extends Of<typeof nodeSwapStatus> {}

export const nodeSystemInfo = struct(
  'core.v1.NodeSystemInfo',
  {
    machineID: s.string(1).default('').doc('ID from /etc/machine-id.'),
    systemUUID: s.string(2).default('').doc('UUID of the machine.'),
    bootID: s.string(3).default('').doc('ID of this boot.'),
    kernelVersion: s.string(4).default('').doc('Version of the kernel.'),
    osImage: s.string(5).default('').doc('Name of the operating system.'),
    containerRuntimeVersion: s.string(6).default('').doc('Runtime and its version, <name>://<version>.'),
    kubeletVersion: s.string(7).default('').doc('Version of the kubelet.'),
    kubeProxyVersion: s.string(8).default('').doc('Old and empty.'),
    operatingSystem: s.string(9).default('').doc('linux or windows.'),
    architecture: s.string(10).default('').doc('Such as amd64 or arm64.'),
    swap: s.field(11, nodeSwapStatus).optional().doc('Swap of the node.'),
  },
  { doc: 'What a node is made of.' },
);
export interface NodeSystemInfo extends Of<typeof nodeSystemInfo> {}

export const containerImage = struct(
  'core.v1.ContainerImage',
  {
    names: s.list(1, t.string).optional().doc('Names by which it is known.'),
    sizeBytes: s.int64(2).optional().doc('Size in bytes.'),
  },
  { doc: 'An image on a node.' },
);
export interface ContainerImage extends Of<typeof containerImage> {}

export const attachedVolume = struct(
  'core.v1.AttachedVolume',
  {
    name: s.string(1).doc('Name of the volume.'),
    devicePath: s.string(2).doc('Path of the device.'),
  },
  { doc: 'A volume attached to a node.' },
);
export interface AttachedVolume extends Of<typeof attachedVolume> {}

export const nodeConfigStatus = struct(
  'core.v1.NodeConfigStatus',
  {
    assigned: s.field(1, nodeConfigSource).optional().doc('What the kubelet will try to use.'),
    active: s.field(2, nodeConfigSource).optional().doc('What it uses.'),
    lastKnownGood: s.field(3, nodeConfigSource).optional().doc('What it falls back to.'),
    error: s.string(4).optional().doc('What went wrong.'),
  },
  { doc: 'Old: state of kubelet settings from a ConfigMap.' },
);
export interface NodeConfigStatus extends Of<typeof nodeConfigStatus> {}

export const nodeRuntimeHandlerFeatures = struct(
  'core.v1.NodeRuntimeHandlerFeatures',
  {
    recursiveReadOnlyMounts: s.boolean(1).keepsZero().optional().doc('Mounts can be read-only recursively.'),
    userNamespaces: s.boolean(2).keepsZero().optional().doc('Pods can have user namespaces.'),
  },
  { doc: 'What a runtime handler can do.' },
);
export interface NodeRuntimeHandlerFeatures extends Of<typeof nodeRuntimeHandlerFeatures> {}

export const nodeRuntimeHandler = struct(
  'core.v1.NodeRuntimeHandler',
  {
    name: s.string(1).default('').doc('Name; empty for the default one.'),
    features: s.field(2, nodeRuntimeHandlerFeatures).optional().doc('What it can do.'),
  },
  { doc: 'One handler of the container runtime.' },
);
export interface NodeRuntimeHandler extends Of<typeof nodeRuntimeHandler> {}

export const nodeFeatures = struct(
  'core.v1.NodeFeatures',
  {
    supplementalGroupsPolicy: s
      .boolean(1)
      .keepsZero()
      .optional()
      .doc('Pods can choose the policy of supplemental groups.'),
  },
  { doc: 'What the container runtime can do.' },
);
export interface NodeFeatures extends Of<typeof nodeFeatures> {}

export const nodeStatus = struct(
  'core.v1.NodeStatus',
  {
    capacity: s.map(1, t.quantity).optional().doc('All resources of the node.'),
    allocatable: s.map(2, t.quantity).optional().doc('Resources that pods may use.'),
    phase: s.oneOf(3, 'Pending', 'Running', 'Terminated').optional().doc('Old and empty.'),
    conditions: s
      .list(4, nodeCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
    addresses: s
      .list(5, nodeAddress, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('How the node is reached.'),
    daemonEndpoints: s.field(6, nodeDaemonEndpoints).default({}).doc("Ports of the node's daemons."),
    nodeInfo: s.field(7, nodeSystemInfo).default({}).doc('What the node is made of.'),
    images: s.list(8, containerImage).optional().doc('Images on the node.'),
    volumesInUse: s.list(9, t.string).optional().doc('Attachable volumes that are in use.'),
    volumesAttached: s.list(10, attachedVolume).optional().doc('Volumes that are attached.'),
    config: s.field(11, nodeConfigStatus).optional().doc('Old and empty.'),
    runtimeHandlers: s.list(12, nodeRuntimeHandler).optional().doc('Handlers of the container runtime.'),
    features: s.field(13, nodeFeatures).optional().doc('What the container runtime can do.'),
    declaredFeatures: s.list(14, t.string).optional().doc("Features of this node's kubelet that pods may need."),
  },
  { doc: 'What was last seen of the node; written by its kubelet.' },
);
export interface NodeStatus extends Of<typeof nodeStatus> {}

/** The one range and the list say the same: each fills the other, and where they differ the one range counts. What has no effect goes. */
function withRanges<
  S extends { readonly podCIDR?: string; readonly podCIDRs?: readonly string[]; readonly configSource?: unknown },
>({ configSource: _, ...spec }: S): Omit<S, 'configSource'> {
  const { podCIDR, podCIDRs = [] } = spec;
  if (podCIDR) return podCIDRs[0] === podCIDR ? spec : { ...spec, podCIDRs: [podCIDR] };
  return podCIDRs[0] ? { ...spec, podCIDR: podCIDRs[0] } : spec;
}

const withoutConfig = ({ config: _, ...status }: NodeStatus): NodeStatus => status;

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
  columns: nodeColumns,
  selectable: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
  hooks: {
    generation: false,
    validateCreate: (node) => [...nodeCauses(node)],
    validateUpdate: (node, old) => [...nodeUpdateCauses(node, old)],
    validateStatus: (node) => [...nodeStatusCauses(node)],
    warnings: (node) => [...nodeWarnings(node)],
    // The state of settings that nobody can give any more.
    prepareCreate: (node) => ({ ...node, status: withoutConfig(node.status) }),
    prepareStatus: (node, old) =>
      old.status.config === undefined ? { ...node, status: withoutConfig(node.status) } : node,
    fill: (node) => {
      const filled = { ...node, spec: withRanges(node.spec ?? {}) };
      return node.status?.capacity === undefined || node.status.allocatable !== undefined
        ? filled
        : { ...filled, status: { ...node.status, allocatable: node.status.capacity } };
    },
  },
  name: 'core.v1.Node',
  doc: 'A machine that runs pods.',
  fields: {
    spec: s.field(2, nodeSpec).default({}).doc('How the node takes part in the cluster.'),
    status: s.field(3, nodeStatus).default({}).doc('What was last seen of the node.'),
  },
});
export type Node = ObjectOf<typeof Node>;
