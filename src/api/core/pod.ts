/**
 * Pod: the unit that is scheduled. Joins spec, status, defaults, rules and columns, each in a file of its own.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';
import { podStatus } from './pod-status.ts';

export const Pod = resource({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: {
    status: true,
    other: {
      attach: { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      binding: { kind: 'Binding', verbs: ['create'] },
      ephemeralcontainers: { kind: 'Pod', verbs: ['get', 'patch', 'update'] },
      eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
      exec: { kind: 'PodExecOptions', verbs: ['create', 'get'] },
      log: { kind: 'Pod', verbs: ['get'] },
      portforward: { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
      proxy: { kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
      resize: { kind: 'Pod', verbs: ['get', 'patch', 'update'] },
    },
  },
  name: 'core.v1.Pod',
  doc: 'A group of containers that are scheduled together onto one node and share its network and volumes.',
  fields: {
    spec: s
      .field(2, podSpec)
      .default({} as never)
      .doc('What should run.'),
    status: s.field(3, podStatus).default({}).doc('What was last seen of the pod; written by the kubelet.'),
  },
});
export type Pod = ObjectOf<typeof Pod>;
