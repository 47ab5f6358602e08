import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, updateCauses, written } from '../written.ts';
import { PriorityClass } from './priorityclass.ts';

const reserved =
  "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only.";
const cases: readonly [string, object, readonly string[]][] = [
  ['high', { value: 1_000_000_000 }, []],
  [
    'high',
    { value: 1_000_000_001 },
    ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  ],
  ['system-mine', {}, [`${reserved} error: system-mine is not a known system priority class`]],
  [
    'system-node-critical',
    { value: 1 },
    [`${reserved} error: value of system-node-critical PriorityClass must be 2000001000`],
  ],
  [
    'high',
    { preemptionPolicy: 'Always' },
    ['preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never"'],
  ],
];
for (const [name, fields, causes] of cases)
  test(`the class ${name} of ${JSON.stringify(fields)}`, () =>
    assert.deepEqual(createCauses(PriorityClass, { metadata: { name }, ...fields }), causes));

test('value and policy stay', () => {
  const old = written(PriorityClass, { metadata: { name: 'high' }, value: 1 });
  assert.equal(old.metadata.generation, 1);
  assert.deepEqual(
    updateCauses(PriorityClass, { metadata: { name: 'high' }, value: 2, preemptionPolicy: 'Never' }, old),
    [
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ],
  );
});

test('what cannot change of a priority class is judged of a new one only', () => {
  const draft = (fields: object): never => ({ metadata: { name: 'high' }, value: 5, ...fields }) as never;
  assert.deepEqual(createCauses(PriorityClass, draft({ preemptionPolicy: '' })), ['preemptionPolicy: Required value']);
  const old = written(PriorityClass, {
    ...(draft({}) as object),
    metadata: { name: 'high', resourceVersion: '7' },
  } as never);
  assert.deepEqual(updateCauses(PriorityClass, draft({ value: 2_000_000_000, preemptionPolicy: 'Any' }), old), [
    'value: Forbidden: may not be changed in an update.',
    'preemptionPolicy: Invalid value: "Any": field is immutable',
  ]);
});
