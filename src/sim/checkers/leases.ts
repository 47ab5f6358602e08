/**
 * A lease is taken from nobody who still holds it: it changes hands when its holder has given it up, or when it has not been renewed for as long as it says; each change of
 * hands is counted. Seen in the store, by the time that passes there.
 */
import type { Lease } from '#api/coordination/lease.ts';
import type { Millis } from '#world/world.ts';
import type { History } from '../trace.ts';

/** Times in a history are whole milliseconds, rounded down. */
const roundedMs: Millis = 1;

export function keptLeases(history: History, breach: (text: string) => void): void {
  const writtenAt = new Map<string, Millis>();
  history.listen(({ key, at, before, after }) => {
    if (!key.startsWith('/registry/leases/kube-system/')) return;
    const last = writtenAt.get(key) ?? at;
    writtenAt.set(key, at);
    const [old, now] = [before, after].map((each) => (each as unknown as Lease | undefined)?.spec);
    if (!old || !now) return;
    const { holderIdentity, leaseDurationSeconds = 0, leaseTransitions = 0 } = old;
    const isTaken = now.holderIdentity !== holderIdentity && !!now.holderIdentity;
    if (isTaken && now.leaseTransitions !== leaseTransitions + 1)
      breach(`${at} ${key}: the change of hands ${leaseTransitions} is followed by ${now.leaseTransitions}`);
    if (isTaken && holderIdentity && at - last + roundedMs < leaseDurationSeconds * 1_000)
      breach(
        `${at} ${key} was taken from ${holderIdentity} by ${now.holderIdentity}, ${at - last} ms after it had been renewed for ${leaseDurationSeconds} s`,
      );
  });
}
