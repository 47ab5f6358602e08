/**
 * Questions that every workload controller asks of a pod, and how a pod is made of a template. Pure; upstream's definitions.
 */
import { parseTime } from '#meta/time.ts';
import type { OwnerReference } from '#meta/object-meta.ts';
import type { Pod } from '#api/core/pod.ts';
import type { PodTemplateSpec } from '#api/core/pod-template.ts';
import type { Millis } from '#world/world.ts';

export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Counts towards replicas: neither finished nor going. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;

export const isReady = (pod: Pod): boolean => readyCondition(pod)?.status === 'True';

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: Millis): boolean {
  return isReady(pod) && availableIn(pod, minReadySeconds, now) <= 0;
}

/** Milliseconds until a ready pod counts as available; Infinity when it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: Millis): Millis {
  const ready = readyCondition(pod);
  if (ready?.status !== 'True') return Infinity;
  if (minReadySeconds <= 0) return 0;
  const since = parseTime(ready.lastTransitionTime ?? '');
  return since === undefined ? Infinity : since + minReadySeconds * 1000 - now;
}

const readyCondition = (pod: Pod) => pod.status?.conditions?.find((condition) => condition.type === 'Ready');

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Orders pods so that the ones that cost least to lose come first (upstream's ActivePodsWithRanks): unassigned, pending, not ready, lower deletion cost, more
 * crowded on their node, ready for less long, restarted more often, younger.
 */
export function cheapestFirst(pods: readonly Pod[], related: readonly Pod[], now: Millis): readonly Pod[] {
  const crowd = new Map<string, number>();
  for (const pod of related)
    if (pod.spec.nodeName && isActive(pod)) crowd.set(pod.spec.nodeName, (crowd.get(pod.spec.nodeName) ?? 0) + 1);
  const cost = (pod: Pod): number =>
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
  const readySince = (pod: Pod): number =>
    isReady(pod) ? (parseTime(readyCondition(pod)?.lastTransitionTime ?? '') ?? 0) : 0;
  const restarts = (pod: Pod): number =>
    Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
  // Ages are compared by powers of two, so that the choice among old pods is not always the same one.
  const bucket = (since: number): number => (since > 0 ? Math.floor(Math.log2(Math.max(1, (now - since) / 1000))) : -1);
  const created = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp) ?? 0;
  return pods.toSorted(
    (a, b) =>
      Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
      (phaseRank[a.status?.phase ?? 'Pending'] ?? 0) - (phaseRank[b.status?.phase ?? 'Pending'] ?? 0) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      cost(a) - cost(b) ||
      (crowd.get(b.spec.nodeName ?? '') ?? 0) - (crowd.get(a.spec.nodeName ?? '') ?? 0) ||
      bucket(readySince(a)) - bucket(readySince(b)) ||
      restarts(b) - restarts(a) ||
      bucket(created(a)) - bucket(created(b)) ||
      (a.metadata.uid < b.metadata.uid ? -1 : 1),
  );
}

/** A pod of a template, controlled by `owner`. */
export function podOf(
  template: PodTemplateSpec,
  owner: OwnerReference,
  place: { readonly namespace: string; readonly generateName?: string; readonly name?: string },
) {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    metadata: {
      ...(place.name === undefined ? {} : { name: place.name }),
      ...(place.generateName === undefined ? {} : { generateName: place.generateName }),
      namespace: place.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [owner],
    },
    spec: template.spec,
  };
}
