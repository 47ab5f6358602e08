/**
 * Small admission steps on pods and nodes: pods tolerate a sick node for five minutes (DefaultTolerationSeconds), and a new node is tainted until
 * it is ready (TaintNodesByCondition).
 * See https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { AdmissionPlugin } from './admission.ts';

const tolerationSeconds = 300;
const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  // Of updates too: who sends no tolerations takes none of these away.
  mutate({ kind, subresource, object }) {
    if (kind.kind !== 'Pod' || kind.group !== '' || subresource !== undefined) return object;
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
