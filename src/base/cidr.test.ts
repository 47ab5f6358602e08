/**
 * Addresses and prefixes, against Go's net/netip and node's own validity check.
 */
import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressAt,
  addressCount,
  contains,
  formatCidr,
  formatIp,
  network,
  offsetOf,
  overlaps,
  parseCidr,
  parseIp,
  subnets,
  type Cidr,
  type Ip,
} from './cidr.ts';

const ip = (text: string): Ip => parseIp(text) as Ip;
const cidr = (text: string): Cidr => parseCidr(text) as Cidr;

test('addresses print in their shortest form', () => {
  for (const [text, printed] of [
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:10.1.2.3', '::ffff:10.1.2.3'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const) {
    assert.equal(formatIp(ip(text)), printed);
  }
});

test('what Go refuses is refused', () => {
  for (const bad of [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.-4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    ':',
    ':::',
    '1:2',
    '1::2::3',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::1.2.3',
    '1.2.3.4::',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4:5:6:7:8:9',
    '0x1.2.3.4',
  ]) {
    assert.equal(parseIp(bad), undefined, bad);
  }
  for (const bad of ['1.2.3.4', '1.2.3.4/', '1.2.3.4/33', '1.2.3.4/08', '1.2.3.4/+8', '::/129', '/8', '1.2.3.4/8/8']) {
    assert.equal(parseCidr(bad), undefined, bad);
  }
});

test('random addresses survive the round trip and agree with node', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/)), (text) => {
      const parsed = parseIp(text);
      assert.equal(parsed !== undefined, isIPv4(text) || isIPv6(text), text);
      if (parsed) assert.deepEqual(parseIp(formatIp(parsed)), parsed);
    }),
    { numRuns: 2_000 },
  );
});

test('prefixes contain, overlap and split', () => {
  assert.ok(contains(cidr('10.96.0.0/12'), ip('10.111.255.255')));
  assert.ok(!contains(cidr('10.96.0.0/12'), ip('10.112.0.0')));
  assert.ok(!contains(cidr('0.0.0.0/0'), ip('::1')));
  assert.ok(overlaps(cidr('10.0.0.0/8'), cidr('10.1.0.0/16')) && overlaps(cidr('10.1.0.0/16'), cidr('10.0.0.0/8')));
  assert.ok(!overlaps(cidr('10.0.0.0/16'), cidr('10.1.0.0/16')));
  assert.equal(formatCidr(network(cidr('10.1.2.3/22'))), '10.1.0.0/22');
  const pods = [...subnets(cidr('10.244.0.0/22'), 24)].map(formatCidr);
  assert.deepEqual(pods, ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24']);
  assert.deepEqual([...subnets(cidr('10.0.0.0/24'), 16)], []);
  assert.equal(addressCount(cidr('fd00::/64')), 2n ** 64n);
  assert.equal(formatIp(addressAt(cidr('10.96.0.0/12'), 10) as Ip), '10.96.0.10');
  assert.equal(formatIp(addressAt(cidr('10.96.0.0/24'), -1) as Ip), '10.96.0.255');
  assert.equal(addressAt(cidr('10.96.0.0/30'), 4), undefined);
  assert.equal(offsetOf(cidr('10.96.0.0/12'), ip('10.96.1.0')), 256n);
});
