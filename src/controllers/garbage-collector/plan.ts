/**
 * What the garbage collector would do about one object: the pure part
 * (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). Whether an owner really is gone is asked of the API by the shell, never concluded
 * from a view that may be behind.
 */
import type { AnyObject, OwnerReference } from '#meta/object-meta.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/** What is known of one owner reference. */
export interface OwnerState {
  readonly reference: OwnerReference;
  readonly state: 'present' | 'gone' | 'deletingDependents';
}

export type Verdict =
  | { readonly do: 'nothing' }
  /** The last owner is gone. */
  | { readonly do: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' }
  /** Some owners are gone, others hold it. */
  | { readonly do: 'drop references'; readonly uids: readonly string[] };

/** About an object with owners. `hasDependents`: something blocks on this object itself. */
export function judge(object: AnyObject, owners: readonly OwnerState[], hasDependents: boolean): Verdict {
  if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const gone = owners.filter(({ state }) => state === 'gone');
  const waiting = owners.filter(({ state }) => state === 'deletingDependents');
  if (owners.some(({ state }) => state === 'present')) {
    const uids = [...gone, ...waiting].map(({ reference }) => reference.uid);
    return uids.length > 0 ? { do: 'drop references', uids } : { do: 'nothing' };
  }
  if (waiting.length > 0 && hasDependents) return { do: 'delete', policy: 'Foreground' };
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(orphan)) return { do: 'delete', policy: 'Orphan' };
  if (finalizers.includes(foreground)) return { do: 'delete', policy: 'Foreground' };
  return { do: 'delete', policy: 'Background' };
}

/** Dependents whose end a foreground deletion of their owner waits for. */
export const blocking = (dependents: readonly AnyObject[], owner: { readonly uid: string }): readonly AnyObject[] =>
  dependents.filter((object) =>
    object.metadata.ownerReferences?.some(({ uid, blockOwnerDeletion }) => uid === owner.uid && blockOwnerDeletion),
  );
