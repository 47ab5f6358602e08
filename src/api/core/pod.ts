/**
 * Pod: the unit that is scheduled. Joins spec, status, defaults, rules and columns, each in a file of its own.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';
import { podStatus } from './pod-status.ts';
import { podColumns } from './pod-columns.ts';
import { fillPod } from './pod-defaults.ts';
import { freshStatus, keptStatus, withLabelsOfPod } from './pod-strategy.ts';
import {
  ephemeralContainersUpdateCauses,
  podStatusCauses,
  podUpdateCauses,
  resizeCauses,
} from './pod-update-validation.ts';
import { newPodCauses, podSpecCauses } from './pod-validation.ts';
import { nameWarnings, podWarnings } from './pod-warnings.ts';

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
  columns: podColumns,
  selectable: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy,
    'spec.schedulerName': ({ spec }) => spec.schedulerName,
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status.phase,
    'status.podIP': ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? '',
    'status.podIPs': ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status.nominatedNodeName ?? '',
  },
  hooks: {
    validateCreate: (pod) => [...podSpecCauses('spec', pod.spec, pod.metadata.name), ...newPodCauses(pod)],
    validateUpdate: (pod, old) => [...podUpdateCauses(pod, old)],
    validateSubresource: (pod, old, subresource) => {
      if (subresource === 'ephemeralcontainers') return [...ephemeralContainersUpdateCauses(pod, old)];
      return subresource === 'resize' ? [...resizeCauses(pod, old)] : [];
    },
    validateStatus: (pod, old) => [...podStatusCauses(pod, old)],
    warnings: (pod, old) => [...nameWarnings(pod.metadata, old, "the Pod's hostname"), ...podWarnings('', pod)],
    fill: (pod) => fillPod(pod),
    prepareCreate: (pod) => ({
      ...pod,
      spec: withLabelsOfPod(pod.spec, pod.metadata.labels),
      status: freshStatus(pod.spec, pod.metadata.creationTimestamp),
    }),
    prepareStatus: (pod, old) => ({ ...pod, status: keptStatus(pod.status, old.status) }),
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
