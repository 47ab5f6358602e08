/**
 * Replacing a DaemonSet's pods after its template changed: either old pods go first (maxUnavailable), or new ones come first (maxSurge). Pure.
 */
import type { DaemonSet } from '#api/apps/daemonset.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Millis } from '#world/world.ts';
import { resolve } from '../deployment/replica-sets.ts';
import { isAvailable } from '../pod-facts.ts';

/** The pods of one node that should run one. */
export interface Place {
  readonly node: string;
  readonly pods: readonly Pod[];
}

export interface Step {
  readonly end: readonly Pod[];
  /** Nodes that get a second, new pod. */
  readonly surgeOn: readonly string[];
}

interface Parts {
  readonly places: readonly Place[];
  readonly isNew: (pod: Pod) => boolean;
  readonly now: Millis;
}

const settings = ({ spec }: DaemonSet) => spec.updateStrategy.rollingUpdate;

export const surgeOf = (daemonSet: DaemonSet, desired: number): number =>
  daemonSet.spec.updateStrategy.type === 'OnDelete' ? 0 : resolve(settings(daemonSet)?.maxSurge, desired, 'up');

/** With a surge of zero at least one pod may be missing. */
export function unavailableOf(daemonSet: DaemonSet, desired: number): number {
  const wanted = resolve(settings(daemonSet)?.maxUnavailable ?? 1, desired, 'up');
  return surgeOf(daemonSet, desired) === 0 ? Math.max(1, wanted) : wanted;
}

export function rollingStep(daemonSet: DaemonSet, parts: Parts): Step {
  const surge = surgeOf(daemonSet, parts.places.length);
  return surge > 0 ? withSurge(daemonSet, parts, surge) : withGaps(daemonSet, parts);
}

interface Pair {
  readonly now: Pod | undefined;
  readonly old: Pod | undefined;
}

/** The new and the old pod of a node that are not going; undefined while there are too many of one. */
function pairOf({ pods }: Place, isNew: Parts['isNew']): Pair | undefined {
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const fresh = staying.filter(isNew);
  const stale = staying.filter((pod) => !isNew(pod));
  return fresh.length > 1 || stale.length > 1 ? undefined : { now: fresh[0], old: stale[0] };
}

function withGaps(daemonSet: DaemonSet, { places, isNew, now }: Parts): Step {
  const available = (pod: Pod): boolean => isAvailable(pod, daemonSet.spec.minReadySeconds ?? 0, now);
  const most = unavailableOf(daemonSet, places.length);
  const sick: Pod[] = [];
  const candidates: Pod[] = [];
  let missing = 0;
  for (const place of places) {
    const pair = pairOf(place, isNew);
    if (pair?.now && available(pair.now)) continue;
    if (pair?.old && !pair.now && available(pair.old)) candidates.push(pair.old);
    else {
      missing++;
      // An old pod that serves nobody can go at once.
      if (pair?.old && !pair.now) sick.push(pair.old);
    }
  }
  return { end: [...sick, ...candidates.slice(0, Math.max(0, most - missing))], surgeOn: [] };
}

function withSurge(daemonSet: DaemonSet, { places, isNew, now }: Parts, most: number): Step {
  const available = (pod: Pod): boolean => isAvailable(pod, daemonSet.spec.minReadySeconds ?? 0, now);
  const end: Pod[] = [];
  const sick: string[] = [];
  const candidates: string[] = [];
  let surging = 0;
  for (const place of places) {
    const pair = pairOf(place, isNew);
    if (!pair) surging++;
    else if (pair.old && !pair.now) (available(pair.old) ? candidates : sick).push(place.node);
    else if (pair.old && pair.now) {
      if (available(pair.now)) end.push(pair.old);
      else surging++;
    }
  }
  return { end, surgeOn: [...sick, ...candidates.slice(0, Math.max(0, most - surging))] };
}
