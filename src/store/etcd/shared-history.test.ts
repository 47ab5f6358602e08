/** History that is read for many at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compacted, StoreUnavailable } from '../store.ts';
import { sharedHistory, type ReadHistory } from './shared-history.ts';

/** Every revision is a change without events; `asked` remembers who asked for what. */
function history(before: (after: number) => void = () => undefined): { read: ReadHistory; asked: string[] } {
  const asked: string[] = [];
  const read: ReadHistory = async (after, until, onChange) => {
    asked.push(`${after}-${until}`);
    await Promise.resolve();
    before(after);
    for (let revision = after + 1; revision <= until; revision++) onChange({ revision, events: [] });
  };
  return { read, asked };
}

test('who asks at once is served by one reading, and each sees what he asked for', async () => {
  const { read, asked } = history();
  const shared = sharedHistory(read);
  const seen: Record<string, number[]> = { a: [], b: [], c: [] };
  const ask = (name: string, after: number, until: number): Promise<void> =>
    shared(after, until, ({ revision }) => seen[name]?.push(revision));
  await Promise.all([ask('a', 2, 5), ask('b', 4, 8), ask('c', 3, 4)]);
  assert.deepEqual(asked, ['2-8']);
  assert.deepEqual(seen, { a: [3, 4, 5], b: [5, 6, 7, 8], c: [4] });
  await ask('a', 5, 6);
  assert.deepEqual(asked, ['2-8', '5-6']);
});

test('who asks for what is forgotten hears so, and the others are read for once more', async () => {
  const { read, asked } = history((after) => {
    if (after < 4) throw new Compacted(4);
  });
  const shared = sharedHistory(read);
  const seen: number[] = [];
  const outcomes = await Promise.allSettled([
    shared(2, 6, () => assert.fail('nothing is left of that')),
    shared(4, 6, ({ revision }) => seen.push(revision)),
  ]);
  assert.deepEqual(
    [outcomes.map(({ status }) => status), seen, asked],
    [
      ['rejected', 'fulfilled'],
      [5, 6],
      ['2-6', '4-6'],
    ],
  );
});

test('when the history cannot be read all who wait hear of it, and the next are read for anew', async () => {
  let isAway = true;
  const { read } = history(() => {
    if (isAway) throw new StoreUnavailable('away');
  });
  const shared = sharedHistory(read);
  const ask = (): Promise<void> => shared(1, 2, () => undefined);
  const outcomes = await Promise.allSettled([ask(), ask()]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  isAway = false;
  await ask();
});
