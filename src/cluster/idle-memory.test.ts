/** When a process gives its garbage back: once after each busy time, and never while it works. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { World } from '#world/world.ts';
import { startIdleMemory } from './idle-memory.ts';

/** Runs through looks of which each spent so many milliseconds; answers after which of them garbage was collected. */
async function collectedAfter(
  spent: readonly number[],
  {
    residentBytes = 0,
    threads,
    onCollected,
  }: { residentBytes?: number; threads?: () => Promise<void>; onCollected?: () => void } = {},
): Promise<readonly number[]> {
  let cpuMs = 0;
  let look = -1;
  const collected: number[] = [];
  const { promise: done, resolve: end } = Promise.withResolvers<void>();
  const world = {
    clock: {
      async sleep(_ms: number, { signal }: { signal: AbortSignal }) {
        look += 1;
        if (look >= spent.length) {
          end();
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
        }
        cpuMs += spent[look] ?? 0;
      },
    },
    processes: {
      usage: () => ({ cpuMs, residentBytes }),
      collectGarbage: () => {
        collected.push(look);
        onCollected?.();
      },
    },
    log: { debug: () => undefined },
  } as unknown as World;
  await using _running = startIdleMemory(world, threads);
  await done;
  return collected;
}

test('garbage is collected once in the first quiet look after a busy time', async () => {
  assert.deepEqual(await collectedAfter([900, 400, 10, 10, 10, 500, 600, 0, 0]), [2, 7]);
});

test('a process that is always busy, or never was, is left alone', async () => {
  assert.deepEqual(await collectedAfter([400, 400, 400, 400]), []);
  assert.deepEqual(await collectedAfter([10, 10, 10, 10]), []);
});

test('a process whose collection would block for long is left alone', async () => {
  assert.deepEqual(await collectedAfter([900, 0, 0], { residentBytes: 2 ** 30 }), []);
});

test('the threads of a process collect first, and one that cannot stops nothing', async () => {
  const order: string[] = [];
  const threads = async (): Promise<void> => {
    order.push('thread');
    throw new Error('it has ended');
  };
  assert.deepEqual(
    await collectedAfter([900, 0, 900, 0], { threads, onCollected: () => order.push('process') }),
    [1, 3],
  );
  assert.deepEqual(order, ['thread', 'process', 'thread', 'process']);
});
