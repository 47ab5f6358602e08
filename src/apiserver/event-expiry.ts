/** Events live for an hour (upstream's --event-ttl): a sweep deletes older ones, a bounded number at a time. */
import { parseTime } from '#meta/time.ts';
import { Event } from '#api/core/event.ts';
import { StoreFull, StoreUnavailable, type Operation } from '#store/store.ts';
import type { Api } from './api.ts';

const ttlMs = 60 * 60 * 1000;
const sweepMs = 60 * 1000;
/** Deletions in one transaction: fewer than the 128 that etcd takes by default. */
const batchMax = 100;
const sliceMs = 5;

/** Sweeps until disposed. */
export function startEventExpiry(api: Api): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        await api.world.clock.sleep(sweepMs, { signal: stop.signal });
      } catch {
        return; // Aborted: the server stops.
      }
      try {
        await sweep(api);
      } catch (error) {
        if (!(error instanceof StoreFull || error instanceof StoreUnavailable)) throw error;
        // What has expired is still there at the next sweep.
        api.world.log.warn('old events stay', { error: error.message });
      }
    }
    // A store that fails stops the whole process by its own `failed`.
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) api.world.log.error('events are not expired any more', { error: String(error) });
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function sweep(api: Api): Promise<void> {
  const now = api.world.clock.now();
  let batch: Operation[] = [];
  const flush = async (): Promise<void> => {
    const operations = batch;
    batch = [];
    // An event that was counted up meanwhile is young again: the whole batch is left for the next sweep.
    if (operations.length > 0) await api.store.txn(operations);
  };
  let since = api.world.clock.monotonic();
  for (const [at, entry] of [...api.cache(Event).values()].entries()) {
    // Each look may decode an event.
    if (at % 64 === 63 && api.world.clock.monotonic() - since > sliceMs) {
      await api.world.clock.yield();
      since = api.world.clock.monotonic();
    }
    const { lastTimestamp, eventTime } = entry.object as unknown as Event;
    const last =
      parseTime(lastTimestamp ?? '') ??
      parseTime(eventTime ?? '') ??
      parseTime(entry.object.metadata.creationTimestamp) ??
      now;
    if (now - last < ttlMs) continue;
    batch.push({ op: 'delete', key: entry.key, expect: entry.revision });
    if (batch.length >= batchMax) await flush();
  }
  await flush();
}
