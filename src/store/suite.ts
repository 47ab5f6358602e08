/**
 * One suite that every store must pass: what the API server relies on, said as tests. Called by the test file of each
 * implementation with a function that opens an empty store. The tests stand beside it, a topic a file.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StoreFailed, type Store } from './store.ts';
import { commands, runAgainstModel } from './test-suite-model.ts';
import { reads } from './test-suite-reads.ts';
import { watches } from './test-suite-watches.ts';
import { put, type It } from './test-suite-words.ts';
import { writes } from './test-suite-writes.ts';

export { put } from './test-suite-words.ts';

export function storeSuite(name: string, open: () => Promise<Store>): void {
  const it: It = (title, run) => {
    test(`${name}: ${title}`, async () => {
      await using store = await open();
      await run(store);
    });
  };

  writes(it);
  reads(it);
  watches(it);

  it('a closed store refuses every call', async (store) => {
    await put(store, '/a', '1');
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.get('/a'), StoreFailed);
    await assert.rejects(store.range('/'), StoreFailed);
    await assert.rejects(put(store, '/a', '2'), StoreFailed);
    await assert.rejects(
      store.watch('/', 1, () => {}),
      StoreFailed,
    );
    await assert.rejects(store.compact(2), StoreFailed);
  });

  test(`${name}: behaves as a list of whole states`, async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        await using store = await open();
        await runAgainstModel(store, sequence);
      }),
      { numRuns: 60 },
    );
  });
}
