/**
 * Gives memory back when a process falls quiet. V8 keeps the garbage of a start or of a burst until the next allocation makes it look, and an idle cluster hardly allocates:
 * without this, a third of its memory is garbage of its first second. A collection blocks for tens of milliseconds, so it runs only in a quiet process, once for each time
 * that it was busy.
 */
import type { Millis, World } from '#world/world.ts';

const lookEveryMs: Millis = 5_000;
/** Processor time since the last collection that makes another one worth its while. */
const busyMs: Millis = 300;
/** Processor time within one look up to which a process is quiet: 1 %. */
const quietMs: Millis = 50;
/** A collection of a bigger process would block for too long (about 4 ms for each MB of small objects). */
const residentBytesMax = 512 * 1024 * 1024;

/** Looks until disposed. `threads` collects the garbage of this process' other threads. */
export function startIdleMemory(world: World, threads?: () => Promise<void>): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    let collectedAt = 0;
    let before = world.processes.usage().cpuMs;
    while (!stop.signal.aborted) {
      try {
        await world.clock.sleep(lookEveryMs, { signal: stop.signal });
      } catch {
        return; // Aborted: the process stops.
      }
      const { cpuMs, residentBytes } = world.processes.usage();
      const quiet = cpuMs - before <= quietMs;
      before = cpuMs;
      if (!quiet || cpuMs - collectedAt < busyMs || residentBytes > residentBytesMax) continue;
      await threads?.().catch((error: unknown) => {
        world.log.debug('the garbage of a thread stays', { error: String(error) });
      });
      world.processes.collectGarbage();
      before = world.processes.usage().cpuMs;
      collectedAt = before;
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
