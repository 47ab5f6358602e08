/**
 * Reads the whole data file again and again, a small piece at a time, and verifies every row: what lies unread for months
 * would else rot unseen. The worker throws what it finds, which ends the store; this side only keeps the pace.
 */
import type { Millis, World } from '#world/world.ts';
import type { Store } from '../store.ts';
import type { Answer } from './protocol.ts';

/** A step takes a millisecond or two of the worker's time: at this pace a small part of it, and 3 GB take 10 minutes. */
const stepPauseMs: Millis = 100;
const roundPauseMs: Millis = 60 * 60 * 1_000;

export interface Scrub extends AsyncDisposable {
  readonly gauges: NonNullable<Store['gauges']>;
}

export function startScrub(world: World, step: (after: number) => Promise<Answer>): Scrub {
  const stop = new AbortController();
  const { signal } = stop;
  let rows = 0;
  let rounds = 0;
  let finishedAt: Millis = 0;
  const running = (async () => {
    for (let after = 0; ;) {
      await world.clock.sleep(stepPauseMs, { signal });
      const { next, count = 0 } = await step(after);
      rows += count;
      after = next ?? 0;
      if (next !== undefined) continue;
      rounds++;
      finishedAt = world.clock.now();
      await world.clock.sleep(roundPauseMs, { signal });
    }
  })().catch((error: unknown) => {
    // A failure of the store is told by `failed`; here it only ends the round.
    if (!signal.aborted) world.log.debug('the scrub ends with the store', { error: String(error) });
  });
  return {
    gauges: {
      k8ts_store_scrub_rows_total: { help: 'Rows whose checksums the scrub verified.', value: () => rows },
      k8ts_store_scrub_rounds_total: {
        help: 'How often the scrub went through the whole data file.',
        value: () => rounds,
      },
      k8ts_store_scrub_finished_timestamp_seconds: {
        help: 'When the scrub last went through the whole data file, since the epoch.',
        value: () => finishedAt / 1_000,
      },
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
