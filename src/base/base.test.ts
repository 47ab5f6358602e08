/**
 * The lowest floor's pieces, each checked against a plain model or against what Go prints.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionFailed, assert as ours, defined } from './assert.ts';
import { BoundedQueue } from './bounded-queue.ts';
import { Slabs, decodeBase64, encodeBase64 } from './bytes.ts';
import { deepEqual } from './deep-equal.ts';
import { deepFreeze } from './deep-freeze.ts';
import { deferred } from './deferred.ts';
import { asyncDisposable, disposable } from './disposable.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { goQuote } from './go-quote.ts';
import { fnv1a32, fnv1a64, safeEncode } from './hash.ts';
import { Heap } from './heap.ts';
import { Lru } from './lru.ts';

test('a failed assertion names the bug', () => {
  assert.throws(() => ours(Number('1') > 2, 'one is more than two'), AssertionFailed);
  assert.throws(() => defined(undefined, 'nothing'), /bug: nothing/);
  assert.equal(defined(0), 0);
});

test('a deferred settles from outside', async () => {
  const one = deferred<number>();
  assert.equal(one.settled, false);
  one.resolve(7);
  assert.equal(one.settled, true);
  assert.equal(await one.promise, 7);
});

test('a disposable runs once', async () => {
  let runs = 0;
  const sync = disposable(() => void runs++);
  sync[Symbol.dispose]();
  sync[Symbol.dispose]();
  const later = asyncDisposable(() => void runs++);
  await Promise.all([later[Symbol.asyncDispose](), later[Symbol.asyncDispose]()]);
  assert.equal(runs, 2);
});

test('a bounded queue delivers in order, refuses when full, and ends', async () => {
  const queue = new BoundedQueue<number>({ limit: 3 });
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => queue.push(n)),
    [true, true, true, false],
  );
  queue.close();
  assert.equal(queue.push(5), false);
  assert.deepEqual(await Array.fromAsync(queue), [1, 2, 3]);
});

test('a waiting reader of a bounded queue gets the next item, and failures come after the items', async () => {
  const queue = new BoundedQueue<number>({ limit: 1 });
  const first = queue.next();
  queue.push(1);
  assert.deepEqual(await first, { value: 1, done: false });
  queue.push(2);
  queue.fail(new Error('lost'));
  assert.deepEqual(await queue.next(), { value: 2, done: false });
  await assert.rejects(queue.next(), /lost/);
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
});

test('leaving the loop over a bounded queue tells its producer', async () => {
  let left = 0;
  const queue = new BoundedQueue<number>({ limit: 9, onReturn: () => left++ });
  queue.push(1);
  for await (const _ of queue) break;
  assert.equal(left, 1);
  assert.equal(queue.push(2), false);
});

test('a bounded queue keeps order over thousands of items', async () => {
  const queue = new BoundedQueue<number>({ limit: 10_000 });
  const seen: number[] = [];
  for (let i = 0; i < 10_000; i++) {
    queue.push(i);
    if (i % 3 === 0) seen.push((await queue.next()).value as number);
  }
  queue.close();
  for await (const item of queue) seen.push(item);
  assert.deepEqual(
    seen,
    Array.from({ length: 10_000 }, (_, i) => i),
  );
});

test('deepFreeze freezes every branch', () => {
  const tree = deepFreeze({ a: [{ b: 1 }], c: null });
  assert.throws(() => ((tree.a[0] as { b: number }).b = 2), TypeError);
});

test('deepEqual tells what JSON text would tell', () => {
  assert.ok(deepEqual({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(!deepEqual({ a: 1 }, { a: 1, b: null }));
  assert.ok(!deepEqual({ a: undefined }, { b: undefined, a: 1 }));
  assert.ok(!deepEqual([1], { 0: 1 }));
  const ordered = (value: unknown): string =>
    JSON.stringify(value, (_, v: unknown) =>
      v && typeof v === 'object' && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
        : v,
    );
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
      assert.ok(deepEqual(a, JSON.parse(JSON.stringify(a))));
      assert.equal(deepEqual(a, b), ordered(a) === ordered(b));
    }),
  );
});

test('an LRU forgets what was unused longest, by weight', () => {
  const cache = new Lru<string, string>({ limit: 5, weigh: (value) => value.length });
  cache.set('a', 'xx');
  cache.set('b', 'xx');
  cache.get('a');
  cache.set('c', 'xx');
  assert.equal(cache.peek('b'), undefined);
  assert.equal(cache.get('a'), 'xx');
  cache.set('d', 'too heavy');
  assert.equal(cache.size, 2);
  assert.equal(cache.weight, 4);
});

test('a heap behaves as a sorted map', () => {
  const command = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key: fc.nat(20), rank: fc.integer() }),
    fc.record({ do: fc.constant('delete' as const), key: fc.nat(20) }),
    fc.record({ do: fc.constant('pop' as const) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
      const heap = new Heap<{ key: string; rank: number }>({ key: (i) => i.key, before: (a, b) => a.rank < b.rank });
      const model = new Map<string, number>();
      for (const one of commands) {
        if (one.do === 'set') {
          heap.set({ key: String(one.key), rank: one.rank });
          model.set(String(one.key), one.rank);
        } else if (one.do === 'delete') {
          assert.equal(heap.delete(String(one.key))?.rank, model.get(String(one.key)));
          model.delete(String(one.key));
        } else {
          const popped = heap.pop();
          assert.equal(popped?.rank, model.size ? Math.min(...model.values()) : undefined);
          if (popped) model.delete(popped.key);
        }
        assert.equal(heap.size, model.size);
      }
    }),
  );
});

test('durations are read and printed as Go does', () => {
  const cases: [string, number, string][] = [
    ['0', 0, '0s'],
    ['5s', 5_000, '5s'],
    ['1h2m3s', 3_723_000, '1h2m3s'],
    ['100ms', 100, '100ms'],
    ['1.5h', 5_400_000, '1h30m0s'],
    ['-1m30.5s', -90_500, '-1m30.5s'],
    ['.5s', 500, '500ms'],
    ['1us', 0.001, '1µs'],
    ['12ns', 0.000012, '12ns'],
    ['+90m', 5_400_000, '1h30m0s'],
    ['2540400h', 9_145_440_000_000, '2540400h0m0s'],
  ];
  for (const [text, ms, printed] of cases) {
    assert.equal(parseDuration(text), ms, text);
    assert.equal(formatDuration(ms), printed);
  }
  for (const [text, message] of [
    ['', 'time: invalid duration ""'],
    ['3', 'time: missing unit in duration "3"'],
    ['-', 'time: invalid duration "-"'],
    ['.s', 'time: invalid duration ".s"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['1s 2m', 'time: unknown unit "s " in duration "1s 2m"'],
    ['9999999999h', 'time: invalid duration "9999999999h"'],
    ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"'],
  ] as const) {
    assert.throws(() => parseDuration(text), { name: 'RangeError', message });
  }
  fc.assert(fc.property(fc.integer(), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
});

test('goQuote escapes as %q', () => {
  assert.equal(goQuote('web-1'), '"web-1"');
  assert.equal(goQuote('a"b\\c\n\t\u0007\u007f'), String.raw`"a\"b\\c\n\t\a\x7f"`);
  assert.equal(goQuote('é☺\u00a0\u200b\ud800'), '"é☺\\u00a0\\u200b\ufffd"');
  assert.equal(goQuote('\u{e0001}'), '"\\U000e0001"');
});

test('hashes and safe spellings are those of Go', () => {
  assert.equal(fnv1a32(''), 0x811c9dc5);
  assert.equal(fnv1a32('foobar'), 0xbf9cf968);
  assert.equal(fnv1a64('foobar'), 0x85944171f73967e8n);
  assert.equal(safeEncode('0123456789'), '456789bcdf');
});

test('slabs keep the bytes they were given', () => {
  const slabs = new Slabs({ slabBytes: 64 });
  const kept = Array.from({ length: 50 }, (_, i) => slabs.keep(Buffer.alloc(i, i)));
  for (const [i, bytes] of kept.entries()) assert.ok(bytes.equals(Buffer.alloc(i, i)));
});

test('base64 is read strictly', () => {
  assert.equal(decodeBase64('aGk=')?.toString(), 'hi');
  assert.equal(decodeBase64('aG\nk=')?.toString(), 'hi');
  for (const bad of ['aGk', 'a', 'aG*=', '====', 'aGk=x', 'a-_=']) assert.equal(decodeBase64(bad), undefined, bad);
  assert.equal(encodeBase64(new Uint8Array([104, 105])), 'aGk=');
});
