/**
 * The real clock and its timers. Every timer of the product is made here, so that the simulator can own time by replacing
 * one object.
 */
import type { Clock, Millis, Timer } from '../world.ts';

/** setTimeout fires at once beyond 2^31-1 ms (24.8 days): longer spans are slept in pieces. */
const pieceMsMax = 2 ** 31 - 1;

export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep,
    after,
    yield: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

function after(ms: Millis, run: () => void, options?: { unref?: boolean }): Timer {
  let handle: NodeJS.Timeout;
  const arm = (left: number): void => {
    const piece = Math.min(Math.max(left, 0), pieceMsMax);
    handle = setTimeout(() => (left > piece ? arm(left - piece) : run()), piece);
    if (options?.unref) handle.unref();
  };
  arm(Number.isNaN(ms) ? 0 : ms);
  return { cancel: () => clearTimeout(handle) };
}

function sleep(ms: Millis, options?: { signal?: AbortSignal }): Promise<void> {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (!signal) return new Promise((resolve) => void after(ms, resolve));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
