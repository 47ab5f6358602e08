/**
 * History in one stream for all who want it at once: a watch of etcd brings every key, and after a restart each resource of an API server and each of its clients asks for what
 * came before. Those who come while it is read are the next ones.
 */
import { Compacted, type Revision } from '../store.ts';
import type { Change } from '../watchers.ts';

/** Hands over the changes after `after` up to and with `until`. Throws Compacted, StoreUnavailable. */
export type ReadHistory = (after: Revision, until: Revision, onChange: (change: Change) => void) => Promise<void>;

interface Reader {
  readonly after: Revision;
  readonly until: Revision;
  readonly onChange: (change: Change) => void;
  readonly done: PromiseWithResolvers<void>;
}

/** `read`, shared. A reader may be shown a change twice, in order: what is begun anew for others is begun anew for him. */
export function sharedHistory(read: ReadHistory): ReadHistory {
  let reading: Promise<void> | undefined;
  let next: Reader[] | undefined;

  /** Never rejects: each reader hears how it went. */
  async function readFor(readers: readonly Reader[]): Promise<void> {
    let left = readers;
    while (left.length > 0) {
      const first = Math.min(...left.map(({ after }) => after));
      const last = Math.max(...left.map(({ until }) => until));
      const now = left;
      try {
        await read(first, last, (change) => {
          for (const { after, until, onChange } of now)
            if (change.revision > after && change.revision <= until) onChange(change);
        });
        for (const { done } of now) done.resolve();
        return;
      } catch (error) {
        // Those who asked for what is forgotten hear so. The others begin anew: what a watcher is shown twice it drops.
        const isOver = ({ after }: Reader): boolean =>
          !(error instanceof Compacted) || after < error.compactRevision || after === first;
        for (const { done } of now.filter(isOver)) done.reject(error);
        left = now.filter((each) => !isOver(each));
      }
    }
  }

  return (after, until, onChange) => {
    const reader: Reader = { after, until, onChange, done: Promise.withResolvers() };
    if (next) next.push(reader);
    else {
      const readers = (next = [reader]);
      const former = reading;
      reading = (async () => {
        await former;
        next = undefined;
        await readFor(readers);
      })();
    }
    return reader.done.promise;
  };
}
