/**
 * Counts what a namespace uses of its quotas: whenever one is new or changed, and when something has gone or ended. What is made is counted by the API server in the
 * transaction that makes it (admission), so this never runs ahead of it: a resource is recounted only from views that have seen the quota's last write.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { addQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { counts, isCounted, usageOf } from '#api/core/quota-usage.ts';
import type { Pod } from '#api/core/pod.ts';
import { ResourceQuota } from '#api/core/resourcequota.ts';
import type { AnyKind } from '#client/client.ts';
import { keyOf } from '#client/view.ts';
import { status, wake, type Action } from '#runtime/action.ts';
import { controller, type Reader, type Watch } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { isFinished } from '../pod-facts.ts';

const resyncMs: Millis = 5 * 60_000;
/** A view that is behind without being late has nothing new to see: its next bookmark says so. */
const behindMs: Millis = 1_000;

/** Events and leases come and go all the time and nobody limits them. */
const uncounted = new Set(['/events', 'events.k8s.io/events', 'coordination.k8s.io/leases', '/bindings']);

/** Of these an update may use less than before. */
const changing = new Set(['/services', '/persistentvolumeclaims', 'resource.k8s.io/resourceclaims']);

export function resourceQuotas(kinds: readonly AnyKind[]) {
  const counted = kinds.filter(
    (kind) =>
      kind.scope === 'Namespaced' &&
      !kind.storedAs &&
      kind.verbs.includes('watch') &&
      !uncounted.has(`${kind.group}/${kind.plural}`),
  );
  return controller({
    name: 'resourcequota-controller',
    for: ResourceQuota,
    watches: counted.map(watchOf),
    resyncMs,
    *reconcile(quota: ResourceQuota, { of, now }): Iterable<Action> {
      const { hard = {} } = quota.spec;
      const before = quota.status.used ?? {};
      const names = Object.keys(hard);
      const revision = Number(quota.metadata.resourceVersion);
      const used = new Map(names.map((name) => [name, before[name] ?? '0']));
      let isBehind = false;
      for (const kind of counted) {
        const mine = names.filter((name) => counts(kind, name));
        if (mine.length === 0) continue;
        // What was charged since cannot be in this view yet: the resources keep their count, unless they have none.
        const isLate = of(kind).revision < revision;
        isBehind ||= isLate;
        if (isLate && mine.every((name) => before[name] !== undefined)) continue;
        for (const [name, amount] of countIn(quota, { kind, names: mine, now, of })) used.set(name, amount.text);
      }
      const next = { hard, used: Object.fromEntries(used) };
      if (!deepEqual(next, { hard: quota.status.hard, used: quota.status.used }))
        yield status(ResourceQuota, quota, next);
      if (isBehind) yield wake(behindMs);
    },
  });
}

interface Counting {
  readonly kind: AnyKind;
  readonly names: readonly string[];
  readonly now: Millis;
  readonly of: Reader['of'];
}

function countIn({ metadata, spec }: ResourceQuota, { kind, names, now, of }: Counting): Map<string, Quantity> {
  const total = new Map(names.map((name) => [name, parseQuantity('0') as Quantity]));
  for (const object of of(kind).by('namespace', metadata.namespace ?? '') as readonly AnyObject[]) {
    if (!isCounted(spec, { kind, object, names })) continue;
    const usage = usageOf(kind, object, now);
    for (const name of names) {
      const amount = usage.get(name);
      if (amount !== undefined) total.set(name, addQuantities(total.get(name) as Quantity, amount));
    }
  }
  return total;
}

function watchOf(kind: AnyKind): Watch {
  return {
    kind,
    wakes: function* ({ old, now }, read) {
      if (old === undefined || !mayUseLess(kind, old, now)) return;
      for (const quota of read.of(ResourceQuota).by('namespace', old.metadata.namespace ?? '')) yield keyOf(quota);
    },
  };
}

function mayUseLess(kind: AnyKind, old: AnyObject, now: AnyObject | undefined): boolean {
  if (now === undefined) return true;
  if (kind.group === '' && kind.plural === 'pods') {
    const [before, after] = [old, now] as unknown as [Pod, Pod];
    return isFinished(before) !== isFinished(after) || !deepEqual(amountsOf(before), amountsOf(after));
  }
  return changing.has(`${kind.group}/${kind.plural}`);
}

const amountsOf = ({ spec }: Pod): unknown => spec.containers.map(({ resources }) => resources);
