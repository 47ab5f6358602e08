import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { StorageVersionMigration } from './storageversionmigration.ts';

const metadata = { name: 'x' };
const spec = { resource: { group: 'apps', resource: 'deployments' } };
const old = written(StorageVersionMigration, { metadata, spec });

const condition = (type: string, status = 'True'): object => ({
  type,
  status,
  reason: 'Because',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const statusCauses = (status: object, before: object = {}): string[] =>
  (
    StorageVersionMigration.hooks.validateStatus?.({ ...old, status } as never, { ...old, status: before } as never) ??
    []
  ).map(({ field, message }) => `${field}: ${message.replace(/Invalid value: \[.*\]: /, '')}`);

test('a migration names a resource, for good', () => {
  assert.deepEqual(createCauses(StorageVersionMigration, { metadata }), [
    'spec.resource.resource: Required value: resource is required to be set',
  ]);
  assert.deepEqual(updateCauses(StorageVersionMigration, { metadata, spec: { resource: { resource: 'pods' } } }, old), [
    'spec: Invalid value: {"Resource":{"group":"","resource":"pods"}}: field is immutable',
  ]);
  const strange = { resource: { group: 'a'.repeat(254), resource: 'Pods' } };
  assert.deepEqual(createCauses(StorageVersionMigration, { metadata, spec: strange }), [
    "spec.resource.resource: Invalid value: \"Pods\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    `spec.resource.group: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`,
  ]);
  assert.equal(row(StorageVersionMigration, old)['Resource'], 'deployments.apps');
});

const statuses: readonly [string, object, object, readonly string[]][] = [
  ['runs', { resourceVersion: '7', conditions: [condition('Running')] }, {}, []],
  ['ends', { resourceVersion: '7', conditions: [condition('Succeeded')] }, { resourceVersion: '7' }, []],
  [
    'has a strange version',
    { resourceVersion: 'x' },
    {},
    ['status.resourceVersion: Invalid value: "x": resource version is not well formed: x'],
  ],
  [
    'has a condition of nothing, twice',
    { conditions: [{ observedGeneration: -1 }, { type: 'A', status: 'Yes', reason: '-' }, condition('A')] },
    {},
    [
      'status.conditions[0].type: Required value: is required',
      'status.conditions[0].status: Required value',
      'status.conditions[0].observedGeneration: Invalid value: -1: must be greater than or equal to zero',
      'status.conditions[0].lastTransitionTime: Required value',
      'status.conditions[0].reason: Required value',
      'status.conditions[1].status: Unsupported value: "Yes": supported values: "False", "True", "Unknown"',
      'status.conditions[1].lastTransitionTime: Required value',
      "status.conditions[1].reason: Invalid value: \"-\": a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
      'status.conditions[2]: Duplicate value: "A"',
    ],
  ],
  [
    'starts anew',
    { resourceVersion: '8' },
    { resourceVersion: '7' },
    ['status.resourceVersion: Invalid value: "8": field is immutable'],
  ],
  [
    'succeeds and fails, and runs',
    { conditions: [condition('Succeeded'), condition('Failed'), condition('Running')] },
    {},
    ['status.conditions: Both success and failed conditions cannot be true at the same time'],
  ],
  [
    'takes its success back',
    { conditions: [condition('Succeeded', 'False')] },
    { conditions: [condition('Succeeded')] },
    ['status.conditions: Success condition cannot be set to false once it is true'],
  ],
];
for (const [what, status, before, causes] of statuses)
  test(`a migration that ${what}`, () => assert.deepEqual(statusCauses(status, before), causes));
