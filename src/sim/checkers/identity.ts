/**
 * One pod for each identity of a StatefulSet: its name is the set's and its ordinal, and no two pods of a set that have not ended share an ordinal.
 */
import type { Pod } from '#api/core/pod.ts';
import { controllerOf, type AnyObject } from '#meta/object-meta.ts';
import type { Written } from '../trace.ts';

/** `objects`: what stands before the change. */
export function uniqueIdentities(
  objects: ReadonlyMap<string, AnyObject>,
  breach: (text: string) => void,
): (change: Written) => void {
  const ordinalOf = ({ metadata }: AnyObject): string | undefined =>
    metadata.labels?.['apps.kubernetes.io/pod-index'] ?? /-(\d+)$/.exec(metadata.name)?.[1];
  const hasEnded = (object: AnyObject): boolean =>
    ['Succeeded', 'Failed'].includes((object as unknown as Pod).status?.phase ?? '');

  return ({ at, key, before, after }) => {
    if (before || !after || !key.startsWith('/registry/pods/')) return;
    const owner = controllerOf(after);
    if (owner?.kind !== 'StatefulSet') return;
    const ordinal = ordinalOf(after);
    if (after.metadata.name !== `${owner.name}-${ordinal}`)
      breach(`${at} ${key} has no name of the StatefulSet ${owner.name}`);
    for (const [otherKey, other] of objects)
      if (
        otherKey.startsWith('/registry/pods/') &&
        controllerOf(other)?.uid === owner.uid &&
        ordinalOf(other) === ordinal &&
        !hasEnded(other)
      )
        breach(`${at} ${key} and ${otherKey} are both ${owner.name}-${ordinal}`);
  };
}
