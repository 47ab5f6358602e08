/**
 * The local watchers of a store. Each is called synchronously and in revision order; one that still reads history collects
 * what happens meanwhile, so that it misses nothing and sees nothing twice.
 */
import type { Revision, StoreEvent } from './store.ts';

export type OnEvents = (events: readonly StoreEvent[], revision: Revision) => void;

export interface Change {
  readonly revision: Revision;
  readonly events: readonly StoreEvent[];
}

/** A watcher more than this many changes behind while it reads history is refused: its reader is too slow. */
const backlogMax = 100_000;

interface Watcher {
  readonly prefix: string;
  readonly onEvents: OnEvents;
  /** The last revision it has seen or will not be shown. */
  after: Revision;
  /** Changes that wait for the end of the history; undefined once live. */
  backlog: Change[] | undefined;
}

export interface Registration extends Disposable {
  /** Hands over a change from history, in order. */
  replay(change: Change): void;
  /** History is complete: shows what happened meanwhile, then all that comes. False when the backlog overflowed. */
  live(): boolean;
}

export class Watchers {
  readonly #all = new Set<Watcher>();

  /** Starts collecting at once; nothing is shown before `live`. */
  add(prefix: string, after: Revision, onEvents: OnEvents): Registration {
    const watcher: Watcher = { prefix, onEvents, after, backlog: [] };
    let overflowed = false;
    this.#all.add(watcher);
    const remove = (): void => void this.#all.delete(watcher);
    return {
      replay: (change) => show(watcher, change),
      live: () => {
        const backlog = watcher.backlog ?? [];
        overflowed ||= backlog.length > backlogMax;
        if (overflowed) {
          remove();
          return false;
        }
        watcher.backlog = undefined;
        for (const change of backlog) if (this.#all.has(watcher)) show(watcher, change);
        return true;
      },
      [Symbol.dispose]: remove,
    };
  }

  notify(change: Change): void {
    for (const watcher of this.#all) {
      if (!watcher.backlog) show(watcher, change);
      else if (watcher.backlog.length <= backlogMax) watcher.backlog.push(change);
    }
  }

  clear(): void {
    this.#all.clear();
  }
}

function show(watcher: Watcher, { revision, events }: Change): void {
  if (revision <= watcher.after) return;
  watcher.after = revision;
  const { prefix } = watcher;
  if (events.length === 1) {
    if ((events[0] as StoreEvent).entry.key.startsWith(prefix)) watcher.onEvents(events, revision);
    return;
  }
  const mine = events.filter(({ entry }) => entry.key.startsWith(prefix));
  if (mine.length > 0) watcher.onEvents(mine, revision);
}
