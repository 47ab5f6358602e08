import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '#meta/status.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { DeviceClass } from './deviceclass.ts';
import { DeviceTaintRule } from './devicetaintrule.ts';
import { ResourceClaim } from './resourceclaim.ts';
import { ResourceClaimTemplate } from './resourceclaimtemplate.ts';
import { ResourceSlice } from './resourceslice.ts';

const metadata = { name: 'x', namespace: 'default' };
const meta = { name: 'x' };
const exactly = { deviceClassName: 'gpu' };

const claimCauses = (devices: object): string[] => createCauses(ResourceClaim, { metadata, spec: { devices } });
const texts = (causes: readonly Cause[] | undefined): string[] =>
  (causes ?? []).map(({ field, message }) => `${field}: ${message}`);

test('a request is for one exact device, and tolerates equal taints, unless it says otherwise', () => {
  const claim = written(ResourceClaim, {
    metadata,
    spec: {
      devices: {
        requests: [
          { name: 'a', exactly: { ...exactly, tolerations: [{ key: 'k' }] } },
          { name: 'b', firstAvailable: [{ name: 'c', ...exactly, allocationMode: 'All' }] },
        ],
      },
    },
  } as never);
  assert.deepEqual(claim.spec.devices.requests, [
    {
      name: 'a',
      exactly: {
        deviceClassName: 'gpu',
        tolerations: [{ key: 'k', operator: 'Equal' }],
        allocationMode: 'ExactCount',
        count: 1,
      },
    },
    { name: 'b', firstAvailable: [{ name: 'c', deviceClassName: 'gpu', allocationMode: 'All' }] },
  ]);
  assert.deepEqual(written(ResourceClaimTemplate, { metadata } as never).spec, { metadata: {}, spec: { devices: {} } });
});

const detail = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const attributeFields = '`int`, `bool`, `string`, `version`, `ints`, `bools`, `strings`, `versions`';
const claims: readonly [string, object, readonly string[]][] = [
  ['nothing', {}, []],
  ['one request', { requests: [{ name: 'a', exactly }] }, []],
  [
    'requests of both or neither form',
    {
      requests: [{ name: 'a' }, { name: 'a', exactly, firstAvailable: [{ name: 'b', ...exactly }] }],
    },
    [
      'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
      'spec.devices.requests[1]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
      'spec.devices.requests[1]: Duplicate value: {"name":"a","exactly":{"deviceClassName":"gpu","allocationMode":"ExactCount","count":1},"firstAvailable":[{"name":"b","deviceClassName":"gpu","allocationMode":"ExactCount","count":1}]}',
    ],
  ],
  [
    'strange amounts',
    {
      requests: [
        { name: 'a', exactly: { ...exactly, count: -1 } },
        { name: 'b', exactly: { ...exactly, allocationMode: 'All', count: 2 } },
        { name: 'c', exactly: { ...exactly, allocationMode: 'Some' } },
      ],
    },
    [
      'spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero',
      "spec.devices.requests[1].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
      'spec.devices.requests[2].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
    ],
  ],
  [
    'selectors without an expression, tolerations of any value',
    {
      requests: [
        {
          name: 'a',
          exactly: {
            selectors: [{}, { cel: { expression: 'x'.repeat(10 * 1024 + 1) } }],
            tolerations: [{ operator: 'Exists', value: 'v' }],
          },
        },
      ],
    },
    [
      'spec.devices.requests[0].exactly.deviceClassName: Required value',
      'spec.devices.requests[0].exactly.selectors[0].cel: Required value',
      'spec.devices.requests[0].exactly.selectors[1].cel.expression: Too long: may not be more than 10240 bytes',
      'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`',
    ],
  ],
  [
    'constraints on what is not there',
    {
      requests: [{ name: 'a', firstAvailable: [{ name: 'b', ...exactly }] }],
      constraints: [
        { requests: ['a', 'a/b', 'a/c', 'd', 'a/b/c'], matchAttribute: 'numa' },
        { requests: ['a'], distinctAttribute: 'gpu.example.com/9x' },
        {},
      ],
    },
    [
      `spec.devices.constraints[0].requests[2]: Invalid value: "a/c": ${detail}`,
      `spec.devices.constraints[0].requests[3]: Invalid value: "d": ${detail}`,
      `spec.devices.constraints[0].requests[4]: Invalid value: "a/b/c": ${detail}`,
      'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": a fully qualified name must be a domain and a name separated by a slash',
      `spec.devices.constraints[1].distinctAttribute: Invalid value: "9x": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`,
      'spec.devices.constraints[2]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    ],
  ],
  [
    'settings and attributes of strange drivers',
    {
      constraints: [{ matchAttribute: '/x' }, { distinctAttribute: 'A.b/' }, { matchAttribute: 'a/b/c' }],
      config: [{ opaque: { driver: 'a_b', parameters: {} } }, { opaque: { driver: 'd'.repeat(64), parameters: {} } }],
    },
    [
      'spec.devices.constraints[0].matchAttribute: Invalid value: "": prefix must not be empty',
      `spec.devices.constraints[1].distinctAttribute: Invalid value: "A.b": prefix: ${subdomain}`,
      'spec.devices.constraints[1].distinctAttribute: Invalid value: "": name must not be empty',
      `spec.devices.config[0].opaque.driver: Invalid value: "a_b": ${subdomain.replace('a lowercase', 'an').replace('lower case ', '').replace("'example", "'Example")}`,
      'spec.devices.config[1].opaque.driver: Too long: may not be more than 63 characters',
    ],
  ],
  [
    'an alternative of no mode beside an exact request',
    {
      requests: [
        {
          name: 'a',
          exactly,
          firstAvailable: [{ name: 'B', deviceClassName: 'C', allocationMode: 'Some', count: -1 }],
        },
      ],
    },
    [
      'spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
      `spec.devices.requests[0].firstAvailable[0].deviceClassName: Invalid value: "C": ${subdomain}`,
      'spec.devices.requests[0].firstAvailable[0].allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
    ],
  ],
  [
    'settings of no form',
    { config: [{}, { opaque: { driver: 'd', parameters: [] } }] },
    [
      'spec.devices.config[0].opaque: Required value',
      'spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
  ],
  [
    'too much of everything',
    { requests: Array.from({ length: 33 }, (_, index) => ({ name: `r${index}`, exactly })) },
    ['spec.devices.requests: Too many: 33: must have at most 32 items'],
  ],
];
for (const [what, devices, causes] of claims)
  test(`a claim with ${what}`, () => assert.deepEqual(claimCauses(devices), causes));

test('a claim cannot be changed, and shows its state', () => {
  const old = written(ResourceClaim, { metadata, spec: { devices: { requests: [{ name: 'a', exactly }] } } } as never);
  assert.deepEqual(updateCauses(ResourceClaim, { metadata, spec: {} }, old), [
    'spec: Invalid value: null: field is immutable',
  ]);
  const state = (status: object, more: object = {}): unknown =>
    row(ResourceClaim, { ...old, metadata: { ...old.metadata, ...more }, status } as never)['State'];
  assert.equal(state({}), 'pending');
  assert.equal(state({ allocation: {} }), 'allocated');
  assert.equal(state({ allocation: {}, reservedFor: [{}] }), 'allocated,reserved');
  assert.equal(state({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }), 'deleted');
});

const result = { request: 'a', driver: 'd', pool: 'p', device: 'x' };
const pod = { resource: 'pods', name: 'web', uid: '1' };

const statuses: readonly [string, object, readonly string[]][] = [
  ['an allocation', { allocation: { devices: { results: [result] } }, reservedFor: [pod] }, []],
  [
    'a reservation of nothing',
    { reservedFor: [pod, { uid: '1' }] },
    [
      'status.reservedFor[1].resource: Required value',
      'status.reservedFor[1].name: Required value',
      'status.reservedFor[1]: Duplicate value: {"uid":"1"}',
      'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
    ],
  ],
  [
    'results for no request',
    {
      allocation: {
        devices: { results: [{ request: 'z', driver: 'd', pool: 'p', device: 'x', shareID: 'Q' }], config: [{}] },
      },
    },
    [
      `status.allocation.devices.results[0].request: Invalid value: "z": ${detail}`,
      'status.allocation.devices.results[0].shareID: Invalid value: "Q": must be a lowercase UUID in 8-4-4-4-12 format',
      'status.allocation.devices.config[0].source: Required value',
      'status.allocation.devices.config[0].opaque: Required value',
    ],
  ],
  [
    'devices that were not given',
    {
      allocation: { devices: { results: [result] } },
      devices: [
        { driver: 'd', pool: 'p', device: 'x', networkData: { ips: ['10.0.0.1', '10.0.0.01/8', '2001:DB8::1/64'] } },
        { driver: 'd', pool: 'p', device: 'y', data: 5 },
      ],
    },
    [
      'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      'status.devices[0].networkData.ips[1]: Invalid value: "10.0.0.01/8": must be in canonical form ("10.0.0.1/8")',
      'status.devices[0].networkData.ips[2]: Invalid value: "2001:DB8::1/64": must be in canonical form ("2001:db8::1/64")',
      'status.devices[1]: Invalid value: {"Driver":"d","Pool":"p","Device":"y","ShareID":""}: must be an allocated device in the claim',
      'status.devices[1].data: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
  ],
];
for (const [what, status, causes] of statuses) {
  test(`a claim's status with ${what}`, () => {
    const old = written(ResourceClaim, {
      metadata,
      spec: { devices: { requests: [{ name: 'a', exactly }] } },
    } as never);
    assert.deepEqual(texts(ResourceClaim.hooks.validateStatus?.({ ...old, status } as never, old)), causes);
  });
}

test('an allocation stays as it is, and a claim on its way out gets no new users', () => {
  const old = written(ResourceClaim, { metadata, spec: { devices: { requests: [{ name: 'a', exactly }] } } } as never);
  const given = { ...old, status: { allocation: { devices: { results: [result] } } } } as typeof old;
  const moved = { ...given, status: { allocation: { devices: { results: [{ ...result, device: 'y' }] } } } };
  assert.match(
    texts(ResourceClaim.hooks.validateStatus?.(moved as never, given)).join('\n'),
    /^status\.allocation: Invalid value: .*: field is immutable$/,
  );
  const going = {
    ...given,
    metadata: { ...given.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    status: { ...given.status, reservedFor: [pod] },
  };
  assert.deepEqual(texts(ResourceClaim.hooks.validateStatus?.(going as never, given)), [
    'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
  ]);
});

test('a class has a resource name of its own', () => {
  assert.deepEqual(
    createCauses(DeviceClass, { metadata: meta, spec: { extendedResourceName: 'example.com/gpu' } }),
    [],
  );
  assert.deepEqual(createCauses(DeviceClass, { metadata: meta, spec: { extendedResourceName: 'gpu' } }), [
    `spec.extendedResourceName: Invalid value: "gpu": a name must be a domain-prefixed path, such as 'example.com/my-prop'`,
  ]);
});

const pool = { name: 'node-1', generation: 1, resourceSliceCount: 1 };
const slice = { driver: 'gpu.example.com', pool, nodeName: 'node-1' };
const place = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

const slices: readonly [string, object, readonly string[]][] = [
  ['a device', { ...slice, devices: [{ name: 'a', attributes: { model: { string: 'x' }, n: { int: 0 } } }] }, []],
  [
    'nothing',
    {},
    [
      'spec.driver: Required value',
      'spec.pool.name: Required value',
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      `spec: Required value: ${place}`,
    ],
  ],
  [
    'two places',
    { ...slice, allNodes: true, perDeviceNodeSelection: false },
    [
      'spec.perDeviceNodeSelection: Invalid value: false: must be either unset or set to true',
      `spec: Invalid value: "{\`nodeName\`, \`allNodes\`}": ${place}, but multiple fields are set`,
    ],
  ],
  [
    'attributes of no kind or of several',
    { ...slice, devices: [{ name: 'a', attributes: { x: {}, 'a/b/c': { int: 1, version: '1' } } }] },
    [
      `spec.devices[0].attributes[x]: Invalid value: "": must specify one of: ${attributeFields}`,
      'spec.devices[0].attributes[a/b/c].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
      `spec.devices[0].attributes[a/b/c]: Invalid value: "{\`int\`, \`version\`}": must specify exactly one of: ${attributeFields}`,
    ],
  ],
  [
    'places of devices where there is one for all',
    { ...slice, devices: [{ name: 'a', allNodes: true }, { name: 'a' }] },
    [
      'spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
      'spec.devices[1]: Duplicate value: "a"',
    ],
  ],
  [
    'policies for what is given once',
    { ...slice, devices: [{ name: 'a', capacity: { m: { value: '1Gi', requestPolicy: {} } } }] },
    ['spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true'],
  ],
  [
    'amounts that cannot be',
    {
      ...slice,
      devices: [
        {
          name: 'a',
          allowMultipleAllocations: true,
          capacity: {
            m: { value: '10', requestPolicy: { default: '1', validValues: ['3', '2', '11'] } },
            n: { value: '10', requestPolicy: { default: '3', validRange: { min: '2', max: '20', step: '2' } } },
          },
        },
      ],
    },
    [
      'spec.devices[0].capacity[m].requestPolicy.validValues[1]: Invalid value: "2": values must be sorted in ascending order',
      'spec.devices[0].capacity[m].requestPolicy.validValues[2]: Invalid value: "11": option is larger than capacity value: 10',
      'spec.devices[0].capacity[m].requestPolicy.validValues: Invalid value: "1": default value is not valid according to the requestPolicy',
      'spec.devices[0].capacity[n].requestPolicy.validRange.max: Invalid value: "20": max is larger than capacity value: 10',
      'spec.devices[0].capacity[n].requestPolicy.validRange.step: Invalid value: "3": value is not a multiple of a given step (2) from (2)',
    ],
  ],
  [
    'conditions that overlap',
    { ...slice, devices: [{ name: 'a', bindingConditions: ['x'], bindingFailureConditions: ['x', 'x'] }] },
    [
      'spec.devices[0].bindingFailureConditions[0]: Invalid value: "x": bindingFailureConditions must not overlap with bindingConditions',
      'spec.devices[0].bindingFailureConditions[1]: Duplicate value: "x"',
      'spec.devices[0].bindingFailureConditions[1]: Invalid value: "x": bindingFailureConditions must not overlap with bindingConditions',
    ],
  ],
  [
    'counters and devices',
    { ...slice, devices: [{ name: 'a' }], sharedCounters: [{ name: 'c', counters: {} }] },
    [
      'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
      'spec.sharedCounters[0].counters: Required value',
    ],
  ],
  [
    'a selector of no nodes',
    { ...slice, nodeName: undefined, nodeSelector: { nodeSelectorTerms: [] } },
    [
      'spec.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term',
      'spec.nodeSelector.nodeSelectorTerms: Invalid value: []: must have exactly one node selector term',
    ],
  ],
  [
    'a selector of two terms',
    { ...slice, nodeName: undefined, nodeSelector: { nodeSelectorTerms: [{}, {}] } },
    [
      'spec.nodeSelector.nodeSelectorTerms: Invalid value: [{"MatchExpressions":null,"MatchFields":null},{"MatchExpressions":null,"MatchFields":null}]: must have exactly one node selector term',
    ],
  ],
  [
    'two devices of one name',
    { ...slice, devices: [{ name: 'a' }, { name: 'a' }] },
    ['spec.devices[1]: Duplicate value: "a"'],
  ],
];
for (const [what, spec, causes] of slices)
  test(`a slice with ${what}`, () => assert.deepEqual(createCauses(ResourceSlice, { metadata: meta, spec }), causes));

test('a template says what its claims are called after, and nothing else of them', () => {
  const old = written(ResourceClaimTemplate, { metadata: { name: 'x' } } as never);
  const named = { metadata: { name: 'x' }, spec: { metadata: { name: 'y', uid: '1', labels: { a: 'b' } } } };
  const refused = ['name', 'uID'].map((field) => `spec.metadata.${field}: Forbidden: cannot be set`);
  assert.deepEqual(createCauses(ResourceClaimTemplate, named), refused);
  assert.deepEqual(updateCauses(ResourceClaimTemplate, named, old), [
    ...refused,
    'spec: Invalid value: {"name":"y","uid":"1","labels":{"a":"b"},"Spec":{"Devices":{"Requests":null,"Constraints":null,"Config":null}}}: field is immutable',
  ]);
});

test('a slice with taints holds fewer devices', () => {
  const devices = Array.from({ length: 65 }, (_, index) => ({ name: `d${index}` }));
  assert.deepEqual(createCauses(ResourceSlice, { metadata: meta, spec: { ...slice, devices } }), []);
  const [first, ...others] = devices;
  const tainted = [{ ...first, taints: [{ key: 'a', effect: 'NoSchedule' }] }, ...others];
  assert.deepEqual(createCauses(ResourceSlice, { metadata: meta, spec: { ...slice, devices: tainted } }), [
    'spec.devices: Too many: 65: must have at most 64 items',
  ]);
});

test('a slice stays with its driver, its pool and its node', () => {
  const old = written(ResourceSlice, { metadata: meta, spec: slice } as never);
  const spec = { driver: 'other.example.com', pool: { ...pool, name: 'node-2' }, nodeName: 'node-2' };
  assert.deepEqual(updateCauses(ResourceSlice, { metadata: meta, spec }, old), [
    'spec.pool.name: Invalid value: "node-2": field is immutable',
    'spec.driver: Invalid value: "other.example.com": field is immutable',
    'spec.nodeName: Invalid value: "node-2": field is immutable',
  ]);
  assert.equal(row(ResourceSlice, old)['Driver'], 'gpu.example.com');
});

test('a taint knows when it was added, and when its effect changed', () => {
  const spec = { taint: { key: 'a', effect: 'NoSchedule' as const } };
  const rule = written(DeviceTaintRule, { metadata: meta, spec });
  assert.equal(rule.spec.taint.timeAdded, rule.metadata.creationTimestamp);
  const at = (effect: string, time: string): string | undefined =>
    DeviceTaintRule.hooks.stampUpdate?.(
      { ...rule, spec: { taint: { ...rule.spec.taint, effect } } } as never,
      rule,
      time,
    ).spec.taint.timeAdded;
  assert.equal(at('NoSchedule', '2027-01-01T00:00:00Z'), rule.metadata.creationTimestamp);
  assert.equal(at('NoExecute', '2027-01-01T00:00:00Z'), '2027-01-01T00:00:00Z');
  const untimed = { ...rule, spec } as never;
  const stamped = DeviceTaintRule.hooks.stampUpdate?.(untimed, rule, '2027-01-01T00:00:00Z');
  assert.equal(stamped?.spec.taint.timeAdded, '2027-01-01T00:00:00Z');
  assert.deepEqual(createCauses(DeviceTaintRule, { metadata: meta, spec: { taint: { key: 'a b', effect: 'Off' } } }), [
    'spec.taint.effect: Unsupported value: "Off": supported values: "NoExecute", "NoSchedule", "None"',
    `spec.taint.key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ]);
});
