/** Keys and intervals: whatever bytes a client asks for, it must get what etcd would give it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrpcError } from '#world/grpc.ts';
import { intervalOf, isWithin, keyBytes, keyText, leastTextFrom, prefixOf } from './keys.ts';

/** Up to where the order of text is that of its bytes: UTF-16 puts what is beyond U+FFFF before U+E000. */
const parts = fc.constantFrom('a', 'b', '/', 'ä', '\u007f', '\u07ff', '\ud7ff', 'z');
const text = fc.array(parts, { maxLength: 4 }).map((all) => all.join(''));
const piece = fc.constantFrom(0x00, 0x01, 0x61, 0x62, 0x7f, 0x80, 0xbf, 0xc2, 0xc3, 0xed, 0xa0, 0xee, 0xf4, 0xf5, 0xff);
const bytes = fc.oneof(
  fc.array(piece, { maxLength: 5 }).map((all) => Buffer.from(all)),
  text.map((each) => Buffer.from(each)),
);

test('the least text from some bytes on divides all texts as the bytes do', () => {
  fc.assert(
    fc.property(bytes, text, (bound, key) => {
      const least = leastTextFrom(bound);
      const isFrom = keyBytes(key).compare(bound) >= 0;
      assert.equal(least !== undefined && keyBytes(key).compare(Buffer.from(least)) >= 0, isFrom);
    }),
    { numRuns: 3_000 },
  );
});

test('an interval holds the keys that etcd’s holds, and begins with its prefix', () => {
  fc.assert(
    fc.property(
      bytes,
      bytes,
      text.filter((key) => key > '\u0001'),
      (from, end, key) => {
        const interval = intervalOf(from, end);
        const own = keyBytes(key);
        const isIn =
          end.length === 0
            ? own.equals(from)
            : own.compare(from) >= 0 && ((end.length === 1 && end[0] === 0) || own.compare(end) < 0);
        assert.equal(isWithin(key, interval), isIn);
        if (isIn) assert.ok(key.startsWith(prefixOf(interval)));
      },
    ),
    { numRuns: 3_000 },
  );
});

test('a key that would not come back as it went is refused', () => {
  for (const key of ['/a', 'ä', '\u{1f600}', '\ufeff/a']) assert.equal(keyText(keyBytes(key)), key);
  for (const key of [Buffer.of(0x61, 0), Buffer.of(0xff), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(1, 0x61)])
    assert.throws(() => keyText(key), GrpcError);
});
