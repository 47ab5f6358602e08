/** CBOR by the examples of RFC 8949, and hostile bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseOwnJson } from '#meta/json.ts';
import { CborError, decodeCbor, encodeCbor } from './cbor.ts';
import { s, struct } from './type.ts';

const hex = (value: unknown): string => encodeCbor(value).toString('hex');
const read = (text: string): unknown => decodeCbor(Buffer.from(text, 'hex'));

test('values have one encoding: the shortest heads, keys in the order of their bytes, texts as byte strings', () => {
  assert.equal(hex({ bb: 1, a: [true, null, 'x'], b: -1 }), 'a34161' + '83f5f64178' + '4162' + '20' + '426262' + '01');
  assert.equal(hex(1000), '1903e8');
  assert.equal(hex(1_000_000_000_000), '1b000000e8d4a51000');
  assert.equal(hex(9007199254740993n), '1b0020000000000001');
  assert.equal(hex(-9223372036854775808n), '3b7fffffffffffffff');
  assert.equal(hex(1.5), 'f93e00');
  assert.equal(hex(5.960464477539063e-8), 'f90001');
  assert.equal(hex(0.00006103515625), 'f90400');
  assert.equal(hex(100000.5), 'fa47c35040');
  assert.equal(hex(1.1), 'fb3ff199999999999a');
  const type = struct('test.v1.Thing', { data: s.bytes(1), ratio: s.number(2) });
  assert.equal(
    encodeCbor({ data: 'AAE=', ratio: 1 }, type).toString('hex'),
    'a24464617461d64200014572' + '6174696ff93c00',
  );
});

test('what others write is read: texts, tags, indefinite lengths', () => {
  assert.deepEqual(read('d9d9f7a16161820102'), { a: [1, 2] });
  assert.deepEqual(read('bf61610161629f0203ffff'), { a: 1, b: [2, 3] });
  assert.equal(read('5f42010243030405ff'), '\u0001\u0002\u0003\u0004\u0005');
  assert.equal(read('c074323031332d30332d32315432303a30343a30305a'), '2013-03-21T20:04:00Z');
  assert.equal(read('c11a514b67b0'), '2013-03-21T20:04:00Z');
  assert.equal(read('d6420001'), 'AAE=');
  assert.equal(read('d74401020304'), '01020304');
  assert.equal(read('1b0020000000000001'), 9007199254740993n);
  assert.equal(read('fb43e0000000000000'), 2 ** 63);
  assert.deepEqual(Object.keys(read('a1495f5f70726f746f5f5f01') as object), ['__proto__']);
});

test('what upstream refuses is refused', () => {
  for (const bytes of [
    '',
    '18',
    'a2616101616102', // a key twice
    'f97e00', // NaN
    'f97c00', // infinity
    'c249010000000000000000', // a big number
    '1bffffffffffffffff', // beyond 64 bits with a sign
    '3bffffffffffffffff',
    'f7', // undefined
    'f820',
    'ff',
    '62c328', // no UTF-8
    '0101', // more than one item
    '9b7fffffffffffffff',
    'bb7fffffffffffffff',
    '5b7fffffffffffffff',
    'a10102', // a key that is no text
    '5f6161ff',
    'c001',
    '1c',
    '81'.repeat(20_000) + '01',
    'c6'.repeat(20_000) + '01',
  ])
    assert.throws(() => read(bytes), CborError, bytes.slice(0, 40));
});

test('any bytes are read or refused, and what is written reads back the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeCbor(Buffer.from(bytes));
      } catch (error) {
        if (!(error instanceof CborError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), (value, wide) => {
      const json = parseOwnJson(JSON.stringify(value));
      assert.deepEqual(decodeCbor(encodeCbor({ json, wide })), { json, wide });
    }),
    { examples: [[2 ** 53, 2n ** 53n]] },
  );
});
