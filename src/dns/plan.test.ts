/**
 * What names of the cluster mean, by table: name, type, and what comes back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '#api/discovery/endpointslice.ts';
import type { Service } from '#api/core/service.ts';
import { codes, types } from './message.ts';
import { clusterIpsOf, planAnswer, type DnsFacts } from './plan.ts';

const services = [
  {
    name: 'web',
    spec: {
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20', 'fd00::20'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    },
  },
  { name: 'db', spec: { clusterIP: 'None', ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }] } },
  { name: 'empty', spec: { clusterIP: 'None', ports: [] } },
  { name: 'alias', spec: { type: 'ExternalName', externalName: 'Example.org.' } },
].map(({ name, spec }) => ({ metadata: { namespace: 'shop', name }, spec }) as unknown as Service);

const slices = [
  {
    metadata: { namespace: 'shop', name: 'db-1', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }],
    endpoints: [
      { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.0.6'], conditions: { ready: true } },
      { addresses: ['10.244.0.7'], hostname: 'db-2', conditions: { ready: false } },
    ],
  },
  {
    metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: [{ addresses: ['10.244.0.9'], conditions: { ready: true } }],
  },
] as unknown as EndpointSlice[];

const facts: DnsFacts = {
  clusterDomain: 'cluster.local',
  serial: 42,
  hasNamespace: (name) => name === 'shop' || name === 'void',
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  slicesOf: (_, name) => slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name),
  servicesAt: (ip) => services.filter((service) => clusterIpsOf(service).includes(ip)),
  slicesAt: (ip) => slices.filter(({ endpoints }) => endpoints.some(({ addresses }) => addresses.includes(ip))),
};

function ask(name: string, type: keyof typeof types): string {
  const answer = planAnswer({ name, type: types[type] }, facts);
  if (!answer) return 'elsewhere';
  if (answer.code === codes.nameError) return 'no name';
  if (answer.answers.length === 0) {
    assert.equal(answer.authorities[0]?.type, 'SOA');
    return 'no record';
  }
  return answer.answers
    .map((record) => {
      assert.equal(record.name, name);
      if ('address' in record)
        return record.address.length === 4
          ? [...record.address].join('.')
          : Buffer.from(record.address).toString('hex');
      if (record.type === 'SRV') return `${record.priority} ${record.weight} ${record.port} ${record.target}`;
      if (record.type === 'TXT') return record.text;
      if (record.type === 'SOA') return String(record.serial);
      return record.target;
    })
    .join(', ');
}

const table: readonly (readonly [name: string, type: keyof typeof types, expected: string])[] = [
  ['web.shop.svc.cluster.local', 'A', '10.96.0.20'],
  ['web.shop.svc.cluster.local', 'AAAA', 'fd000000000000000000000000000020'],
  ['web.shop.svc.cluster.local', 'TXT', 'no record'],
  ['web.shop.svc.cluster.local', 'SRV', '0 100 80 web.shop.svc.cluster.local'],
  ['_http._tcp.web.shop.svc.cluster.local', 'SRV', '0 100 80 web.shop.svc.cluster.local'],
  ['_http._tcp.web.shop.svc.cluster.local', 'A', 'no record'],
  ['_http._udp.web.shop.svc.cluster.local', 'SRV', 'no name'],
  ['_nope._tcp.web.shop.svc.cluster.local', 'SRV', 'no name'],
  ['_tcp.web.shop.svc.cluster.local', 'SRV', 'no record'],
  ['10-244-0-9.web.shop.svc.cluster.local', 'A', '10.244.0.9'],
  ['a.b.c.web.shop.svc.cluster.local', 'A', 'no name'],
  ['nope.shop.svc.cluster.local', 'A', 'no name'],
  ['web.void.svc.cluster.local', 'A', 'no name'],
  ['void.svc.cluster.local', 'A', 'no record'],
  ['nope.svc.cluster.local', 'A', 'no name'],
  ['svc.cluster.local', 'A', 'no record'],
  ['db.shop.svc.cluster.local', 'A', '10.244.0.5, 10.244.0.6'],
  ['db.shop.svc.cluster.local', 'AAAA', 'no record'],
  ['db-0.db.shop.svc.cluster.local', 'A', '10.244.0.5'],
  ['10-244-0-6.db.shop.svc.cluster.local', 'A', '10.244.0.6'],
  ['10-244-0-5.db.shop.svc.cluster.local', 'A', 'no name'],
  ['db-2.db.shop.svc.cluster.local', 'A', 'no name'],
  [
    '_sql._tcp.db.shop.svc.cluster.local',
    'SRV',
    '0 50 5432 db-0.db.shop.svc.cluster.local, 0 50 5432 10-244-0-6.db.shop.svc.cluster.local',
  ],
  ['empty.shop.svc.cluster.local', 'A', 'no name'],
  ['alias.shop.svc.cluster.local', 'A', 'example.org'],
  ['x.alias.shop.svc.cluster.local', 'A', 'no name'],
  ['1-2-3-4.shop.pod.cluster.local', 'A', '1.2.3.4'],
  ['1-2-3-4.nope.pod.cluster.local', 'A', 'no name'],
  ['1-2-3-999.shop.pod.cluster.local', 'A', 'no name'],
  ['shop.pod.cluster.local', 'A', 'no record'],
  ['dns-version.cluster.local', 'TXT', '1.1.0'],
  ['cluster.local', 'A', 'no record'],
  ['cluster.local', 'SOA', '42'],
  ['cluster.local', 'NS', 'ns.dns.cluster.local'],
  ['nope.cluster.local', 'A', 'no name'],
  ['example.org', 'A', 'elsewhere'],
  ['notcluster.local', 'A', 'elsewhere'],
  ['20.0.96.10.in-addr.arpa', 'PTR', 'web.shop.svc.cluster.local'],
  ['5.0.244.10.in-addr.arpa', 'PTR', 'db-0.db.shop.svc.cluster.local'],
  ['20.0.96.10.in-addr.arpa', 'A', 'no record'],
  ['9.9.9.9.in-addr.arpa', 'PTR', 'elsewhere'],
  ['999.0.96.10.in-addr.arpa', 'PTR', 'elsewhere'],
];

for (const [name, type, expected] of table) {
  test(`${name} ${type} is: ${expected}`, () => assert.equal(ask(name, type), expected));
}
