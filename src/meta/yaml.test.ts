import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseOwnJson } from './json.ts';
import { formatYaml, parseYaml, parseYamlBody } from './yaml.ts';

test('scalars read as kubectl reads them', () => {
  const [value] = parseYaml(
    [
      'yes: on',
      'a: y',
      'octal: 0o644',
      'old: 0644',
      'hex: 0x1F',
      'under: 1_000',
      'float: 1.5',
      'exp: 1e3',
      'date: 2026-01-02',
      'time: 2026-01-02T03:04:05Z',
      'null1: ~',
      'null2:',
      'version: 1.27.3',
      'quoted: "yes"',
      'port: 8080:80',
      'sexagesimal: 12:30:45',
      '1: one',
      'plus: +1',
      'minus: -0x10',
      'zero: 0',
      'word: 09',
    ].join('\n'),
  );
  assert.deepEqual(value, {
    true: true,
    a: true,
    octal: 420,
    old: 420,
    hex: 31,
    under: 1000,
    float: 1.5,
    exp: 1000,
    date: '2026-01-02',
    time: '2026-01-02T03:04:05Z',
    null1: null,
    null2: null,
    version: '1.27.3',
    quoted: 'yes',
    port: '8080:80',
    sexagesimal: '12:30:45',
    1: 'one',
    plus: 1,
    minus: -16,
    zero: 0,
    word: 9,
  });
});

test('documents, anchors and merge keys', () => {
  assert.deepEqual(parseYaml('---\na: 1\n---\n# nothing\n---\nb: &x {c: 1}\nd: {<<: *x, e: 2}\n'), [
    { a: 1 },
    { b: { c: 1 }, d: { c: 1, e: 2 } },
  ]);
  assert.deepEqual(parseYaml(''), []);
  assert.deepEqual(parseYaml('{"apiVersion": "v1"}'), [{ apiVersion: 'v1' }]);
});

test('a key that stands twice: the last wins, unless it is strict', () => {
  assert.deepEqual(parseYaml('a: 1\na: 2'), [{ a: 2 }]);
  assert.throws(() => parseYaml('a: 1\na: 2', { strict: true }), /yaml: line 2: /);
});

test('hostile text is refused', () => {
  assert.throws(() => parseYaml('a: [1, 2'), /^ApiError: yaml: /);
  assert.throws(() => parseYaml('a: &a [*a]\n'), /yaml: /);
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level++) bomb.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`);
  assert.throws(() => parseYaml(bomb.join('\n')), /excessive aliasing/);
  assert.throws(() => parseYaml('['.repeat(100_000)), /yaml: /);
  assert.throws(() => parseYaml('x'.repeat(4 << 20)), /larger than/);
  const [value] = parseYaml('__proto__: {polluted: true}');
  assert.deepEqual(Object.keys(value as object), ['__proto__']);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('what is printed reads back the same', () => {
  assert.equal(
    formatYaml({ a: [{ b: 'yes' }, 'x: y'], c: '1', d: '2026-01-01' }),
    'a:\n- b: "yes"\n- "x: y"\nc: "1"\nd: 2026-01-01\n',
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = parseOwnJson(JSON.stringify(value));
      if (json === null) return;
      assert.deepEqual(parseYaml(formatYaml(json)), [json]);
    }),
  );
});

test('whole numbers keep 64 bits, and what is no JSON number is refused', () => {
  const [value] = parseYaml('a: 9007199254740993\nb: -0x7fffffffffffffff\nc: [9223372036854775807, 1e17]\nd: 1_0.5\n');
  assert.deepEqual(value, {
    a: 9007199254740993n,
    b: -9223372036854775807n,
    c: [9223372036854775807n, 10n ** 17n],
    d: '1_0.5',
  });
  assert.deepEqual(parseYaml(formatYaml(value)), [value]);
  for (const text of ['1e999', '-1e999', '.inf', '-.Inf', '.nan', `0x${'f'.repeat(1000)}`, '9'.repeat(5000)])
    assert.throws(
      () => parseYaml(`a: ${text}`),
      /error converting YAML to JSON: json: unsupported value: (NaN|[-+]Inf)/,
    );
});

test('a body tells which key stands twice', () => {
  assert.deepEqual(parseYamlBody('a: 1\nb:\n  c: 1\n  "c": 2\n'), {
    documents: [{ a: 1, b: { c: 2 } }],
    duplicates: ['yaml: unmarshal errors:\n  line 4: key "c" already set in map'],
  });
  assert.deepEqual(parseYamlBody('a: 1').duplicates, []);
});

test('sorted, as a server answers', () => {
  assert.equal(
    formatYaml({ b: [{ d: 1, c: 2 }], a: 9007199254740993n }, { sorted: true }),
    'a: 9007199254740993\nb:\n- c: 2\n  d: 1\n',
  );
});
