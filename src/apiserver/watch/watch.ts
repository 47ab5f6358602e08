/**
 * One watch: where it starts, which events it gets and what they look like. An object that comes to match a selector is ADDED, one that
 * stops matching is DELETED. The two edges (HTTP frames, objects in process) share it; neither queues.
 */
import { forbiddenField, notSupported } from '#meta/causes.ts';
import { invalid, methodNotSupported, type Cause } from '#meta/status.ts';
import type { Revision } from '#store/store.ts';
import type { WatchOptions } from '#client/client.ts';
import { checkReached, checkRevision, selectionOf, type Selection } from '../registry/read.ts';
import { nameOf, type Resource } from '../registry/resource.ts';
import type { CacheEvent, Cursor } from './cache.ts';
import type { Entry } from './entry.ts';
import { reached } from './fresh.ts';

export interface Delivery {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly entry: Entry;
}

export interface WatchStart {
  readonly cursor: Cursor;
  /** The state to begin with, as ADDED events; undefined when the watch goes on from a revision the client knows. */
  readonly initial: Iterable<Delivery> | undefined;
  /** The revision of the initial state. */
  readonly revision: Revision;
  /** What this watch is told of an event, if anything. */
  readonly see: (event: CacheEvent) => Delivery | undefined;
  /** A bookmark marks the end of the initial state. */
  readonly markEnd: boolean;
}

/** Entries looked at between two looks at the clock, and the time that may pass until others have their turn. */
const stride = 64;
const sliceMs = 5;

/** Throws BadRequest, or 410 Expired when the revision is too old. */
export async function startWatch(
  resource: Resource,
  namespace: string | undefined,
  options: Omit<WatchOptions, 'signal'>,
): Promise<WatchStart> {
  if (!resource.kind.verbs.includes('watch')) throw methodNotSupported(nameOf(resource.kind), 'watch');
  checkWatchOptions(options);
  const selection = selectionOf(resource, options);
  const { resourceVersion = '', sendInitialEvents } = options;
  checkRevision(resourceVersion);
  const { cache } = resource;
  const scope = { namespace, name: selection.name };
  const see = (event: CacheEvent): Delivery | undefined => deliver(event, namespace, selection);
  const fromNow = sendInitialEvents ?? (resourceVersion === '' || resourceVersion === '0');
  await reached(resource.store, resourceVersion);
  const revision = cache.revision;
  checkReached(resourceVersion, revision);
  if (!fromNow) {
    return {
      cursor: await cache.cursor(resourceVersion === '' ? revision : Number(resourceVersion), scope),
      initial: undefined,
      revision,
      see,
      markEnd: false,
    };
  }
  const cursor = await cache.cursor(revision, scope);
  const prefix = namespace === undefined ? cache.prefix : `${cache.prefix}${namespace}/`;
  // The state is taken in the same turn as the cursor: what comes later reaches the watch as events, however long the choice of what to show takes.
  const state = cache.snapshot(prefix);
  const { clock } = resource.world;
  const initial: Delivery[] = [];
  let since = clock.monotonic();
  for (const [at, entry] of state.entries()) {
    if ((selection.name === undefined || entry.name === selection.name) && (selection.all || selection.includes(entry)))
      initial.push({ type: 'ADDED', entry });
    if (at % stride === stride - 1 && clock.monotonic() - since > sliceMs) {
      await clock.yield();
      since = clock.monotonic();
    }
  }
  return { cursor, initial, revision, see, markEnd: sendInitialEvents === true };
}

/** Upstream's checks, all findings at once. Throws Invalid. */
function checkWatchOptions(options: Omit<WatchOptions, 'signal'>): void {
  const { sendInitialEvents, resourceVersionMatch } = options;
  const match = 'resourceVersionMatch';
  const causes: Cause[] = [];
  if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan')
    causes.push(forbiddenField(match, `sendInitialEvents requires setting ${match} to NotOlderThan`));
  if (resourceVersionMatch) {
    if (sendInitialEvents === undefined)
      causes.push(forbiddenField(match, `${match} is forbidden for watch unless sendInitialEvents is provided`));
    if (resourceVersionMatch !== 'NotOlderThan')
      causes.push(notSupported(match, resourceVersionMatch, ['NotOlderThan']));
    if (options.continue) causes.push(forbiddenField(match, `${match} is forbidden when continue is provided`));
  }
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
}

function deliver(event: CacheEvent, namespace: string | undefined, selection: Selection): Delivery | undefined {
  const { entry, previous, deleted } = event;
  if (namespace !== undefined && entry.namespace !== namespace) return undefined;
  if (selection.name !== undefined && entry.name !== selection.name) return undefined;
  if (selection.all) return { type: deleted ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED', entry };
  const before = previous !== undefined && !previous.unreadable && selection.includes(previous);
  if (deleted) return before ? { type: 'DELETED', entry } : undefined;
  const now = selection.includes(entry);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', entry };
  return before ? { type: 'DELETED', entry } : undefined;
}
