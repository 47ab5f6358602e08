import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, written } from '../written.ts';
import { PodDisruptionBudget } from './poddisruptionbudget.ts';

const metadata = { name: 'web' };
const cases: readonly [string, object, readonly string[]][] = [
  ['half', { minAvailable: '50%' }, []],
  [
    'both',
    { minAvailable: 1, maxUnavailable: 1 },
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  [
    'less than nothing',
    { maxUnavailable: -1 },
    ['spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'more than all',
    { minAvailable: '101%' },
    ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
  ],
  [
    'an unknown policy',
    { unhealthyPodEvictionPolicy: 'Never' },
    ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"'],
  ],
];
for (const [what, spec, causes] of cases)
  test(`a budget of ${what}`, () => assert.deepEqual(createCauses(PodDisruptionBudget, { metadata, spec }), causes));

test('a new budget allows nothing yet, and its status has rules', () => {
  const budget = written(PodDisruptionBudget, { metadata, spec: { minAvailable: 1 } });
  const { Age: _, ...cells } = row(PodDisruptionBudget, budget);
  assert.deepEqual(cells, { Name: 'web', 'Min Available': '1', 'Max Unavailable': 'N/A', 'Allowed Disruptions': 0 });
  const status = {
    ...budget.status,
    expectedPods: -1,
    conditions: [{ type: 'Ok', status: 'True' as const, reason: 'no reason', lastTransitionTime: '', message: '' }],
  };
  assert.deepEqual(
    PodDisruptionBudget.hooks.validateStatus?.({ ...budget, status }, budget).map(({ field }) => field),
    ['status.conditions[0].lastTransitionTime', 'status.conditions[0].reason', 'status.expectedPods'],
  );
});
