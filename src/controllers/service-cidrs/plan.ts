/**
 * Guards ServiceCIDRs: each has a finalizer and a Ready condition, and one that is deleted waits until no address depends on it
 * (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/). Who gives addresses out is the API server.
 */
import { contains, parseCidr, parseIp, type Cidr } from '#base/cidr.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import { ServiceCIDR } from '#api/networking/servicecidr.ts';
import { status, update, wake, type Action } from '#runtime/action.ts';
import { controller, type Reader } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { withCondition } from '../conditions.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';

/** Other API servers must have seen the deletion, so that none gives out an address while the range goes. */
const graceMs: Millis = 10_000;

export const serviceCidrs = controller({
  name: 'service-cidr-controller',
  for: ServiceCIDR,
  reads: [IPAddress],
  watches: [
    {
      kind: IPAddress,
      wakes: function* ({ now }, read) {
        // Only an address that went can end a wait.
        if (now === undefined) yield* ending(read);
      },
    },
    { kind: ServiceCIDR, wakes: (_change, read) => ending(read) },
  ],
  *reconcile(range: ServiceCIDR, { of, now }): Iterable<Action> {
    const { metadata } = range;
    const finalizers = metadata.finalizers ?? [];
    if (metadata.deletionTimestamp === undefined) {
      if (finalizers.includes(finalizer)) yield ready(range, now, true);
      else yield update(ServiceCIDR, { ...range, metadata: { ...metadata, finalizers: [...finalizers, finalizer] } });
      return;
    }
    if (!finalizers.includes(finalizer)) return;
    if (isNeeded(range, { of })) {
      yield ready(range, now, false);
      return;
    }
    const left = (parseTime(metadata.deletionTimestamp) ?? now) + graceMs - now;
    if (left > 0) yield wake(left);
    else
      yield update(ServiceCIDR, {
        ...range,
        metadata: { ...metadata, finalizers: finalizers.filter((name) => name !== finalizer) },
      });
  },
});

function* ending(read: Reader): Generator<string> {
  for (const { metadata } of read.of(ServiceCIDR).all()) if (metadata.deletionTimestamp) yield metadata.name;
}

function ready(range: ServiceCIDR, now: Millis, isReady: boolean): Action {
  const conditions = withCondition(range.status.conditions, {
    type: 'Ready',
    status: isReady ? 'True' : 'False',
    reason: isReady ? '' : 'Terminating',
    message: isReady
      ? 'Kubernetes Service CIDR is ready'
      : 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
    lastTransitionTime: formatTime(now),
  });
  return status(ServiceCIDR, range, { ...range.status, conditions });
}

/** Whether an address would be left without a range. */
function isNeeded(range: ServiceCIDR, { of }: Reader): boolean {
  const others: Cidr[] = [];
  for (const { metadata, spec } of of(ServiceCIDR).all()) {
    if (metadata.name === range.metadata.name || metadata.deletionTimestamp) continue;
    others.push(...spec.cidrs.flatMap((text) => parseCidr(text) ?? []));
  }
  const own = range.spec.cidrs.flatMap((text) => parseCidr(text) ?? []);
  const alone = own.filter((cidr) => !others.some((other) => other.bits <= cidr.bits && contains(other, cidr.address)));
  if (alone.length === 0) return false;
  for (const { metadata } of of(IPAddress).all()) {
    if (metadata.labels?.['ipaddress.kubernetes.io/managed-by'] !== 'ipallocator.k8s.io') continue;
    const ip = parseIp(metadata.name);
    if (ip && alone.some((cidr) => contains(cidr, ip)) && !others.some((cidr) => contains(cidr, ip))) return true;
  }
  return false;
}
