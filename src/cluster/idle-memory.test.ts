/** When a process gives its garbage back: once after each busy time, and never while it works. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { World } from '#world/world.ts';
import { startIdleMemory } from './idle-memory.ts';

/** Runs through looks of which each spent so many milliseconds; answers after which of them garbage was collected. */
async function collectedAfter(spent: readonly number[], residentBytes = 0): Promise<readonly number[]> {
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
    processes: { usage: () => ({ cpuMs, residentBytes }), collectGarbage: () => collected.push(look) },
  } as unknown as World;
  await using _running = startIdleMemory(world);
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
  assert.deepEqual(await collectedAfter([900, 0, 0], 2 ** 30), []);
});
