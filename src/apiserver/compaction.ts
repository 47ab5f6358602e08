/**
 * History is kept for five to ten minutes (upstream's --etcd-compaction-interval): every interval the store forgets what was older than the last one began. Without it the
 * data file would hold every state that every object ever had.
 */
import { StoreFull, StoreUnavailable, type Revision, type Store } from '#store/store.ts';
import { type Millis, type World } from '#world/world.ts';

/** Upstream's default. */
const intervalMs: Millis = 5 * 60 * 1000;

/** Compacts until disposed. A store that fails stops the whole process by its own `failed`. */
export function startCompaction(world: World, store: Store): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    let then: Revision = store.compactRevision();
    while (!stop.signal.aborted) {
      const now = store.revision();
      try {
        if (then > store.compactRevision()) await store.compact(then);
      } catch (error) {
        // Tried again at the next turn, from where it stopped.
        if (!(error instanceof StoreFull || error instanceof StoreUnavailable)) throw error;
        world.log.warn('history is not compacted', { error: error.message });
      }
      then = now;
      try {
        await world.clock.sleep(intervalMs, { signal: stop.signal });
      } catch {
        return; // Aborted: the server stops.
      }
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) world.log.error('the store cannot be compacted', { error: String(error) });
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
