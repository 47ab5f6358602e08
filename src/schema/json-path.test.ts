import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonPath, valuesAt } from './json-path.ts';

const object = {
  metadata: { labels: { 'app.kubernetes.io/name': 'web' } },
  spec: {
    replicas: 3,
    ports: [
      { name: 'a', number: 1 },
      { name: 'b', number: 2 },
    ],
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Old', status: 'False' },
    ],
  },
};

const paths: readonly [string, readonly unknown[]][] = [
  ['.spec.replicas', [3]],
  ['{.spec.replicas}', [3]],
  ['.', [object]],
  ['.spec.nothing.more', []],
  ['.spec.ports[0].name', ['a']],
  ['.spec.ports[-1].name', ['b']],
  ['.spec.ports[*].number', [1, 2]],
  [".metadata.labels['app.kubernetes.io/name']", ['web']],
  ['.metadata.labels.app\\.kubernetes\\.io/name', []],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type!='Ready')].status", ['False']],
  ['.spec.ports[?(@.number==2)].name', ['b']],
];
for (const [path, values] of paths)
  test(`${path} finds what it names`, () => {
    const parsed = parseJsonPath(path);
    if (parsed === undefined) assert.deepEqual(values, []);
    else assert.deepEqual(valuesAt(parsed, object), values);
  });

test('other paths are none, and long ones are not looked at', () => {
  for (const path of ['spec', '..x', '.a[', '.a[?(@.b)]', '.a.b c"', `.${'a'.repeat(5000)}`])
    assert.equal(parseJsonPath(path), undefined, path);
  const started = parseJsonPath(`.a[?(@${'\\'.repeat(3000)}`);
  assert.equal(started, undefined);
});

test('names of the prototype are no fields', () => {
  const path = parseJsonPath('.__proto__') ?? assert.fail();
  assert.deepEqual(valuesAt(path, {}), []);
  assert.deepEqual(valuesAt(path, JSON.parse('{"__proto__": 1}')), [1]);
});
