import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { EndpointSlice } from './endpointslice.ts';

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
    ['endpoints[0].addresses[0]: Invalid value: "2001:db8::1": must be a valid IPv4 address'],
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
    'addressType: Invalid value: "IPv6": field is immutable',
  ]);
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
