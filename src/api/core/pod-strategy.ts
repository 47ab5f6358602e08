/**
 * What the server sets when a pod is created: a fresh status with its quality of service, the condition of a gated pod, and the labels
 * that affinity terms and spread constraints copy from the pod itself (KEP-3633, KEP-3243).
 */
import type { LabelSelector } from '#schema/label-selector.ts';
import type { Affinity, PodAffinityTerm } from './affinity.ts';
import type { PodSpec } from './pod-spec.ts';
import { qualityOf } from './pod-quality.ts';
import type { PodStatus } from './pod-status.ts';
import type { TopologySpreadConstraint } from './tolerations.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** The status of a pod that nobody has looked at yet. */
export function freshStatus(spec: PodSpec, created: string | undefined): PodStatus {
  return {
    phase: 'Pending',
    qosClass: qualityOf(spec),
    ...(spec.schedulingGates?.length
      ? {
          conditions: [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'SchedulingGated',
              message: 'Scheduling is blocked due to non-empty scheduling gates',
              ...(created === undefined ? {} : { lastTransitionTime: created }),
            },
          ],
        }
      : {}),
  };
}

/**
 * A status as a write of it leaves it: the quality of service that is not sent stays, and the address and the list of addresses say the same. Where they differ the single
 * one counts, which older kubelets write alone.
 */
export function keptStatus(status: PodStatus, old: PodStatus): PodStatus {
  const { podIP, podIPs: [first] = [] } = status;
  const differs = podIP ? first?.ip !== podIP : first !== undefined;
  return {
    ...status,
    ...(status.qosClass === undefined && old.qosClass !== undefined ? { qosClass: old.qosClass } : {}),
    ...(!differs ? {} : podIP ? { podIPs: [{ ip: podIP }] } : { podIP: first?.ip ?? '' }),
  };
}

function withKeys(
  selector: LabelSelector | undefined,
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  labels: Labels,
) {
  if (selector === undefined || !keys?.length) return selector;
  const added = keys
    .filter((key) => labels?.[key] !== undefined)
    .map((key) => ({ key, operator, values: [labels?.[key] ?? ''] }));
  return added.length === 0
    ? selector
    : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

function withOwnLabels(term: PodAffinityTerm, labels: Labels): PodAffinityTerm {
  const selector = withKeys(
    withKeys(term.labelSelector, term.matchLabelKeys, 'In', labels),
    term.mismatchLabelKeys,
    'NotIn',
    labels,
  );
  return selector === undefined || selector === term.labelSelector ? term : { ...term, labelSelector: selector };
}

function copyLabels(affinity: Affinity, labels: Labels): Affinity {
  const side = (terms: NonNullable<Affinity['podAffinity']>): NonNullable<Affinity['podAffinity']> => ({
    ...terms,
    ...(terms.requiredDuringSchedulingIgnoredDuringExecution && {
      requiredDuringSchedulingIgnoredDuringExecution: terms.requiredDuringSchedulingIgnoredDuringExecution.map((term) =>
        withOwnLabels(term, labels),
      ),
    }),
    ...(terms.preferredDuringSchedulingIgnoredDuringExecution && {
      preferredDuringSchedulingIgnoredDuringExecution: terms.preferredDuringSchedulingIgnoredDuringExecution.map(
        // The checks come later: what they will refuse must pass here.
        (term) =>
          term.podAffinityTerm === undefined
            ? term
            : { ...term, podAffinityTerm: withOwnLabels(term.podAffinityTerm, labels) },
      ),
    }),
  });
  return {
    ...affinity,
    ...(affinity.podAffinity && { podAffinity: side(affinity.podAffinity) }),
    ...(affinity.podAntiAffinity && { podAntiAffinity: side(affinity.podAntiAffinity) }),
  };
}

function spread(constraint: TopologySpreadConstraint, labels: Labels): TopologySpreadConstraint {
  const selector = withKeys(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels);
  return selector === undefined || selector === constraint.labelSelector
    ? constraint
    : { ...constraint, labelSelector: selector };
}

/** The pod's spec with the labels that its terms refer to filled in; itself when no term does. */
export function withLabelsOfPod(spec: PodSpec, labels: Labels): PodSpec {
  const { affinity, topologySpreadConstraints } = spec;
  if (
    affinity?.podAffinity === undefined &&
    affinity?.podAntiAffinity === undefined &&
    !topologySpreadConstraints?.length
  )
    return spec;
  return {
    ...spec,
    ...(affinity && { affinity: copyLabels(affinity, labels) }),
    ...(topologySpreadConstraints && {
      topologySpreadConstraints: topologySpreadConstraints.map((one) => spread(one, labels)),
    }),
  };
}
