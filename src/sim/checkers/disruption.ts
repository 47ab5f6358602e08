/**
 * Evictions keep to disruption budgets: when one is announced on a pod, enough pods that were ready a moment ago and that nobody has evicted are left. Worked out from the
 * objects once more, on purpose not with the controller's numbers. Pods that crash or are deleted otherwise are not the evictions' fault.
 */
import type { Pod } from '#api/core/pod.ts';
import type { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import { controllerOf, type AnyObject } from '#meta/object-meta.ts';
import type { Millis } from '#world/world.ts';
import type { Written } from '../trace.ts';

/** Budgets are counted from views, which are a little behind. */
const windowMs: Millis = 10_000;

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const isEvicted = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(
    ({ type, status, reason }) =>
      type === 'DisruptionTarget' && status === 'True' && reason === 'EvictionByEvictionAPI',
  ) ?? false;

/** `objects`: what stands before the change. */
export function keptBudgets(
  objects: ReadonlyMap<string, AnyObject>,
  breach: (text: string) => void,
): (change: Written) => void {
  /** When a pod was seen ready last, though it may be gone by now. */
  const readyAt = new Map<string, { readonly pod: Pod; readonly at: Millis }>();

  const scaleOf = (pod: Pod): readonly [string, number] | undefined => {
    let owner = controllerOf(pod as unknown as AnyObject);
    for (;;) {
      const uid = owner?.uid;
      const found = [...objects.values()].find(({ metadata }) => metadata.uid === uid);
      if (uid === undefined || !found) return undefined;
      const above = controllerOf(found);
      if (!above) return [uid, (found as AnyObject & { spec: { replicas?: number } }).spec.replicas ?? 1];
      owner = above;
    }
  };
  const part = (value: number | string, whole: number): number =>
    typeof value === 'string' ? Math.ceil((Number.parseFloat(value) * whole) / 100) : value;

  return ({ at, key, before, after }) => {
    if (!key.startsWith('/registry/pods/')) return;
    const [old, now] = [before, after] as unknown as (Pod | undefined)[];
    for (const pod of [old, now]) if (pod && isReady(pod)) readyAt.set(pod.metadata.uid, { pod, at });
    if (!now || !isEvicted(now) || isEvicted(old) || !isReady(now)) return;
    const { namespace } = now.metadata;
    const inNamespace = [...objects]
      .filter(([each]) => each.startsWith(`/registry/pods/${namespace}/`) && each !== key)
      .map(([, object]) => object as unknown as Pod);
    for (const [budgetKey, object] of objects) {
      if (!budgetKey.startsWith(`/registry/poddisruptionbudgets/${namespace}/`)) continue;
      const { spec } = object as unknown as PodDisruptionBudget;
      const wanted = Object.entries((spec.selector as { matchLabels?: Record<string, string> })?.matchLabels ?? {});
      const covers = (pod: Pod): boolean => wanted.every(([label, value]) => pod.metadata.labels?.[label] === value);
      if (!spec.selector || !covers(now)) continue;
      const covered = inNamespace.filter(covers);
      const scales = new Map(
        [...covered, now].flatMap((pod) => [scaleOf(pod) ?? []]).filter((each) => each.length > 0) as [
          string,
          number,
        ][],
      );
      const expected = [...scales.values()].reduce((sum, each) => sum + each, 0);
      const { minAvailable, maxUnavailable } = spec;
      const least =
        maxUnavailable === undefined ? part(minAvailable ?? 0, expected) : expected - part(maxUnavailable, expected);
      const alive = new Set(covered.map(({ metadata }) => metadata.uid));
      const left = [...readyAt.values()].filter(
        ({ pod, at: seen }) =>
          pod.metadata.uid !== now.metadata.uid &&
          pod.metadata.namespace === namespace &&
          covers(pod) &&
          !isEvicted(pod) &&
          !covered.some((each) => each.metadata.uid === pod.metadata.uid && isEvicted(each)) &&
          (at - seen <= windowMs ||
            (alive.has(pod.metadata.uid) &&
              covered.some((each) => each.metadata.uid === pod.metadata.uid && isReady(each)))),
      ).length;
      if (left < least) breach(`${at} ${key} was evicted, which leaves ${left} of at least ${least} (${budgetKey})`);
    }
  };
}
