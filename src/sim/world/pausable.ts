/**
 * A machine that can stand still: while it does, none of its timers fire and none of its sleeps end, though time goes on. So a process looks that was stopped, swapped out
 * or frozen with its virtual machine.
 */
import type { Clock, Millis } from '#world/world.ts';
import type { SimWorld } from './world.ts';

export interface Pausable {
  readonly world: SimWorld;
  /** Stands still from now on for so long. */
  pause(ms: Millis): void;
}

export function pausable(machine: SimWorld): Pausable {
  const { clock: base } = machine;
  let until: Millis = 0;
  const left = (): Millis => until - base.monotonic();
  const clock: Clock = {
    ...base,
    async sleep(ms, options) {
      await base.sleep(ms, options);
      while (left() > 0) await base.sleep(left());
    },
    after(ms, run, options) {
      const fire = (): void => {
        if (left() > 0) timer = base.after(left(), fire, options);
        else run();
      };
      let timer = base.after(ms, fire, options);
      return { cancel: () => timer.cancel() };
    },
    async yield() {
      await base.yield();
      while (left() > 0) await base.sleep(left());
    },
  };
  return { world: { ...machine, clock }, pause: (ms) => void (until = Math.max(until, base.monotonic() + ms)) };
}
