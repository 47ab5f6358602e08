import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonDepthMax, parseJson, parseOwnJson } from './json.ts';

const read = (text: string | Uint8Array) => parseJson(text, { duplicates: true });

test('text becomes the value that JSON.parse makes of it, but for whole numbers beyond 2^53', () => {
  // Those are bigints by design (the next tests say when); a random double is one of them now and then.
  const exact = (_key: string, value: unknown, { source = '' }: { source?: string } = {}): unknown =>
    /^-?\d{16,19}$/.test(source) && !Number.isSafeInteger(value) && fitsInt64(BigInt(source)) ? BigInt(source) : value;
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const { value: read1, duplicates } = read(Buffer.from(text));
      assert.deepEqual(read1, JSON.parse(text, exact));
      assert.deepEqual(duplicates, []);
    }),
    { examples: [[[-9007199254740992, 2 ** 62, 2 ** 63, -(2 ** 63), 1e19, 1e300]]] },
  );
});

function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

test('fields that stand twice are named by their paths, and the last one counts', () => {
  const text = '{"a":1,"b":{"c":[{"d":1,"d":2},{"d\\u0065":1,"de":2}]},"a":"\\"}:{","x":{"y":{},"y":{}}}';
  assert.deepEqual(read(text), {
    value: JSON.parse(text),
    duplicates: ['b.c[0].d', 'b.c[1].de', 'a', 'x.y'],
  });
  assert.deepEqual(parseJson(text, { duplicates: false }).duplicates, []);
});

test('colons and braces in strings do not confuse it', () => {
  for (const value of [{ 'a:b': ':{[' }, { '\\': '\\\\"' }, ['\\"', { '"': '\\' }], 'x\\\\']) {
    const { value: back, duplicates } = read(JSON.stringify(value));
    assert.deepEqual([JSON.stringify(back), duplicates], [JSON.stringify(value), []]);
  }
});

test('a key __proto__ is data', () => {
  const { value } = read('{"__proto__":{"polluted":true},"constructor":1}');
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('what is no JSON is refused in Go’s words', () => {
  const messages: Record<string, string> = {
    '': 'unexpected end of JSON input',
    '{': 'unexpected end of JSON input',
    '{"a":': 'unexpected end of JSON input',
    '"a': 'unexpected end of JSON input',
    '{a:1}': "invalid character 'a' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a":1 "b":2}': "invalid character '\"' after object key:value pair",
    '[1 2]': "invalid character '2' after array element",
    '[1,]': "invalid character ']' looking for beginning of value",
    tru: 'unexpected end of JSON input',
    nul1: "invalid character '1' in literal null (expecting 'l')",
    '{} {}': "invalid character '{' after top-level value",
    '"\\x"': "invalid character 'x' in string escape code",
    'kind: Pod': "invalid character 'k' looking for beginning of value",
    '"\n"': "invalid character '\\n' in string literal",
  };
  for (const [text, message] of Object.entries(messages))
    assert.throws(() => read(text), { reason: 'BadRequest', message }, text);
  assert.throws(() => read(Buffer.from([0x22, 0xff, 0x22])), {
    reason: 'BadRequest',
    message: 'invalid UTF-8 in JSON text',
  });
});

test('depth is limited', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  assert.doesNotThrow(() => read(deep(jsonDepthMax)));
  assert.throws(() => read(deep(jsonDepthMax + 1)), /exceeded max depth/);
  assert.throws(() => read('['.repeat(3_000_000)), /exceeded max depth/);
  assert.throws(() => read(`${'{"a":'.repeat(200_000)}`), /exceeded max depth/);
});

test('whole numbers keep 64 bits, and equal ones are of one type', () => {
  const text =
    '{"a":9007199254740993,"b":[-9007199254740993,9223372036854775807,-9223372036854775808],"c":9007199254740991}';
  const { value } = read(text);
  assert.deepEqual(value, {
    a: 9007199254740993n,
    b: [-9007199254740993n, 9223372036854775807n, -9223372036854775808n],
    c: 9007199254740991,
  });
  assert.equal(JSON.stringify(value), text);
  assert.deepEqual(parseOwnJson(text), value);
  assert.deepEqual(read('[1e17,100000000000000000,1.5e3]').value, [10n ** 17n, 10n ** 17n, 1500]);
  // Beyond 64 bits they are doubles, as in Go.
  assert.deepEqual(read('[18446744073709551616,1e300]').value, [2 ** 64, 1e300]);
  assert.deepEqual(parseOwnJson('{"digest":"1234567890123456789"}'), { digest: '1234567890123456789' });
});

test('numbers that nothing can hold, and halves of surrogate pairs', () => {
  for (const text of ['1e999', '-1e999', '9'.repeat(400), `{"a":[${'9'.repeat(100_000)}]}`]) {
    assert.throws(
      () => read(text),
      /^ApiError: json: cannot unmarshal number [-0-9e]{1,64} into Go value of type float64$/,
    );
  }
  assert.deepEqual(read(String.raw`{"\ud800":"a\udfffb","c":"\ud83d\ude00"}`).value, {
    '\ufffd': 'a\ufffdb',
    c: '\u{1f600}',
  });
});

test('a key that JavaScript knows is data on the slow way too', () => {
  const { value, duplicates } = read('{"__proto__":{"a":9007199254740993},"constructor":1,"constructor":2}');
  assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
  assert.equal((value as { a?: unknown }).a, undefined);
  assert.deepEqual(duplicates, ['constructor']);
});
