import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { dns1123Subdomain, labelValue } from '#meta/names.ts';
import { EndpointSlice, isUsablePort } from './endpointslice.ts';

const slice = (fields: object = {}): never =>
  ({ metadata: { name: 'web-1' }, addressType: 'IPv4', ...fields }) as never;
const endpoints = (...addresses: string[]): object => ({
  endpoints: addresses.map((address) => ({ addresses: [address] })),
});

test('a slice has defaults', () => {
  const { ports, endpoints: list } = written(EndpointSlice, slice({ ...endpoints('10.0.0.1'), ports: [{ port: 80 }] }));
  assert.deepEqual(ports, [{ port: 80, name: '', protocol: 'TCP' }]);
  assert.deepEqual(list, [{ addresses: ['10.0.0.1'], conditions: {} }]);
  assert.deepEqual(written(EndpointSlice, slice()).endpoints, []);
});

const table: readonly [string, object, readonly string[]][] = [
  ['no type', { addressType: undefined }, ['addressType: Required value']],
  [
    'an unknown type',
    { addressType: 'X' },
    ['addressType: Unsupported value: "X": supported values: "FQDN", "IPv4", "IPv6"'],
  ],
  ['an endpoint without address', { endpoints: [{}] }, ['endpoints[0].addresses: Required value']],
  [
    'an address of the other family',
    endpoints('2001:db8::1'),
    ['endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address'],
  ],
  [
    'an IPv6 address in another spelling',
    { addressType: 'IPv6', ...endpoints('2001:DB8::1') },
    ['endpoints[0].addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")'],
  ],
  [
    'a name of one label',
    { addressType: 'FQDN', ...endpoints('web.') },
    [
      'endpoints[0].addresses[0]: Invalid value: "web": should be a domain with at least two segments separated by dots',
    ],
  ],
  [
    'hints that are no names',
    { endpoints: [{ addresses: ['10.0.0.1'], hints: { forZones: [{ name: 'a b' }], forNodes: [{ name: 'A' }] } }] },
    [
      `endpoints[0].hints.forZones[0].name: Invalid value: "a b": ${labelValue('a b')[0]}`,
      `endpoints[0].hints.forNodes[0].name: Invalid value: "A": ${dns1123Subdomain('A')[0]}`,
    ],
  ],
  [
    'an unspecified address',
    endpoints('0.0.0.0'),
    ['endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
  ],
  ['ports of one name', { ports: [{ port: 1 }, { port: 2 }] }, ['ports[1].name: Duplicate value: ""']],
  [
    'too many endpoints',
    endpoints(...Array.from({ length: 1001 }, (_, n) => `10.1.${n >> 8}.${n & 255}`)),
    ['endpoints: Too many: 1001: must have at most 1000 items'],
  ],
];
for (const [what, fields, causes] of table)
  test(`a slice may not have ${what}`, () => assert.deepEqual(createCauses(EndpointSlice, slice(fields)), causes));

test('the address type cannot be changed', () => {
  assert.deepEqual(updateCauses(EndpointSlice, slice({ addressType: 'IPv6' }), written(EndpointSlice, slice())), [
    'addressType: Invalid value: null: field is immutable',
  ]);
});

test('what is odd is taken: one address twice, any port, which then is not used', () => {
  const odd = slice({ endpoints: [{ addresses: ['10.0.0.1', '10.0.0.1'] }], ports: [{ port: -1 }] });
  assert.deepEqual(createCauses(EndpointSlice, odd), []);
  assert.deepEqual([-1, 0, 1, 65_535, 65_536, undefined].filter(isUsablePort), [1, 65_535]);
});

test('topology of the old version is dropped, and labels count as a change', () => {
  const old = written(
    EndpointSlice,
    slice({ endpoints: [{ addresses: ['10.0.0.1'], deprecatedTopology: { a: 'b' } }] }),
  );
  assert.deepEqual(old.endpoints, [{ addresses: ['10.0.0.1'], conditions: {} }]);
  assert.equal(old.metadata.generation, 1);
  const generationOf = (labels: Record<string, string>): unknown =>
    EndpointSlice.hooks.prepareUpdate?.({ ...old, metadata: { ...old.metadata, labels } }, old).metadata.generation;
  assert.deepEqual([generationOf({}), generationOf({ a: 'b' })], [1, 2]);
});

test('warnings are of addresses that are spelt oddly, and of names', () => {
  const warnings = (fields: object): unknown =>
    EndpointSlice.hooks.warnings?.(written(EndpointSlice, slice(fields)), undefined);
  const mapped = endpoints('::ffff:10.0.0.1');
  assert.deepEqual(warnings({ addressType: 'FQDN', endpoints: [] }), [
    'spec.addressType: FQDN endpoints are deprecated',
  ]);
  assert.deepEqual(warnings({ addressType: 'IPv6', ...mapped }), [
    'endpoints[0].addresses[0]: non-standard IP address "::ffff:10.0.0.1" is invalid: use "10.0.0.1"',
  ]);
  const labels = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' };
  assert.deepEqual(warnings({ metadata: { name: 'a', labels }, addressType: 'IPv6', ...mapped }), []);
});

test('the table of slices', () => {
  const { Age: _, ...cells } = row(
    EndpointSlice,
    written(
      EndpointSlice,
      slice({ ...endpoints('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'), ports: [{ port: 80 }, { name: 'all' }] }),
    ),
  );
  assert.deepEqual(cells, {
    Name: 'web-1',
    AddressType: 'IPv4',
    Ports: '80,all',
    Endpoints: '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...',
  });
  assert.equal(row(EndpointSlice, written(EndpointSlice, slice()))['Ports'], '<unset>');
});
