import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as causes from './causes.ts';
import { canonicalIp, cidrRange, ipAddress, ipFamily } from './ip.ts';
import * as names from './names.ts';

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

test('names follow DNS, in upstream’s words', () => {
  assert.deepEqual(names.dns1123Subdomain('web.example-1'), []);
  assert.deepEqual(names.dns1123Subdomain('Web'), [subdomainMessage]);
  assert.deepEqual(names.dns1123Subdomain(`${'a'.repeat(254)}`), ['must be no more than 253 characters']);
  for (const bad of ['', '-a', 'a-', 'a..b', '.a', 'a_b', 'ä'])
    assert.equal(names.dns1123Subdomain(bad).length, 1, bad);
  assert.deepEqual(names.dns1123Label('a.b'), ['must not contain dots']);
  assert.equal(names.dns1035Label('1a').length, 1);
  assert.deepEqual(names.dns1035Label('a1'), []);
  assert.deepEqual(names.namePrefix(names.dns1123Subdomain, 'web-'), []);
});

test('label keys and values', () => {
  for (const good of ['a', 'example.com/A_b.c-d', 'app.kubernetes.io/name'])
    assert.deepEqual(names.labelKey(good), [], good);
  assert.deepEqual(names.labelKey('/a'), ['prefix part must be non-empty']);
  assert.match(
    names.labelKey('a/b/c')[0] ?? '',
    /^a valid label key must consist of .* with an optional DNS subdomain prefix/,
  );
  assert.deepEqual(names.labelKey('').length, 2);
  assert.deepEqual(names.labelValue(''), []);
  assert.match(names.labelValue('a b')[0] ?? '', /^a valid label must be an empty string or consist of/);
});

test('other names', () => {
  assert.deepEqual(names.portName('http-1'), []);
  assert.deepEqual(names.portName('80'), ['must contain at least one letter (a-z)']);
  assert.deepEqual(names.portNumber(0), ['must be between 1 and 65535, inclusive']);
  assert.deepEqual(names.pathSegment('a/b%'), ["may not contain '/'", "may not contain '%'"]);
  assert.deepEqual(names.configMapKey('..a'), ["must not start with '..'"]);
  assert.deepEqual(names.relaxedEnvVarName('a b'), []);
  assert.equal(names.relaxedEnvVarName('a=b').length, 1);
  assert.equal(names.percent('5').length, 1);
  assert.deepEqual(names.wildcardDns1123Subdomain('*.example.com'), []);
});

test('addresses', () => {
  assert.equal(ipFamily('10.0.0.1'), 4);
  assert.equal(ipFamily('::1'), 6);
  assert.equal(ipFamily('010.0.0.1'), undefined);
  for (const bad of ['1.2.3', '1.2.3.256', 'a', '', '1::2::3', ':1', '1:2:3:4:5:6:7:8:9', 'fe80::1%eth0', '::1.2.3']) {
    assert.equal(ipAddress(bad).length, 1, bad);
  }
  assert.deepEqual(ipAddress('::ffff:1.2.3.4'), ['must not be an IPv4-mapped IPv6 address']);
  assert.equal(canonicalIp('2001:DB8:0:0:0:0:0:1'), '2001:db8::1');
  assert.equal(canonicalIp('64:ff9b::1.2.3.4'), '64:ff9b::102:304');
  assert.equal(canonicalIp('1:0:0:2:0:0:0:3'), '1:0:0:2::3');
  assert.deepEqual(ipAddress('2001:db8:0::1', { canonicalOnly: true }), ['must be in canonical form ("2001:db8::1")']);
  assert.deepEqual(cidrRange('10.0.0.0/24'), []);
  assert.deepEqual(cidrRange('10.0.0.1/24'), ['must not have bits set beyond the prefix length']);
  assert.equal(cidrRange('10.0.0.0/33').length, 1);
  assert.deepEqual(cidrRange('2001:db8::/64'), []);
});

test('causes print values as Go does', () => {
  assert.equal(causes.required('spec.x').message, 'Required value');
  assert.equal(causes.required('spec.x', 'why').message, 'Required value: why');
  assert.equal(causes.invalidValue('a', 'x"\n\u0001', 'd').message, 'Invalid value: "x\\"\\n\\x01": d');
  assert.equal(causes.invalidValue('a', -1, 'd').message, 'Invalid value: -1: d');
  assert.equal(causes.invalidValue('a', { b: '<' }, 'd').message, 'Invalid value: {"b":"\\u003c"}: d');
  assert.equal(causes.notSupported('a', 'x', ['A', 'B']).message, 'Unsupported value: "x": supported values: "A", "B"');
  assert.equal(causes.duplicate('a', 'x').message, 'Duplicate value: "x"');
  assert.equal(causes.tooLong('a', 5).message, 'Too long: may not be more than 5 bytes');
  assert.equal(causes.tooMany('a', 3, 1).message, 'Too many: 3: must have at most 1 item');
  assert.equal(causes.forbiddenField('a', 'no').message, 'Forbidden: no');
});
