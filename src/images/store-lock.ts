/**
 * Who may clean up an image store that several processes use: everybody who adds something holds the lock shared, the one
 * who removes unreferenced content holds it alone. The lock is flock(2) on a file, held by a small child process, so a
 * crash releases it. It must never be waited for by a running pod.
 */
import { once } from 'node:events';
import type { World } from '#world/world.ts';

export interface StoreLock {
  /** Runs `work` while nobody cleans up. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` alone, or answers undefined at once when somebody else is at work. */
  tryExclusive<T>(work: () => Promise<T>): Promise<T | undefined>;
}

export function storeLock(world: World, path: string): StoreLock {
  let holders = 0;
  let held: Promise<Held | undefined> | undefined;
  return {
    async shared(work) {
      holders++;
      const mine = (held ??= acquire(world, path, '--shared'));
      try {
        await mine;
        return await work();
      } finally {
        if (--holders === 0) {
          held = undefined;
          await (await mine)?.release();
        }
      }
    },
    async tryExclusive(work) {
      if (holders > 0) return undefined;
      const lock = await acquire(world, path, '--exclusive', '--nonblock');
      if (!lock) return undefined;
      try {
        return await work();
      } finally {
        await lock.release();
      }
    },
  };
}

interface Held {
  release(): Promise<void>;
}

async function acquire(world: World, path: string, ...flags: readonly string[]): Promise<Held | undefined> {
  // `cat` ends when our end of its input closes: at the release, or when this process dies.
  const child = world.processes.spawn([
    'flock',
    ...flags,
    '--conflict-exit-code',
    '75',
    path,
    '-c',
    'echo held; exec cat',
  ]);
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8').slice(0, 1000)));
  const output = child.stdout;
  const first = await Promise.race([output ? once(output, 'data') : child.exited, child.exited]);
  if (typeof first === 'number') {
    if (first === 75) return undefined;
    throw new Error(`cannot lock ${path}: ${complaint.trim() || `flock ended with ${first}`}`);
  }
  output?.resume();
  return {
    async release() {
      child.stdin?.end();
      await child.exited;
    },
  };
}
