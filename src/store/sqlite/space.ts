/**
 * What the store does when its disk is full. Deletions need room too, so some is kept for them: a reserve file beside the
 * data that is given up when a write first finds no room. From then on the store asks again and again whether there is room;
 * when a write goes through and the reserve could be laid in anew, everything is as before.
 */
import { dirname } from 'node:path';
import type { Millis, World } from '#world/world.ts';

/** Some hundred deletions one by one (each writes four or five pages), many more in common commits. */
const reserveBytes = 4 * 1024 * 1024;
/** How long after a try comes the next one. */
const retryMs: Millis = 1_000;

export interface Space extends AsyncDisposable {
  /** True while puts are refused. */
  readonly full: boolean;
  /** A write found no room. */
  exhausted(): void;
}

/** Keeps the reserve of the data file at `path`. `probe` tries a write and tells whether it went through. */
export function startSpace(world: World, path: string, probe: () => Promise<boolean>): Space {
  const reserve = `${path}-reserve`;
  const stop = new AbortController();
  const { signal } = stop;
  let full = false;
  let healing: Promise<void> | undefined;
  const laying = layReserve().then(undefined, (error: unknown) => {
    world.log.debug('there is no room for a reserve', { error: String(error) });
  });

  async function layReserve(): Promise<void> {
    if ((await world.disk.stat(reserve))?.sizeBytes === reserveBytes) return;
    // What a file system could compress or leave as a hole would reserve nothing.
    const bytes = Buffer.alloc(reserveBytes);
    let state = 1;
    for (let at = 0; at < reserveBytes; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes.writeUInt32LE(state, at);
    }
    await world.disk.write(reserve, bytes, { mode: 0o600 });
  }

  async function heal(): Promise<void> {
    await laying;
    world.log.warn('the disk of the store is full: only reads and deletions are possible', { path });
    await world.disk.remove(reserve);
    for (;;) {
      await world.clock.sleep(retryMs, { signal });
      // The room that the reserve left does not count: it is for deletions.
      if ((await world.disk.space(dirname(path))).freeBytes < 2 * reserveBytes) continue;
      try {
        await layReserve();
      } catch (error) {
        world.log.debug('there is no room yet', { error: String(error) });
        continue;
      }
      if (await probe()) break;
      await world.disk.remove(reserve);
    }
    full = false;
    healing = undefined;
    world.log.info('the disk of the store has room again', { path });
  }

  return {
    get full() {
      return full;
    },
    exhausted() {
      full = true;
      healing ??= heal().catch((error: unknown) => {
        // The end of the store, by itself or asked for. Anything else (the reserve cannot be removed) is tried at the next write.
        healing = undefined;
        if (!signal.aborted) world.log.error('the store cannot wait for room', { error: String(error) });
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([laying, healing]);
    },
  };
}
