/**
 * What serving one resource needs, and what one request brings along. The verbs are functions over these, a file each: `read.ts`, `create.ts`,
 * `update.ts`, `delete.ts`.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { ResourceName } from '#meta/status.ts';
import type { AnyKind } from '#client/client.ts';
import type { Kind } from '#schema/kind.ts';
import type { Operation, Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import type { Admission } from '../admission/admission.ts';
import type { Quotas } from '../admission/resource-quota.ts';
import type { User } from '../user.ts';
import type { Entry } from '../watch/entry.ts';
import type { Fence } from './fence.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface Resource {
  readonly world: World;
  readonly store: Store;
  readonly kind: AnyKind;
  /** The kind whose objects are stored: another one for `storedAs` kinds. */
  readonly storedKind: AnyKind;
  readonly cache: WatchCache;
  readonly admission: Admission;
  /** Takes what is unique in the cluster (addresses, ports) before a write. */
  readonly allocate?: Allocator;
  /** Counts what is written in the quotas of its namespace, in the same transaction. */
  readonly quotas?: Quotas;
  /** What is checked in the transaction that makes an object in a namespace: that the namespace is as admission saw it. */
  readonly namespaceChecks?: (namespace: string) => readonly Operation[];
}

export interface Allocator {
  /** The object with its allocations filled in. */
  allocate(object: AnyObject, old: AnyObject | undefined): Allocation;
  /** What is written in the transaction that deletes the object. */
  released(object: AnyObject): readonly Operation[];
}

export interface Allocation {
  readonly object: AnyObject;
  /** Written in the same transaction: objects that stand for what was allocated. */
  readonly operations: readonly Operation[];
  /** Ends the reservation; always called once the write is over. */
  release(): void;
}

/** Who asks and how the answer is to be made. */
export interface Asker {
  readonly user: User;
  readonly fieldManager: string;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Collected for Warning headers. */
  readonly warnings: string[];
  readonly dryRun: boolean;
  /** Of a leader: what it writes is written only in its term. */
  readonly fence?: Fence;
}

/** Either the stored entry (its bytes go out as they are) or an object made for this answer. */
export type Written =
  | { readonly entry: Entry; readonly created?: boolean }
  | { readonly object: AnyObject; readonly created?: boolean };

export const objectOf = (resource: Resource, written: Written): AnyObject =>
  'entry' in written ? shown(resource, written.entry.object) : shown(resource, written.object);

export const nameOf = (kind: Pick<Kind, 'group' | 'plural'>): ResourceName => ({
  group: kind.group,
  plural: kind.plural,
});

/** A stored object as this resource shows it. */
export const shown = (resource: Resource, stored: AnyObject): AnyObject =>
  resource.kind.storedAs ? resource.kind.storedAs.fromStored(stored) : stored;

/** An object of this resource as it is stored. */
export const stored = (resource: Resource, object: AnyObject): AnyObject =>
  resource.kind.storedAs ? resource.kind.storedAs.toStored(object) : object;
