import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '#schema/decode.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { Lease } from './lease.ts';

const lease = (spec: object): never => ({ metadata: { name: 'lock' }, spec }) as never;

const table: readonly [string, object, readonly string[]][] = [
  ['nothing', {}, []],
  ['a holder', { holderIdentity: 'me', leaseDurationSeconds: 15, leaseTransitions: 0 }, []],
  [
    'no time at all',
    { leaseDurationSeconds: 0 },
    ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
  [
    'a time before',
    { leaseDurationSeconds: -1 },
    ['spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0'],
  ],
  [
    'less than no changes of hands',
    { leaseTransitions: -1 },
    ['spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0'],
  ],
];
for (const [what, spec, causes] of table)
  test(`a lease with ${what}`, () => {
    assert.deepEqual(createCauses(Lease, lease(spec)), causes);
    assert.deepEqual(updateCauses(Lease, lease(spec), written(Lease, lease({}))), causes);
  });

test('fields of coordinated elections are known and dropped: the feature is off', () => {
  const spec = { holderIdentity: 'me', strategy: 'OldestEmulationVersion', preferredHolder: 'you' };
  const { object, warnings } = decode<{ spec: object }>(Lease, { metadata: {}, spec }, { strict: 'Strict' });
  assert.deepEqual([object.spec, warnings], [{ holderIdentity: 'me' }, []]);
});

test('the table of leases', () => {
  const shown = row(Lease, written(Lease, lease({ holderIdentity: 'me' })));
  assert.deepEqual([shown['Name'], shown['Holder']], ['lock', 'me']);
});
