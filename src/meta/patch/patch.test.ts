import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyJsonPatch, jsonPatchOperationsMax } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';

const deepFrozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(Object.freeze(value))) deepFrozen(inner);
  return value;
};

test('the examples of RFC 6902', () => {
  const cases: [unknown, unknown[], unknown][] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['a', 'b', 'c'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['a', 'c'] }],
    [{ baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
    [
      { foo: { bar: 'baz', waldo: 'fred' }, qux: {} },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { thud: 'fred' } },
    ],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [{ baz: 'qux', foo: ['a', 2] }, [{ op: 'test', path: '/foo/1', value: 2 }], { baz: 'qux', foo: ['a', 2] }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc'] }], { foo: ['bar', ['abc']] }],
    [
      { '/': 9, '~1': 10 },
      [
        { op: 'test', path: '/~01', value: 10 },
        { op: 'remove', path: '/~1' },
      ],
      { '~1': 10 },
    ],
    [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [{ a: [1, 2] }, [{ op: 'replace', path: '/a/-1', value: 3 }], { a: [1, 3] }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    [{}, [{ op: 'add', path: '/__proto__', value: { x: 1 } }], JSON.parse('{"__proto__":{"x":1}}')],
    [
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'add', path: '/n', value: null },
      ],
      { a: 1, n: null },
    ],
  ];
  for (const [document, patch, expected] of cases)
    assert.deepEqual(applyJsonPatch(deepFrozen(document), patch), expected);
});

test('a patch that does not apply says why, in the words clients know', () => {
  const cases: [unknown, unknown[], RegExp][] = [
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 2 }], /testing value \/a failed: test failed/],
    [
      {},
      [{ op: 'remove', path: '/a' }],
      /error in remove for path: '\/a': Unable to remove nonexistent key: a: missing value/,
    ],
    [
      {},
      [{ op: 'add', path: '/a/b', value: 1 }],
      /add operation does not apply: doc is missing path: "\/a\/b": missing value/,
    ],
    [
      {},
      [{ op: 'replace', path: '/a', value: 1 }],
      /replace operation does not apply: doc is missing key: \/a: missing value/,
    ],
    [{ a: [] }, [{ op: 'add', path: '/a/2', value: 1 }], /Unable to access invalid index: 2: invalid index referenced/],
    [{ a: [] }, [{ op: 'add', path: '/a/x', value: 1 }], /error in add for path: '\/a\/x'/],
    [{}, [{ op: 'frobnicate', path: '/a' }], /Unexpected kind: frobnicate/],
    [{ a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/a/b' }], /cannot be moved into itself/],
  ];
  for (const [document, patch, message] of cases) {
    assert.throws(
      () => applyJsonPatch(document, patch),
      (error: Error & { reason?: string }) => message.test(error.message) && error.reason === 'Invalid',
      message.source,
    );
  }
  assert.throws(() => applyJsonPatch({}, { op: 'add' }), { reason: 'BadRequest' });
  assert.throws(
    () =>
      applyJsonPatch(
        {},
        Array.from({ length: jsonPatchOperationsMax + 1 }, () => ({ op: 'test', path: '', value: {} })),
      ),
    {
      reason: 'RequestEntityTooLarge',
    },
  );
  const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/c${index}` }));
  assert.throws(() => applyJsonPatch({ a: 'x'.repeat(1000) }, doubling), /accumulated size increase/);
});

/** The plain way: a deep copy that is changed in place. */
function naive(document: unknown, patch: readonly { op: string; path: string; value?: unknown }[]): unknown {
  const root = { '': structuredClone(document) } as Record<string, unknown>;
  for (const { op, path, value: given } of patch) {
    const value: unknown = structuredClone(given);
    const keys = ['', ...path.split('/').slice(1)];
    let at = root as Record<string, unknown>;
    for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
    const last = keys.at(-1) ?? '';
    if (Array.isArray(at)) {
      if (op === 'remove') at.splice(Number(last), 1);
      else if (op === 'add') at.splice(last === '-' ? at.length : Number(last), 0, value);
      else at[Number(last)] = value;
    } else if (op === 'remove') delete at[last];
    else at[last] = value;
  }
  return root[''];
}

test('JSON Patch does what the plain way does, and leaves its document alone', () => {
  const document = fc.record({
    a: fc.array(fc.integer(), { minLength: 1 }),
    b: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.jsonValue()),
  });
  const operation = fc.oneof(
    fc.record({ op: fc.constant('add'), path: fc.constantFrom('/a/0', '/a/-', '/b/x', '/c'), value: fc.jsonValue() }),
    fc.record({ op: fc.constant('replace'), path: fc.constantFrom('/a/0', '/b', '/a'), value: fc.constant([1, 2]) }),
  );
  fc.assert(
    fc.property(document, fc.array(operation, { maxLength: 6 }), (drawn, patch) => {
      const value = JSON.parse(JSON.stringify(drawn)) as unknown;
      let expected: unknown;
      try {
        expected = naive(value, patch);
      } catch {
        // The document no longer has the path: not what this property is about.
        return;
      }
      const before = JSON.stringify(value);
      let result: unknown;
      try {
        result = applyJsonPatch(deepFrozen(value), patch);
      } catch (error) {
        assert.match((error as Error).message, /missing|index|syntax/);
        return;
      }
      // JSON has no negative zero.
      assert.deepEqual(JSON.parse(JSON.stringify(result)), JSON.parse(JSON.stringify(expected)));
      assert.equal(JSON.stringify(value), before);
    }),
  );
});

test('the examples of RFC 7386', () => {
  const cases: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of cases)
    assert.deepEqual(applyMergePatch(deepFrozen(target), deepFrozen(patch)), expected);
  assert.deepEqual(Object.keys(applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}')) as object), ['__proto__']);
});

test('a merge patch shares what it does not change, and the second time changes nothing', () => {
  const target = { a: { b: 1 }, c: { d: 2 } };
  const result = applyMergePatch(target, { c: { d: 3 } }) as typeof target;
  assert.equal(result.a, target.a);
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (document, drawn) => {
      const patch = JSON.parse(JSON.stringify(drawn)) as unknown;
      const once = applyMergePatch(document, patch);
      assert.deepEqual(applyMergePatch(once, patch), once);
    }),
  );
});
