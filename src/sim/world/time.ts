/**
 * Virtual time: the clock stands still until every promise has run, then jumps to the next timer. Timers of one instant run in an order that the seed decides. The
 * same seed gives the same run. Work that only the host can do (signatures on its thread pool) is done one piece at a time while time stands still.
 */
import { Heap } from '#base/heap.ts';
import { nodeClock } from '#world/node/clock.ts';
import type { Clock, Millis, Random, Timer } from '#world/world.ts';

interface Due {
  readonly id: number;
  readonly at: Millis;
  readonly order: number;
  readonly run: () => void;
}

/** Where every simulated world begins. */
export const epoch: Millis = 1_750_000_000_000;
/** Timers in one run of `until` that never comes to rest: an endless loop at one instant. */
const stuckMax = 200_000;

/** Time as a test moves it. */
export interface VirtualTime {
  readonly clock: Clock;
  /** Milliseconds since the beginning. */
  readonly elapsed: Millis;
  /** Runs work of the host (which ends at an unknown moment of real time) so that it takes no virtual time and changes no order. */
  host<T>(work: () => Promise<T>): Promise<T>;
  /** Lets time go on for so long. */
  advance(ms: Millis): Promise<void>;
  /** Lets time go on until the promise is settled; throws what it throws. */
  drive<T>(promise: Promise<T>, limitMs?: Millis): Promise<T>;
}

export function virtualTime(random: Random): VirtualTime {
  const timers = new Heap<Due>({
    key: ({ id }) => String(id),
    before: (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order),
  });
  const real = nodeClock();
  let elapsed: Millis = 0;
  let lastId = 0;
  let hostWork = 0;
  let hostTail: Promise<unknown> = Promise.resolve();

  const after = (ms: Millis, run: () => void): Timer => {
    const id = ++lastId;
    timers.set({ id, at: elapsed + Math.max(0, Number.isNaN(ms) ? 0 : ms), order: random.fraction(), run });
    return { cancel: () => void timers.delete(String(id)) };
  };

  /** Every promise that can run has run. */
  const quiet = async (): Promise<void> => {
    do await real.yield();
    while (hostWork > 0);
  };

  const clock: Clock = {
    now: () => epoch + Math.floor(elapsed),
    monotonic: () => elapsed,
    sleep: (ms, options) => sleep(after, ms, options?.signal),
    after: (ms, run) => after(ms, run),
    yield: () => new Promise((resolve) => void after(0, resolve)),
  };

  /** Runs the next timer if it is due by then. */
  const step = (by: Millis): boolean => {
    const next = timers.peek();
    if (!next || next.at > by) return false;
    timers.delete(String(next.id));
    elapsed = Math.max(elapsed, next.at);
    next.run();
    return true;
  };

  return {
    clock,
    get elapsed() {
      return elapsed;
    },
    host<T>(work: () => Promise<T>): Promise<T> {
      hostWork++;
      const result = hostTail.then(work).finally(() => hostWork--);
      hostTail = result.catch(() => undefined); // Its own caller hears of it.
      return result;
    },
    async advance(ms) {
      const end = elapsed + ms;
      await quiet();
      for (let at = elapsed, count = 0; step(end); await quiet()) {
        if (elapsed > at) [at, count] = [elapsed, 0];
        else if (++count > stuckMax) throw new Error(`the simulation is stuck ${elapsed} ms after its beginning`);
      }
      elapsed = end;
    },
    async drive(promise, limitMs = 600_000) {
      const end = elapsed + limitMs;
      let settled = false;
      const mark = (): void => void (settled = true);
      promise.then(mark, mark);
      await quiet();
      while (!settled) {
        if (!step(end)) throw new Error(`nothing more happens, and what was waited for has not come in ${limitMs} ms`);
        await quiet();
      }
      return promise;
    },
  };
}

/** The machine's own time behind the same door: for tests that must live beside real things. Nothing is repeatable then. */
export function realTime(): VirtualTime {
  const clock = nodeClock();
  const began = clock.monotonic();
  return {
    clock,
    get elapsed() {
      return clock.monotonic() - began;
    },
    host: (work) => work(),
    advance: (ms) => clock.sleep(ms),
    async drive(promise, limitMs = 600_000) {
      const late = Promise.withResolvers<never>();
      const timer = clock.after(limitMs, () =>
        late.reject(new Error(`what was waited for has not come in ${limitMs} ms`)),
      );
      try {
        return await Promise.race([promise, late.promise]);
      } finally {
        timer.cancel();
      }
    },
  };
}

function sleep(
  after: (ms: Millis, run: () => void) => Timer,
  ms: Millis,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
