/**
 * Small admission steps on pods and nodes: pods tolerate a sick node for five minutes
 * (DefaultTolerationSeconds), get the number of their priority class (Priority), and a new node is tainted until it is ready (TaintNodesByCondition).
 * See https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
 */
import { forbidden } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { AdmissionPlugin } from './admission.ts';

const tolerationSeconds = 300;
const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate({ kind, subresource, operation, object }) {
    if (kind.kind !== 'Pod' || kind.group !== '' || subresource !== undefined || operation !== 'CREATE') return object;
    const pod = object as unknown as Pod;
    const present = pod.spec.tolerations ?? [];
    const tolerates = (key: string): boolean =>
      present.some(
        (toleration) =>
          (toleration.key === key || !toleration.key) && (toleration.effect === 'NoExecute' || !toleration.effect),
      );
    const missing = [notReady, unreachable].filter((key) => !tolerates(key));
    if (missing.length === 0) return object;
    const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }));
    return { ...pod, spec: { ...pod.spec, tolerations: [...present, ...added] } } as unknown as AnyObject;
  },
};

/** The two classes that every cluster has. */
const systemPriorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

export const priority: AdmissionPlugin = {
  name: 'Priority',
  mutate({ kind, subresource, operation, object }) {
    if (kind.kind !== 'Pod' || kind.group !== '' || subresource !== undefined || operation !== 'CREATE') return object;
    const pod = object as unknown as Pod;
    const className = pod.spec.priorityClassName;
    const value = className ? systemPriorities[className] : 0;
    if (value === undefined)
      throw forbidden(
        { group: '', plural: 'pods' },
        pod.metadata.name ?? '',
        `no PriorityClass with name ${className} was found`,
      );
    if (pod.spec.priority !== undefined && pod.spec.priority !== value) {
      throw forbidden(
        { group: '', plural: 'pods' },
        pod.metadata.name ?? '',
        `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    }
    return {
      ...pod,
      spec: { ...pod.spec, priority: value, preemptionPolicy: pod.spec.preemptionPolicy ?? 'PreemptLowerPriority' },
    } as unknown as AnyObject;
  },
};

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate({ kind, subresource, operation, object }) {
    if (kind.kind !== 'Node' || kind.group !== '' || subresource !== undefined || operation !== 'CREATE') return object;
    const node = object as unknown as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => taint.key === notReady && taint.effect === 'NoSchedule')) return object;
    return {
      ...node,
      spec: { ...node.spec, taints: [...taints, { key: notReady, effect: 'NoSchedule' }] },
    } as unknown as AnyObject;
  },
};
