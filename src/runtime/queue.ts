/**
 * A controller's work queue: a key waits at most once, is worked on by one worker at a time, and comes back later and later as long as it fails. The rules
 * are those of client-go's workqueue.
 */
import type { Clock, Millis, Timer } from '#world/world.ts';

const backoffMsMin: Millis = 5;
const backoffMsMax: Millis = 5 * 60 * 1000;

export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Came again while it was being worked on. */
  readonly #dirty = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { readonly at: Millis; readonly timer: Timer }>();
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }
  /** Nothing waits, runs or is due later because it failed. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0 && this.#failures.size === 0;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#running.has(key)) this.#dirty.add(key);
    else {
      this.#waiting.add(key);
      this.#wake?.();
    }
  }

  /** Adds the key after a while; an earlier time that was asked for before stays. */
  addAfter(key: string, ms: Millis): void {
    if (this.#closed) return;
    const at = this.#clock.monotonic() + ms;
    const present = this.#timers.get(key);
    if (present && present.at <= at) return;
    present?.timer.cancel();
    const timer = this.#clock.after(
      Math.max(0, ms),
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      { unref: true },
    );
    this.#timers.set(key, { at, timer });
  }

  /** Adds the key after its back-off. */
  retry(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(backoffMsMin * 2 ** failures, backoffMsMax));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, or undefined once closed. */
  async take(): Promise<string | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const next = this.#waiting.values().next();
      if (!next.done) {
        this.#waiting.delete(next.value);
        this.#running.add(next.value);
        return next.value;
      }
      await new Promise<void>((resolve) => {
        const before = this.#wake;
        this.#wake = () => {
          this.#wake = undefined;
          before?.();
          resolve();
        };
      });
    }
  }

  done(key: string): void {
    this.#running.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#wake?.();
  }
}
