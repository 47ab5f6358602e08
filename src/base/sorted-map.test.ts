/**
 * The sorted map against a plain Map that is sorted at every look.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

function modelRange(model: Map<string, number>, prefix: string, from?: string, limit = Infinity) {
  const keys = [...model.keys()].sort((a, b) => (a < b ? -1 : 1));
  const found = keys.filter((key) => key.startsWith(prefix) && (from === undefined || key >= from));
  return { values: found.slice(0, limit).map((key) => model.get(key)), count: found.length };
}

test('ranges are those of a sorted list', () => {
  const key = fc.stringMatching(/^[ab/]{0,4}$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.option(fc.nat())), { maxLength: 60 }),
      key,
      fc.option(key, { nil: undefined }),
      fc.option(fc.nat(10), { nil: undefined }),
      (changes, prefix, from, limit) => {
        const map = new SortedMap<number>();
        const model = new Map<string, number>();
        for (const [name, value] of changes) {
          if (value === null) assert.equal(map.delete(name), model.delete(name));
          else {
            map.set(name, value);
            model.set(name, value);
          }
        }
        assert.deepEqual(map.range(prefix, { from, limit }), modelRange(model, prefix, from, limit));
        assert.equal(map.size, model.size);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('thousands of keys in and out keep their order', () => {
  const map = new SortedMap<number>();
  const model = new Map<string, number>();
  let seed = 1;
  for (let i = 0; i < 30_000; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const key = `/${seed % 7}/${seed % 5_003}`;
    if (seed % 3 === 0) assert.equal(map.delete(key), model.delete(key));
    else {
      map.set(key, i);
      model.set(key, i);
    }
  }
  for (const prefix of ['', '/', '/3/', '/3/1', '/9', '0'])
    assert.deepEqual(map.range(prefix), modelRange(model, prefix));
  assert.deepEqual(
    [...map.keys()],
    [...model.keys()].sort((a, b) => (a < b ? -1 : 1)),
  );
  for (const key of model.keys()) map.delete(key);
  assert.deepEqual(map.range(''), { values: [], count: 0 });
});
