/**
 * What a plan wants done, as values. A plan yields actions in order; the runner carries them out, adjacent creates and removes in growing batches, and stops at
 * the first failure: the next reconcile starts from what is then true.
 */
import type { AnyObject, DraftMeta } from '#meta/object-meta.ts';
import type { AnyKind, DeleteOptions, Patch } from '#client/client.ts';
import type { DraftObject, ObjectOf } from '#schema/kind.ts';
import type { Millis } from '#world/world.ts';

export type Action =
  | CreateAction
  | { readonly do: 'update'; readonly kind: AnyKind; readonly object: AnyObject; readonly subresource?: string }
  | {
      readonly do: 'patch';
      readonly kind: AnyKind;
      readonly target: Named;
      readonly patch: Patch;
      readonly subresource?: string;
      readonly force?: boolean;
    }
  | {
      readonly do: 'remove';
      readonly kind: AnyKind;
      readonly target: Named;
      readonly options: DeleteOptions;
      readonly announce?: Announcement;
    }
  | { readonly do: 'status'; readonly kind: AnyKind; readonly object: AnyObject; readonly status: unknown }
  | {
      readonly do: 'event';
      readonly about: AnyObject;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    }
  /** Reconcile this key again after a while, even if nothing changes. */
  | { readonly do: 'wake'; readonly afterMs: Millis };

export interface CreateAction {
  readonly do: 'create';
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
  readonly object: { readonly metadata: DraftMeta };
  readonly announce?: Announcement;
  /** AlreadyExists is what was wanted. */
  readonly unlessExists?: boolean;
}

/** Events on `about` when the write succeeded or failed. */
export interface Announcement {
  readonly about: AnyObject;
  readonly done?: { readonly reason: string; readonly message: (object: AnyObject) => string };
  readonly failed?: { readonly reason: string; readonly message: (error: Error) => string };
}

export interface Named {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

/** A new object; in the namespace of its metadata. */
export const create = <K extends AnyKind>(
  kind: K,
  object: DraftObject<K> & { readonly metadata: DraftMeta },
  options: { announce?: Announcement; unlessExists?: boolean } = {},
): Action => ({ do: 'create', kind, namespace: object.metadata.namespace, object, ...options });

/** Replaces an object; refused when somebody wrote since it was read. */
export const update = <K extends AnyKind>(
  kind: K,
  object: ObjectOf<K>,
  options: { subresource?: string } = {},
): Action => ({ do: 'update', kind, object: object as AnyObject, ...options });

export const patch = (
  kind: AnyKind,
  target: Named,
  body: Patch,
  options: { subresource?: string; force?: boolean } = {},
): Action => ({
  do: 'patch',
  kind,
  target,
  patch: body,
  ...options,
});

/** Deletes exactly this object: its UID is a precondition. */
export const remove = (
  kind: AnyKind,
  target: Named,
  options: DeleteOptions & { announce?: Announcement } = {},
): Action => {
  const { announce, ...rest } = options;
  return { do: 'remove', kind, target, options: rest, ...(announce ? { announce } : {}) };
};

/** Writes the status of `object` unless it is that already. */
export const status = <K extends AnyKind>(kind: K, object: ObjectOf<K>, value: unknown): Action => ({
  do: 'status',
  kind,
  object: object as AnyObject,
  status: value,
});

export const event = (
  about: { readonly metadata: object },
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): Action => ({
  do: 'event',
  about: about as AnyObject,
  type,
  reason,
  message,
});

export const wake = (afterMs: Millis): Action => ({ do: 'wake', afterMs });
