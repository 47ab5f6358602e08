/**
 * The store in memory: for tests, simulated clusters, and as the model that the durable ones are measured against. Nothing
 * outlives the process; history stays until `compact`.
 */
import { SortedMap } from '#base/sorted-map.ts';
import {
  Compacted,
  FutureRevision,
  StoreFailed,
  type Entry,
  type RangeOptions,
  type RangeResult,
  type Revision,
  type Store,
  type TxnResult,
} from './store.ts';
import { decide, type State } from './transaction.ts';
import { Watchers, type Change } from './watchers.ts';

/** One state of a key: an entry, or its absence since a revision. */
interface Version {
  readonly revision: Revision;
  readonly entry: Entry | undefined;
}

export function memoryStore(): Store {
  const current = new SortedMap<Entry>();
  /** Every key with history, deleted ones too; versions in rising order. */
  const versions = new SortedMap<Version[]>();
  /** Changes after the compaction; one per revision, without gaps. */
  let log: Change[] = [];
  const watchers = new Watchers();
  const state: State = {
    get: (key) => current.get(key),
    putSince: (from, to, since) => current.range('', { from, to }).values.find((entry) => entry.modRevision > since),
  };
  let revision: Revision = 1;
  let compacted: Revision = 0;
  let closed = false;

  const requireOpen = (): void => {
    if (closed) throw new StoreFailed('the store is closed');
  };
  /** The revision to read at, or undefined for the latest. */
  const readAt = (asked: Revision | undefined): Revision | undefined => {
    requireOpen();
    if (asked === undefined || asked === 0) return undefined;
    if (asked > revision) throw new FutureRevision(asked, revision);
    if (asked < compacted) throw new Compacted(compacted);
    return asked === revision ? undefined : asked;
  };

  return {
    async get(key, options) {
      const at = readAt(options?.revision);
      return at === undefined ? current.get(key) : versionAt(versions.get(key), at);
    },

    async range(prefix, options: RangeOptions = {}): Promise<RangeResult> {
      const at = readAt(options.revision);
      const { from, to, limit } = options;
      if (at === undefined) {
        const { values, count } = current.range(prefix, { from, to, limit });
        return { entries: values, revision, count };
      }
      const entries: Entry[] = [];
      let count = 0;
      for (const history of versions.range(prefix, { from, to }).values) {
        const entry = versionAt(history, at);
        if (!entry) continue;
        count++;
        if (limit === undefined || entries.length < limit) entries.push(entry);
      }
      return { entries, revision, count };
    },

    async txn(operations): Promise<TxnResult> {
      requireOpen();
      const decision = decide(operations, state, revision + 1);
      if ('conflict' in decision) return { ok: false, conflict: decision.conflict, revision };
      const { events } = decision;
      if (events.length === 0) return { ok: true, revision };
      const change: Change = { revision: ++revision, events };
      log.push(change);
      for (const { type, entry } of events) {
        const version = { revision: change.revision, entry: type === 'put' ? entry : undefined };
        const history = versions.get(entry.key);
        if (history) history.push(version);
        else versions.set(entry.key, [version]);
        if (type === 'put') current.set(entry.key, entry);
        else current.delete(entry.key);
      }
      watchers.notify(change);
      return { ok: true, revision: change.revision };
    },

    async watch(prefix, after, onEvents) {
      requireOpen();
      if (after < compacted) throw new Compacted(compacted);
      const registration = watchers.add(prefix, after, onEvents);
      // `log` ends at the current revision and has no gaps: its index is a matter of subtraction.
      for (const change of log.slice(Math.max(0, log.length - (revision - after)))) registration.replay(change);
      registration.live();
      return registration;
    },

    async compact(before) {
      requireOpen();
      if (before > revision) throw new FutureRevision(before, revision);
      if (before <= compacted) return;
      compacted = before;
      for (const change of log) {
        if (change.revision > before) break;
        for (const { entry } of change.events) {
          const history = versions.get(entry.key);
          if (!history) continue;
          const kept = history.filter(({ revision: at }, i) => {
            const next = history[i + 1];
            return at > before || next === undefined || next.revision > before;
          });
          const [first] = kept;
          // Absence needs no record once nobody may look further back.
          if (first && first.entry === undefined && first.revision <= before) kept.shift();
          if (kept.length > 0) versions.set(entry.key, kept);
          else versions.delete(entry.key);
        }
      }
      log = log.filter((change) => change.revision > before);
    },

    revision: () => revision,
    sync: async () => revision,
    compactRevision: () => compacted,

    async sizeBytes() {
      requireOpen();
      let bytes = 0;
      for (const history of versions.range('').values)
        for (const { entry } of history) bytes += entry ? entry.value.length : 0;
      return bytes;
    },

    // Memory does not fail; a store that was closed says so at its next use.
    failed: new Promise(() => {}),

    async [Symbol.asyncDispose]() {
      closed = true;
      watchers.clear();
    },
  };
}

/** What stood at revision `at`: the last version not after it. */
function versionAt(history: readonly Version[] | undefined, at: Revision): Entry | undefined {
  return history?.findLast(({ revision }) => revision <= at)?.entry;
}
