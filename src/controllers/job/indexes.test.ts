import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIndexes, parseIndexes } from './indexes.ts';

test('indexes are written as upstream writes them, and read again', () => {
  for (const [indexes, text] of [
    [[], ''],
    [[0], '0'],
    [[0, 1], '0-1'],
    [[1, 3, 4, 5, 7], '1,3-5,7'],
  ] as const) {
    assert.equal(formatIndexes(indexes), text);
    assert.deepEqual(parseIndexes(text, 10), indexes);
  }
});

test('indexes beyond the completions and parts that are none are left out', () => {
  assert.deepEqual(parseIndexes('1,3-99999999999,x,5-', 5), [1, 3, 4]);
});
