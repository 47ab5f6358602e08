import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryOf } from './random-object.ts';
import { strategicMerge } from './strategic-merge.ts';
import { s, struct, t } from './type.ts';

const box = struct('test.v1.Box', {
  name: s.string(1),
  image: s.string(2).optional(),
  args: s.list(3, t.string).optional(),
});
const port = struct('test.v1.Port', { port: s.int32(1), name: s.string(2).optional() });
const type = struct('test.v1.Spec', {
  boxes: s.list(1, box, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } }).optional(),
  ports: s.list(2, port, { list: 'map', keys: ['port'], patch: { strategy: 'merge', mergeKey: 'port' } }).optional(),
  finalizers: s.list(3, t.string, { list: 'set', patch: { strategy: 'merge' } }).optional(),
  args: s.list(4, t.string).optional(),
  labels: s.map(5, t.string).optional(),
  strategy: s
    .field(6, struct('test.v1.Strategy', { type: s.string(1).optional(), rolling: s.any(2).optional() }))
    .optional()
    .patchStrategy('retainKeys'),
  whole: s
    .field(7, struct('test.v1.Whole', { a: s.string(1).optional(), b: s.string(2).optional() }))
    .optional()
    .patchStrategy('replace'),
});

const names = (value: unknown): string[] => (value as { boxes: { name: string }[] }).boxes.map((one) => one.name);

test('lists merge by their key, others are replaced, null deletes', () => {
  const original = {
    boxes: [{ name: 'a', image: 'i:1', args: ['x'] }, { name: 'b' }],
    args: ['1', '2'],
    labels: { k: 'v', gone: 'x' },
  };
  assert.deepEqual(
    strategicMerge(type, original, {
      boxes: [{ name: 'a', image: 'i:2' }, { name: 'c' }],
      args: ['3'],
      labels: { gone: null, n: '1' },
    }),
    {
      boxes: [{ name: 'a', image: 'i:2', args: ['x'] }, { name: 'c' }, { name: 'b' }],
      args: ['3'],
      labels: { k: 'v', n: '1' },
    },
  );
});

test('$patch deletes and replaces items, lists and maps', () => {
  const original = {
    boxes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    labels: { a: '1' },
    ports: [{ port: 80, name: 'http' }],
  };
  assert.deepEqual(names(strategicMerge(type, original, { boxes: [{ name: 'b', $patch: 'delete' }] })), ['a', 'c']);
  assert.deepEqual(names(strategicMerge(type, original, { boxes: [{ $patch: 'replace' }, { name: 'z' }] })), ['z']);
  assert.deepEqual(strategicMerge(type, original, { labels: { $patch: 'replace', b: '2' } }), {
    ...original,
    labels: { b: '2' },
  });
  assert.deepEqual(strategicMerge(type, original, { labels: { $patch: 'delete' } }), { ...original, labels: {} });
  assert.deepEqual(strategicMerge(type, original, { ports: [{ port: 80, $patch: 'delete' }] }), {
    ...original,
    ports: [],
  });
  assert.throws(() => strategicMerge(type, original, { labels: { $patch: 'frob' } }), /unknown patch type: frob/);
  assert.throws(
    () => strategicMerge(type, original, { boxes: [{ image: 'x' }] }),
    /does not contain declared merge key: name/,
  );
});

test('sets of scalars unite; $deleteFromPrimitiveList takes out', () => {
  const original = { finalizers: ['a', 'b'] };
  assert.deepEqual(strategicMerge(type, original, { finalizers: ['c', 'a'] }), { finalizers: ['c', 'a', 'b'] });
  assert.deepEqual(strategicMerge(type, original, { '$deleteFromPrimitiveList/finalizers': ['a'] }), {
    finalizers: ['b'],
  });
  assert.deepEqual(
    strategicMerge(type, original, {
      '$deleteFromPrimitiveList/finalizers': ['a'],
      finalizers: ['d'],
      '$setElementOrder/finalizers': ['b', 'd'],
    }),
    { finalizers: ['b', 'd'] },
  );
});

test('$setElementOrder arranges items', () => {
  const original = { boxes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] };
  const order = (...wanted: string[]) => ({ '$setElementOrder/boxes': wanted.map((name) => ({ name })) });
  assert.deepEqual(names(strategicMerge(type, original, order('c', 'a'))), ['b', 'c', 'a']);
  assert.deepEqual(names(strategicMerge(type, original, { ...order('n', 'a'), boxes: [{ name: 'n' }] })), [
    'n',
    'a',
    'b',
    'c',
  ]);
  assert.throws(
    () => strategicMerge(type, original, { ...order('a'), boxes: [{ name: 'n' }] }),
    /doesn't match \$setElementOrder list/,
  );
});

test('$retainKeys drops what it does not name', () => {
  const original = { strategy: { type: 'RollingUpdate', rolling: { max: 1 } } };
  assert.deepEqual(strategicMerge(type, original, { strategy: { $retainKeys: ['type'], type: 'Recreate' } }), {
    strategy: { type: 'Recreate' },
  });
  assert.throws(
    () => strategicMerge(type, original, { strategy: { $retainKeys: ['type'], rolling: {} } }),
    /invalid patch format of retainKeys/,
  );
});

test('a struct with the replace strategy is replaced', () => {
  assert.deepEqual(strategicMerge(type, { whole: { a: '1' } }, { whole: { b: '2' } }), { whole: { b: '2' } });
});

test('an empty patch, or the object itself, changes nothing; the original stays as it is', () => {
  fc.assert(
    fc.property(arbitraryOf(type), arbitraryOf(type), (original, patch) => {
      assert.equal(strategicMerge(type, original, {}), original);
      assert.deepEqual(strategicMerge(type, original, original), original);
      const before = JSON.stringify(original);
      const once = strategicMerge(type, original, patch);
      assert.equal(JSON.stringify(original), before);
      assert.deepEqual(strategicMerge(type, once, patch), once);
    }),
  );
});
