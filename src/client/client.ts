/**
 * The one way to reach the API. `clientOf(transport)` gives every component the same typed calls; a transport is `direct/` (same process, the same frozen
 * objects, no copy) or `http/`. A Client never retries a write by itself: whoever asked knows whether a repeat is safe.
 */
import type { AnyObject, List } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { DraftObject, Kind, ObjectOf, Verb } from '#schema/kind.ts';

export interface Client {
  get<K extends AnyKind>(kind: K, name: string, options?: ReadOptions): Promise<ObjectOf<K>>;
  list<K extends AnyKind>(kind: K, options?: ListOptions): Promise<List<ObjectOf<K>>>;
  /** Ends when the signal aborts, the server closes the stream, or throws ApiError (410: list again). */
  watch<K extends AnyKind>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<ObjectOf<K>>>;
  create<K extends AnyKind>(kind: K, object: DraftObject<K>, options?: WriteOptions): Promise<ObjectOf<K>>;
  /** Needs metadata.name; with metadata.resourceVersion it is refused when somebody wrote in between. */
  update<K extends AnyKind>(kind: K, object: DraftObject<K>, options?: WriteOptions): Promise<ObjectOf<K>>;
  patch<K extends AnyKind>(kind: K, name: string, patch: Patch, options?: WriteOptions): Promise<ObjectOf<K>>;
  /** The deleted object, or undefined when the server answered with a plain Status. */
  delete(kind: AnyKind, name: string, options?: DeleteOptions): Promise<AnyObject | undefined>;
  deleteCollection(kind: AnyKind, options?: ListOptions & DeleteOptions): Promise<void>;
  /** POST to a subresource: binding, eviction, token; or a review, whose answer is the review itself. */
  post<T>(kind: AnyKind, name: string, subresource: string, body: unknown, options?: WriteOptions): Promise<T>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
export type AnyKind = Kind<any, any>;

export interface ReadOptions {
  readonly namespace?: string;
  readonly subresource?: string;
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal;
}

export interface ListOptions extends ReadOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact';
}

export interface WatchOptions extends ListOptions {
  readonly bookmarks?: boolean;
  /** Streaming list: the current state as ADDED events, then a bookmark annotated k8s.io/initial-events-end. */
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
}

export interface WriteOptions extends ReadOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** Apply only: take fields over from other managers. */
  readonly force?: boolean;
}

export interface DeleteOptions extends ReadOptions {
  readonly dryRun?: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** Deprecated by upstream, and never together with propagationPolicy. */
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  /** Deletes what cannot be decrypted, and only that. */
  readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
}

export type Patch =
  | { readonly type: 'json'; readonly body: readonly unknown[] }
  | { readonly type: 'merge' | 'strategic' | 'apply'; readonly body: unknown };

/** One call of the API, after routing and before authentication knows who asks: what both transports carry. */
export interface ApiCall {
  readonly verb: Verb;
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** The object of create and update, the patch of patch, the DeleteOptions of delete. */
  readonly body: unknown;
  readonly options: ListOptions & WriteOptions & DeleteOptions & { readonly patchType?: Patch['type'] };
}

/** How a Client's calls reach an API server. */
export interface Transport {
  call(call: ApiCall): Promise<unknown>;
  watch(call: ApiCall, options: WatchOptions): AsyncIterable<WatchEvent<AnyObject>>;
}
