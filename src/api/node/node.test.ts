import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, updateCauses, written } from '../written.ts';
import { RuntimeClass } from './runtimeclass.ts';

const metadata = { name: 'gvisor' };
const toleration = { key: 'a', operator: 'Exists' };
const cases: readonly [string, object, readonly string[]][] = [
  ['a handler', { handler: 'runsc' }, []],
  ['no handler', {}, ['handler: Required value']],
  [
    'a negative overhead',
    { handler: 'runsc', overhead: { podFixed: { cpu: '-1' } } },
    ['overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  [
    'a toleration twice',
    { handler: 'runsc', scheduling: { tolerations: [toleration, toleration] } },
    [
      'scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}',
    ],
  ],
];
for (const [what, fields, causes] of cases)
  test(`a runtime class with ${what}`, () =>
    assert.deepEqual(createCauses(RuntimeClass, { metadata, ...fields }), causes));

test('the handler stays', () => {
  const old = written(RuntimeClass, { metadata, handler: 'runsc' });
  assert.deepEqual(updateCauses(RuntimeClass, { metadata, handler: 'kata' }, old), [
    'handler: Invalid value: null: field is immutable',
  ]);
});
