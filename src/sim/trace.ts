/**
 * The history of a simulated cluster, read from its store: every change in order, who asked for it, and when the last one happened that was more than a heartbeat.
 */
import { createHash } from 'node:crypto';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Entry, Store, StoreEvent } from '#store/store.ts';
import type { Millis } from '#world/world.ts';

export interface Written {
  readonly at: Millis;
  readonly key: string;
  readonly revision: number;
  readonly before: AnyObject | undefined;
  /** Undefined when it was deleted. */
  readonly after: AnyObject | undefined;
}

export interface History extends Disposable {
  /** `<ms> put|delete <key> @<revision>`. */
  readonly lines: readonly string[];
  /** The newest. */
  readonly revision: number;
  readonly changes: readonly { readonly at: Millis; readonly revision: number }[];
  /** One word for the whole history: the same for the same seed. */
  hash(): string;
  /** What stands now, by key. */
  standing(): ReadonlyMap<string, AnyObject>;
  /** The same by the revision of each. */
  revisions(): ReadonlyMap<string, number>;
  /** When something other than leases, events and heartbeats was written last. */
  readonly movedAt: Millis;
  /** What that was. */
  readonly lastMove: string;
  listen(listener: (written: Written) => void): void;
  /** Goes on with this store, which holds what a former one had; answers what it has lost of what was once seen. */
  follow(store: Store): Promise<readonly string[]>;
}

const parse = (entry: { readonly value: Buffer } | undefined): AnyObject | undefined =>
  entry && entry.value.length > 0 ? (JSON.parse(entry.value.toString('utf8')) as AnyObject) : undefined;

export function historyOf(elapsed: () => Millis): History {
  const lines: string[] = [];
  const changes: { readonly at: Millis; readonly revision: number }[] = [];
  const listeners: ((written: Written) => void)[] = [];
  let movedAt = 0;
  let lastMove = '';
  let watch: Disposable | undefined;
  let revisionSeen = 0;
  /** What stands, as it was seen last. */
  const standing = new Map<string, Entry>();
  const receive = (events: readonly StoreEvent[], revision: number): void => {
    revisionSeen = revision;
    for (const event of events) {
      if (event.type === 'put') standing.set(event.entry.key, event.entry);
      else standing.delete(event.entry.key);
      const written = read(event, revision, elapsed());
      changes.push({ at: written.at, revision });
      lines.push(`${written.at} ${event.type} ${written.key} @${revision}`);
      if (!isHeartbeat(written)) {
        movedAt = written.at;
        lastMove = lines.at(-1) as string;
      }
      // What is no object of the API concerns nobody but servers.
      if (isOfServers(written.key)) continue;
      for (const listener of listeners) listener(written);
    }
  };

  async function lostIn(store: Store): Promise<readonly string[]> {
    if (store.revision() < revisionSeen)
      return [`${elapsed()} after a restart the store is at ${store.revision()}, and ${revisionSeen} was seen`];
    const { entries } = await store.range('/', { revision: revisionSeen });
    const found = new Map(entries.map((entry) => [entry.key, entry]));
    const same = (a: Entry | undefined, b: Entry | undefined): boolean =>
      a?.modRevision === b?.modRevision && (a === undefined || b === undefined || a.value.equals(b.value));
    return [...new Set([...standing.keys(), ...found.keys()])]
      .filter((key) => !same(standing.get(key), found.get(key)))
      .map(
        (key) =>
          `${elapsed()} after a restart ${key} is of ${found.get(key)?.modRevision ?? 'no'}, and was seen of ${standing.get(key)?.modRevision ?? 'no'} revision`,
      );
  }

  return {
    lines,
    get revision() {
      return revisionSeen;
    },
    changes,
    hash: () => createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16),
    revisions: () => new Map([...standing].map(([key, { modRevision }]) => [key, modRevision])),
    standing: () =>
      new Map(
        [...standing].filter(([key]) => !isOfServers(key)).map(([key, entry]) => [key, parse(entry) as AnyObject]),
      ),
    get movedAt() {
      return movedAt;
    },
    get lastMove() {
      return lastMove;
    },
    listen: (listener) => void listeners.push(listener),
    async follow(store) {
      watch?.[Symbol.dispose]();
      const lost = revisionSeen === 0 ? [] : await lostIn(store);
      watch = await store.watch('/', Math.min(Math.max(1, revisionSeen), store.revision()), receive);
      return lost;
    },
    [Symbol.dispose]: () => watch?.[Symbol.dispose](),
  };
}

/** Node ports that are taken, and who of several servers lives. */
const isOfServers = (key: string): boolean =>
  key.startsWith('/registry/ranges/') || key.startsWith('/registry/masterleases/');

const read = ({ type, entry, previous }: StoreEvent, revision: number, elapsed: Millis): Written => ({
  at: Math.floor(elapsed),
  key: entry.key,
  revision,
  before: parse(previous),
  after: type === 'delete' ? undefined : parse(entry),
});

/** Leases, events, and nodes that say again what they said before. */
export function isHeartbeat({ key, before, after }: Written): boolean {
  if (['leases', 'masterleases', 'events'].some((each) => key.startsWith(`/registry/${each}/`))) return true;
  if (!key.startsWith('/registry/minions/') || !before || !after) return false;
  return stable(before) === stable(after);
}

function stable(node: AnyObject): string {
  const { status, spec } = node as AnyObject & {
    spec: unknown;
    status?: { conditions?: readonly { lastHeartbeatTime?: string }[] };
  };
  const conditions = status?.conditions?.map(({ lastHeartbeatTime: _h, ...rest }) => rest);
  const { labels, annotations } = node.metadata;
  return JSON.stringify([labels, annotations, spec, { ...status, conditions }]);
}
