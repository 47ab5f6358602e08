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
    'spec.resource.resource: Required value: resource is required',
  ]);
  assert.deepEqual(updateCauses(StorageVersionMigration, { metadata, spec: { resource: { resource: 'pods' } } }, old), [
    'spec.resource: Invalid value: {"resource":"pods","group":""}: field is immutable',
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
    [
      'status.resourceVersion: Invalid value: "x": failed to parse resource version "x": strconv.ParseInt: parsing "x": invalid syntax',
    ],
  ],
  [
    'starts anew',
    { resourceVersion: '8' },
    { resourceVersion: '7' },
    ['status.resourceVersion: Invalid value: "8": cannot be updated'],
  ],
  [
    'succeeds, fails and runs',
    { conditions: [condition('Succeeded'), condition('Failed'), condition('Running')] },
    {},
    [
      'status.conditions: Both success and failed conditions cannot be true at the same time',
      'status.conditions: Running condition cannot be true when success condition is true',
      'status.conditions: Running condition cannot be true when failed condition is true',
    ],
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
