/**
 * Which nodes should run a DaemonSet's pod, and how its pods are tied to them: by node affinity, so that the scheduler binds them like all others. Pure.
 */
import type { DaemonSet } from '#api/apps/daemonset.ts';
import { tolerates, wantsNode } from '#api/core/node-fit.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { PodSpec } from '#api/core/pod-spec.ts';
import type { Toleration } from '#api/core/tolerations.ts';

/** Daemons serve the node itself: they stay where others must go. */
const added: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const forHostNetwork: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

const templateSpec = (daemonSet: DaemonSet): PodSpec => daemonSet.spec.template.spec as PodSpec;

function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const present = spec.tolerations ?? [];
  const same = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.effect === b.effect && a.operator === b.operator && a.value === b.value;
  const more = [...added, ...(spec.hostNetwork ? [forHostNetwork] : [])];
  return [...present.filter((each) => !more.some((other) => same(each, other))), ...more];
}

export interface Fit {
  /** A pod should be started here. */
  readonly run: boolean;
  /** A pod that runs here may stay. */
  readonly stay: boolean;
}

export function fitOf(daemonSet: DaemonSet, node: Node): Fit {
  const spec = templateSpec(daemonSet);
  if ((spec.nodeName && spec.nodeName !== node.metadata.name) || !wantsNode(spec, node))
    return { run: false, stay: false };
  const tolerations = tolerationsOf(spec);
  const bad = (node.spec.taints ?? []).filter(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint),
  );
  return { run: bad.length === 0, stay: bad.every(({ effect }) => effect !== 'NoExecute') };
}

/** The pod spec for one node. */
export function specFor(daemonSet: DaemonSet, nodeName: string): unknown {
  const spec = templateSpec(daemonSet);
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  // wantsNode has judged the expressions already; the name alone must hold in every term.
  const nodeSelectorTerms = required
    ? required.nodeSelectorTerms.map((term) => ({ ...term, matchFields }))
    : [{ matchFields }];
  return {
    ...spec,
    tolerations: tolerationsOf(spec),
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
      },
    },
  };
}

/** The node a daemon pod runs on or is meant for. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  for (const term of pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    ?.nodeSelectorTerms ?? []) {
    const field = term.matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (field?.values?.length === 1) return field.values[0];
  }
  return undefined;
}
