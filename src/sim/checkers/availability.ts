/**
 * A ReplicaSet counts a pod as available when it has been ready for minReadySeconds, and not a moment before.
 */
import { controllerOf } from '#meta/object-meta.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Millis } from '#world/world.ts';
import { parseTime } from '#meta/time.ts';
import type { Written } from '../trace.ts';
import { epoch } from '../world/time.ts';

/** Times in objects are whole seconds, rounded down. */
const roundedMs: Millis = 1_000;
/** A controller may still count what it has not yet seen end. */
const lateMs: Millis = 10_000;

interface Span {
  readonly since: Millis;
  until: Millis | undefined;
}

export function countedAvailability(breach: (text: string) => void): (change: Written) => void {
  const spans = new Map<string, Map<string, Span>>();
  const isReady = (pod: Pod | undefined): boolean =>
    pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

  /** What the kubelet says, which may have been on its way for a while. */
  const readySince = (pod: Pod): Millis => {
    const { lastTransitionTime } = pod.status?.conditions?.find(({ type }) => type === 'Ready') ?? {};
    return (parseTime(lastTransitionTime ?? '') ?? Number.POSITIVE_INFINITY) - epoch;
  };

  function podChanged({ at, key, before, after }: Written): void {
    const [old, now] = [before, after] as unknown as (Pod | undefined)[];
    const owner = [after, before].map((each) => each && controllerOf(each)?.uid).find((uid) => uid !== undefined);
    if (owner === undefined || (isReady(old) === isReady(now) && spans.get(owner)?.has(key) === isReady(now))) return;
    const mine = spans.get(owner) ?? new Map<string, Span>();
    spans.set(owner, mine);
    const span = mine.get(key);
    if (isReady(now) && (!span || span.until !== undefined))
      mine.set(key, { since: Math.min(at, readySince(now as Pod)), until: undefined });
    else if (!isReady(now) && span) span.until ??= at;
  }

  return (change) => {
    const { at, key, before, after } = change;
    if (key.startsWith('/registry/pods/')) podChanged(change);
    if (!key.startsWith('/registry/replicasets/') || !after) return;
    const [old, now] = [before, after] as unknown as [ReplicaSet | undefined, ReplicaSet];
    const counted = now.status?.availableReplicas ?? 0;
    if (counted <= (old?.status?.availableReplicas ?? 0)) return;
    const readyMs = Math.min(now.spec.minReadySeconds ?? 0, old?.spec.minReadySeconds ?? 0) * 1_000;
    const available = [...(spans.get(now.metadata.uid)?.values() ?? [])].filter(
      ({ since, until }) => since <= at - readyMs + roundedMs && (until === undefined || until >= at - lateMs),
    ).length;
    if (counted > available)
      breach(`${at} ${key}: ${counted} are called available, and ${available} have been ready for ${readyMs} ms`);
  };
}
