import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, written } from '../written.ts';
import { APIService } from './apiservice.ts';

const metadata = { name: 'v1.example.com' };
const spec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 };
const service = { namespace: 'default', name: 'api' };

const services: readonly [string, object, readonly string[]][] = [
  ['this server itself', {}, []],
  ['a Service', { service, caBundle: 'LS0t' }, []],
  [
    'priorities out of range and another name',
    { version: 'v2', groupPriorityMinimum: 20_001, versionPriority: 0 },
    [
      'metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "v2.example.com"',
      'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
      'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
    ],
  ],
  [
    'this server with the settings of a Service',
    { caBundle: 'LS0t', insecureSkipTLSVerify: true },
    [
      'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
      'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
    ],
  ],
  [
    'a Service of no name, checked and not checked',
    { service: { port: 0 }, caBundle: 'LS0t', insecureSkipTLSVerify: true },
    [
      'spec.service.namespace: Required value',
      'spec.service.name: Required value',
      'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
      'spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present',
    ],
  ],
];
for (const [what, change, causes] of services)
  test(`a version that is served by ${what}`, () =>
    assert.deepEqual(createCauses(APIService, { metadata, spec: { ...spec, ...change } }), causes));

test('only v1 is of no group', () => {
  const of = (version: string): string[] =>
    createCauses(APIService, { metadata: { name: `${version}.` }, spec: { ...spec, group: undefined, version } });
  assert.deepEqual(of('v1'), []);
  assert.deepEqual(of('v2'), [
    'spec.group: Required value: only v1 may have an empty group and it better be legacy kube',
  ]);
});

test('what this server serves is available at once', () => {
  const local = row(APIService, written(APIService, { metadata, spec }));
  assert.deepEqual([local['Service'], local['Available']], ['Local', 'True']);
  const remote = written(APIService, { metadata, spec: { ...spec, service } });
  assert.deepEqual(
    [row(APIService, remote)['Service'], row(APIService, remote)['Available']],
    ['default/api', 'Unknown'],
  );
  const missing = {
    ...remote,
    status: { conditions: [{ type: 'Available', status: 'False' as const, reason: 'ServiceNotFound' }] },
  };
  assert.equal(row(APIService, missing)['Available'], 'False (ServiceNotFound)');
  assert.deepEqual(
    APIService.hooks
      .validateStatus?.({ ...remote, status: { conditions: [{ type: 'A', status: 'Yes' }] } } as never, remote)
      .map(({ field }) => field),
    ['status.conditions[0].status'],
  );
});
