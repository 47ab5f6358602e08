import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, type DecodeOptions } from './decode.ts';
import { applyDefaults } from './default.ts';
import { arbitraryOf } from './random-object.ts';
import { s, struct, t, type StructType } from './type.ts';
import { validateStruct, withoutRefused } from './validate.ts';
import type { Cause } from '#meta/status.ts';

const item = struct('test.v1.Item', {
  name: s.string(1),
  size: s.int32(2).min(1).default(10).optional(),
  protocol: s.oneOf(3, 'TCP', 'UDP').default('TCP'),
  port: s.intOrString(4).optional(),
});
const inner = struct('test.v1.Inner', {
  replicas: s.int32(1).keepsZero().min(0).default(1),
  generation: s.int64(2).optional(),
  ratio: s.number(3).optional(),
  paused: s.boolean(4).optional(),
  items: s.list(5, item, { list: 'map', keys: ['name'] }),
  labels: s.map(6, t.string).optional(),
  limits: s.map(7, t.quantity).optional(),
  at: s.time(8).optional(),
  exactly: s.microTime(9).optional(),
  data: s.bytes(10).optional(),
  any: s.any(11).optional(),
  tags: s.list(12, t.string, { list: 'set' }).optional(),
  free: s.list(13, t.string).optional(),
  selector: s.field(14, struct('test.v1.Selector', { key: s.string(1).optional() })),
  port: s.int32(15).min(1).max(65535).optional(),
  nested: s.field(16, struct('test.v1.Nested', { mode: s.oneOf(1, 'A', 'B').default('A') })).default({}),
});
const thing = struct('apps.v1.Thing', { spec: s.field(1, inner) });

const read = (raw: unknown, options: Partial<DecodeOptions> = {}) => decode(thing, raw, { strict: 'Warn', ...options });
const spec = (fields: object): object => ({ spec: { items: [{ name: 'a' }], selector: {}, ...fields } });
const fails = (raw: unknown, message: string, options: Partial<DecodeOptions> = {}) =>
  assert.throws(() => read(raw, options), {
    reason: 'BadRequest',
    message: `Thing in version "v1" cannot be handled as a Thing: ${message}`,
  });

test('a wrong type is an error that names the Go field', () => {
  fails(
    spec({ replicas: 'three' }),
    'json: cannot unmarshal string into Go struct field Inner.spec.replicas of type int32',
  );
  fails(
    spec({ replicas: 1.5 }),
    'json: cannot unmarshal number 1.5 into Go struct field Inner.spec.replicas of type int32',
  );
  fails(
    spec({ replicas: 3_000_000_000 }),
    'json: cannot unmarshal number 3000000000 into Go struct field Inner.spec.replicas of type int32',
  );
  fails(spec({ paused: 'yes' }), 'json: cannot unmarshal string into Go struct field Inner.spec.paused of type bool');
  fails(spec({ items: {} }), 'json: cannot unmarshal object into Go struct field Inner.spec.items of type []v1.Item');
  fails(
    spec({ items: [{ name: 1 }] }),
    'json: cannot unmarshal number into Go struct field Item.spec.items.name of type string',
  );
  fails(
    spec({ labels: { a: 1 } }),
    'json: cannot unmarshal number into Go struct field Inner.spec.labels of type string',
  );
  fails(
    spec({ labels: [] }),
    'json: cannot unmarshal array into Go struct field Inner.spec.labels of type map[string]string',
  );
  fails([], 'json: cannot unmarshal array into Go value of type v1.Thing');
  fails(
    spec({ limits: { cpu: '1x' } }),
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  );
  fails(spec({ at: 'now' }), 'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"');
  fails(spec({ at: '2026-13-01T00:00:00Z' }), 'parsing time "2026-13-01T00:00:00Z": month out of range');
  fails(spec({ data: '???' }), 'illegal base64 data at input byte 0');
  fails(
    spec({ generation: 1e30 }),
    'json: cannot unmarshal number 1e+30 into Go struct field Inner.spec.generation of type int64',
  );
  fails(spec({ items: [{ name: 'a', port: true }] }), 'json: cannot unmarshal bool into Go value of type int32');
});

test('unknown fields are dropped and told; strict refuses them', () => {
  const raw = spec({ foo: 1, items: [{ name: 'a', bar: { x: 1 } }] });
  const { object, warnings } = read(raw);
  assert.deepEqual(object, spec({}));
  assert.deepEqual(warnings, ['unknown field "spec.items[0].bar"', 'unknown field "spec.foo"']);
  assert.deepEqual(read(raw, { strict: 'Ignore' }).warnings, []);
  fails(
    raw,
    'strict decoding error: unknown field "spec.items[0].bar", unknown field "spec.foo", duplicate field "spec.replicas"',
    {
      strict: 'Strict',
      duplicates: ['duplicate field "spec.replicas"'],
    },
  );
  assert.deepEqual(read(spec({}), { duplicates: ['duplicate field "spec.replicas"'] }).warnings, [
    'duplicate field "spec.replicas"',
  ]);
  assert.throws(() => read(raw, { strict: 'Strict', bare: true }), { message: /^strict decoding error: / });
});

test('null is absent, empty lists and maps are left out, and values get their one spelling', () => {
  const { object } = read({
    spec: {
      items: [],
      selector: { key: '' },
      paused: null,
      tags: [],
      labels: {},
      free: [null, 'x'],
      limits: { cpu: '0.5', memory: 1024, n: null },
      at: '2026-01-02T03:04:05.6+01:00',
      exactly: '2026-01-02T03:04:05Z',
      any: { a: null, b: [] },
      replicas: 0,
    },
  });
  assert.deepEqual(object, {
    spec: {
      items: [],
      selector: {},
      free: ['', 'x'],
      limits: { cpu: '500m', memory: '1024', n: '0' },
      at: '2026-01-02T02:04:05Z',
      exactly: '2026-01-02T03:04:05.000000Z',
      any: { a: null, b: [] },
      replicas: 0,
    },
  });
});

test('a zero is absence where Go leaves it out, but an applied configuration states it', () => {
  const raw = spec({ replicas: 0, paused: false, generation: 0, selector: { key: '' } });
  assert.deepEqual(read(raw).object, spec({ replicas: 0 }));
  assert.deepEqual(read(raw, { keepZeros: true }).object, raw);
});

test('input is never changed, and shared where it is right already', () => {
  const raw = Object.freeze({
    spec: Object.freeze({ items: Object.freeze([Object.freeze({ name: 'a' })]), selector: Object.freeze({}), foo: 1 }),
  });
  const { object } = read(raw) as { object: { spec: { items: unknown } } };
  assert.equal(object.spec.items, raw.spec.items);
  assert.equal(read(spec({ any: 1 })).object !== undefined, true);
});

test('hostile keys stay data', () => {
  const { object, warnings } = read(
    JSON.parse('{"spec":{"__proto__":{"x":1},"items":[],"selector":{},"labels":{"__proto__":"v","a":null}}}'),
  );
  assert.deepEqual(warnings, ['unknown field "spec.__proto__"']);
  const { labels } = (object as { spec: { labels: object } }).spec;
  assert.deepEqual(Object.entries(labels), [
    ['__proto__', 'v'],
    ['a', ''],
  ]);
});

test('decoding what was decoded changes nothing; so does defaulting twice; and the result is valid', () => {
  fc.assert(
    fc.property(arbitraryOf(thing), (object) => {
      const once = read(object).object;
      assert.equal(read(once).object, once);
      assert.deepEqual(read(JSON.parse(JSON.stringify(once))).object, once);
      const full = applyDefaults(thing, once as object);
      assert.equal(applyDefaults(thing, full), full);
      assert.deepEqual(validateStruct(thing, full), []);
    }),
  );
});

test('defaults fill what is missing, empty or excluded by the minimum', () => {
  assert.deepEqual(
    applyDefaults(thing, { spec: { items: [{ name: 'a', size: 0, protocol: '' }], limits: { m: '1024Mi' } } }),
    {
      spec: {
        items: [{ name: 'a', size: 10, protocol: 'TCP' }],
        limits: { m: '1Gi' },
        replicas: 1,
        nested: { mode: 'A' },
      },
    },
  );
});

test("what must be there and is not is Go's zero, but for pointers; an empty default is told and not stored", () => {
  const zeros = struct('test.v1.Zeros', {
    text: s.string(1),
    number: s.int32(2),
    flag: s.boolean(3),
    port: s.intOrString(4),
    pointer: s.string(5).keepsZero(),
    time: s.time(6),
    reference: s.string(7).emptyDefault(),
  });
  assert.deepEqual(applyDefaults(zeros, {}), { text: '', number: 0, flag: false, port: 0 });
  assert.equal(zeros.fields['reference']?.default, '');
});

test('of a missing pointer only that is said, of a missing struct what it must hold', () => {
  const held = struct('test.v1.Held', { name: s.string(1) });
  const holder = struct('test.v1.Holder', {
    pointer: s.field(1, held).keepsZero(),
    plain: s.field(2, held),
    ruled: s.field(3, held).optional().ruled(),
  });
  assert.deepEqual(
    validateStruct(holder, { ruled: {} }).map(({ field }) => field),
    ['pointer', 'plain.name'],
  );
});

test('of a refused change only what is missing or unknown is told besides', () => {
  const cause = (reason: Cause['reason'], field: string): Cause => ({ reason, field, message: '' });
  const refused: Cause = { ...cause('FieldValueInvalid', 'a.b'), message: 'Invalid value: null: field is immutable' };
  const found = [
    cause('FieldValueInvalid', 'a.b'),
    cause('FieldValueTooLong', 'a.b[0]'),
    cause('FieldValueRequired', 'a.b.c'),
    cause('FieldValueNotSupported', 'a.b'),
    cause('FieldValueInvalid', 'a.bc'),
  ];
  assert.deepEqual(withoutRefused(found, [refused]), found.slice(2));
  assert.deepEqual(withoutRefused(found, []), found);
});

test('all causes are found at once, with their paths', () => {
  const causes = validateStruct(thing, {
    spec: {
      replicas: -1,
      port: 0,
      items: [{ protocol: 'ICMP' }, { name: 'a' }, { name: 'a' }],
      tags: ['x', 'x'],
      nested: { mode: 'C' },
    },
  });
  assert.deepEqual(
    causes.map(({ field, message }) => `${field}: ${message}`),
    [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.items[2].name: Duplicate value: "a"',
      'spec.items[0].name: Required value',
      'spec.items[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP"',
      'spec.tags[1]: Duplicate value: "x"',
      'spec.selector: Required value',
      'spec.port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.nested.mode: Unsupported value: "C": supported values: "A", "B"',
    ],
  );
  assert.deepEqual(
    validateStruct(thing, {}).map(({ field }) => field),
    ['spec.items', 'spec.selector'],
  );
});

test('rules run with the path of their value', () => {
  const ruled: StructType = struct(
    'test.v1.Ruled',
    {
      list: s
        .list(
          1,
          struct('test.v1.Leaf', {
            a: s
              .string(1)
              .optional()
              .rule((value, path) => [{ reason: 'FieldValueInvalid', field: path, message: value }]),
          }),
        )
        .optional(),
    },
    { rules: [(_value, path) => [{ reason: 'FieldValueForbidden', field: path, message: 'whole' }]] },
  );
  assert.deepEqual(
    validateStruct(ruled, { list: [{}, { a: 'x' }] }, 'spec').map(({ field, message }) => [field, message]),
    [
      ['spec.list[1].a', 'x'],
      ['spec', 'whole'],
    ],
  );
});

test('a struct may contain itself', () => {
  const tree: StructType = {
    is: 'struct',
    name: 'test.v1.Tree',
    doc: '',
    rules: [],
    fields: {
      get child() {
        return { type: tree, tag: 1, presence: 'optional', doc: '', rules: [] } as const;
      },
      size: s.int32(2).min(0).default(1).data,
    },
  };
  const full = applyDefaults(
    tree,
    decode<object>(tree, { child: { child: { size: -1 } } }, { strict: 'Strict' }).object,
  );
  assert.deepEqual(full, { size: 1, child: { size: 1, child: { size: -1 } } });
  assert.deepEqual(
    validateStruct(tree, full).map(({ field }) => field),
    ['child.child.size'],
  );
});
