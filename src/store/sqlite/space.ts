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
  /** While full: the reserve has been given up, so deletions have what room there is. */
  readonly released: Promise<void>;
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
  let released = Promise.resolve();
  const laying = layReserve().then(undefined, (error: unknown) => {
    world.log.debug('there is no room for a reserve', { error: String(error) });
  });

  async function layReserve(): Promise<void> {
    if ((await world.disk.stat(reserve))?.sizeBytes === reserveBytes) return;
    // What a file system could compress or leave as a hole would reserve nothing.
    await world.disk.write(reserve, world.random.bytes(reserveBytes), { mode: 0o600 });
  }

  /** Never rejects: a reserve that cannot be removed is only room that is missing. */
  async function release(): Promise<void> {
    await laying;
    try {
      await world.disk.remove(reserve);
    } catch (error) {
      world.log.error('the reserve of the store cannot be given up', { error: String(error) });
    }
  }

  /** True when everything is as before. */
  async function healed(): Promise<boolean> {
    try {
      // The room that the reserve left does not count: it is for deletions.
      if ((await world.disk.space(dirname(path))).freeBytes < 2 * reserveBytes) return false;
      await layReserve();
      if (await probe()) return true;
    } catch (error) {
      world.log.debug('there is no room yet', { error: String(error) });
      return false;
    }
    await release();
    return false;
  }

  async function heal(): Promise<void> {
    world.log.warn('the disk of the store is full: only reads and deletions are possible', { path });
    await released;
    do await world.clock.sleep(retryMs, { signal });
    while (!(await healed()));
    full = false;
    healing = undefined;
    world.log.info('the disk of the store has room again', { path });
  }

  return {
    get full() {
      return full;
    },
    get released() {
      return released;
    },
    exhausted() {
      full = true;
      if (healing) return;
      released = release();
      healing = heal().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([laying, healing]);
    },
  };
}
