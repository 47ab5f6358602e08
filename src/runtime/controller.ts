/**
 * A controller as a declaration: which kind it looks after, what it owns, what else wakes it, and one pure generator that says what is to be done.
 * It has no client, clock or log; the runner has.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind } from '#client/client.ts';
import type { Change, ObjectKey, View } from '#client/view.ts';
import type { ObjectOf } from '#schema/kind.ts';
import type { Millis } from '#world/world.ts';
import type { Action } from './action.ts';

/** A labelSelector object, as specs have it. */
export type SelectorSpec = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly unknown[];
};

export interface Claim<Owner> {
  readonly kind: AnyKind;
  /** Orphans that match are adopted, owned objects that do not match are released. Absent: owned is owned. */
  readonly selector?: (owner: Owner) => SelectorSpec | undefined;
}

export interface Watch {
  readonly kind: AnyKind;
  /** The keys that a change of another kind's object wakes. */
  readonly wakes: (change: Change<AnyObject>, read: Reader) => Iterable<ObjectKey>;
}

/** The views a plan may read. */
export interface Reader {
  of<K extends AnyKind>(kind: K): Pick<View<ObjectOf<K>>, 'get' | 'all' | 'by' | 'size' | 'revision'>;
}

export interface Picture extends Reader {
  /** The objects of a claimed kind that this owner controls (and whose labels match). */
  claimed<K extends AnyKind>(kind: K): readonly ObjectOf<K>[];
  /** Wall time of this reconcile, ms. */
  readonly now: Millis;
  /** The create or remove that the last reconcile of this key failed with; none after one that succeeded. */
  readonly failure: { readonly during: 'create' | 'remove'; readonly message: string } | undefined;
  /** Lower-case letters and digits from the world's chance: names of new objects. */
  suffix(length: number): string;
}

export interface Controller<K extends AnyKind = AnyKind> {
  /** Its identity: ServiceAccount kube-system/<name>, event source, field manager. */
  readonly name: string;
  /** Source of its events when that differs: `deployment-controller`. */
  readonly component?: string;
  readonly for: K;
  readonly claims?: readonly Claim<ObjectOf<K>>[];
  readonly watches?: readonly Watch[];
  /** Kinds that the plan reads besides. */
  readonly reads?: readonly AnyKind[];
  readonly workers?: number;
  /** Reconcile every object again this often, though nothing changed. */
  readonly resyncMs?: Millis;
  reconcile(object: ObjectOf<K>, picture: Picture): Iterable<Action>;
  /** The object is gone: what is left to do about `key`. */
  gone?(key: ObjectKey, picture: Omit<Picture, 'claimed'>): Iterable<Action>;
}

/** Declares a controller. */
export const controller = <K extends AnyKind>(declaration: Controller<K>): Controller<K> => Object.freeze(declaration);
