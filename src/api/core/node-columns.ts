/** What `kubectl get nodes` shows; texts are those of upstream's printNode. */
import type { ObjectMeta } from '#meta/object-meta.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { NodeSpec, NodeStatus } from './node.ts';

interface NodeLike {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: NodeSpec;
  readonly status: NodeStatus;
}

const rolePrefix = 'node-role.kubernetes.io/';
const roleLabel = 'kubernetes.io/role';

function state({ spec, status }: NodeLike): string {
  const ready = status.conditions?.find((condition) => condition.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function roles({ metadata }: NodeLike): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) found.add(key.slice(rolePrefix.length));
    else if (key === roleLabel && value !== '') found.add(value);
  }
  return found.size === 0 ? '<none>' : [...found].sort().join(',');
}

const address = (node: NodeLike, type: string): string =>
  node.status.addresses?.find((one) => one.type === type)?.address ?? '<none>';

export const nodeColumns = [
  nameColumn,
  { name: 'Status', type: 'string', description: 'Whether the node is ready, and takes new pods.', cell: state },
  { name: 'Roles', type: 'string', description: 'Roles by label.', cell: roles },
  ageColumn,
  {
    name: 'Version',
    type: 'string',
    description: 'Version of the kubelet.',
    cell: (node: NodeLike) => node.status.nodeInfo.kubeletVersion,
  },
  {
    name: 'Internal-IP',
    type: 'string',
    priority: 1,
    description: 'Address inside the cluster.',
    cell: (node: NodeLike) => address(node, 'InternalIP'),
  },
  {
    name: 'External-IP',
    type: 'string',
    priority: 1,
    description: 'Address outside the cluster.',
    cell: (node: NodeLike) => address(node, 'ExternalIP'),
  },
  {
    name: 'OS-Image',
    type: 'string',
    priority: 1,
    description: 'Operating system.',
    cell: (node: NodeLike) => node.status.nodeInfo.osImage || '<unknown>',
  },
  {
    name: 'Kernel-Version',
    type: 'string',
    priority: 1,
    description: 'Version of the kernel.',
    cell: (node: NodeLike) => node.status.nodeInfo.kernelVersion || '<unknown>',
  },
  {
    name: 'Container-Runtime',
    type: 'string',
    priority: 1,
    description: 'Container runtime and its version.',
    cell: (node: NodeLike) => node.status.nodeInfo.containerRuntimeVersion || '<unknown>',
  },
] as const;
