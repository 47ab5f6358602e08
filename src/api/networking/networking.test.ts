import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyKind } from '../kinds.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { Ingress } from './ingress.ts';
import { IngressClass } from './ingressclass.ts';
import { IPAddress } from './ipaddress.ts';
import { NetworkPolicy } from './networkpolicy.ts';
import { ServiceCIDR } from './servicecidr.ts';

const metadata = { name: 'web' };
const port = { number: 80 };
const backend = { service: { name: 'web', port } };
const path = (fields: object = {}): object => ({ path: '/', pathType: 'Prefix', backend, ...fields });
const ingress = (...paths: object[]): object => ({ rules: [{ host: 'a.example.com', http: { paths } }] });
const at = 'spec.rules[0].http.paths[0]';

const cases: readonly [string, AnyKind, object, readonly string[]][] = [
  ['an Ingress with a rule', Ingress, ingress(path()), []],
  ['an Ingress with a default backend', Ingress, { defaultBackend: backend }, []],
  [
    'an Ingress of nothing',
    Ingress,
    {},
    ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
  ],
  [
    'a path without a type',
    Ingress,
    ingress({ backend }),
    [`${at}.pathType: Required value: pathType must be specified`],
  ],
  [
    'a path that climbs',
    Ingress,
    ingress(path({ path: 'a/../b//' })),
    [
      `${at}.path: Invalid value: "a/../b//": must be an absolute path`,
      `${at}.path: Invalid value: "a/../b//": must not contain '//'`,
      `${at}.path: Invalid value: "a/../b//": must not contain '/../'`,
    ],
  ],
  [
    'an unknown type of path',
    Ingress,
    ingress(path({ pathType: 'Regex' })),
    [`${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
  ],
  [
    'a backend of two ports, and one of none',
    Ingress,
    ingress(
      path({ backend: { service: { name: 'web', port: { name: 'http', number: 80 } } } }),
      path({ backend: { service: { name: 'web' } } }),
      path({ backend: {} }),
    ),
    [
      `${at}.backend: Invalid value: "": cannot set both port name & port number`,
      'spec.rules[0].http.paths[1].backend: Required value: port name or number is required',
      'spec.rules[0].http.paths[2].backend: Invalid value: "": resource or service backend is required',
    ],
  ],
  [
    'a host that is an address',
    Ingress,
    { rules: [{ host: '1.2.3.4', http: { paths: [path()] } }] },
    ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'],
  ],
  [
    'a controller without a domain',
    IngressClass,
    { controller: 'nginx' },
    ['spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'parameters without their namespace',
    IngressClass,
    { controller: 'example.com/x', parameters: { kind: 'A', name: 'a', scope: 'Namespace' } },
    ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
  ],
  [
    'parameters of the cluster with a namespace',
    IngressClass,
    { controller: 'example.com/x', parameters: { kind: 'A', name: 'a', namespace: 'b' } },
    ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
  ],
  [
    'a policy whose peers are wrong',
    NetworkPolicy,
    {
      ingress: [
        { from: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16', '10.0.0.0/8'] } }] },
      ],
    },
    [
      'spec.ingress[0].from[0]: Required value: must specify a peer',
      'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
      'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
    ],
  ],
  [
    'ranges of ports that end too early, or begin nowhere',
    NetworkPolicy,
    { egress: [{ ports: [{ port: 90, endPort: 80 }, { endPort: 80 }, { port: 'http', endPort: 80 }] }] },
    [
      'spec.egress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
      'spec.egress[0].ports[1].endPort: Invalid value: 80: may not be specified when `port` is not specified',
      'spec.egress[0].ports[2].endPort: Invalid value: 80: may not be specified when `port` is non-numeric',
    ],
  ],
  ['no range', ServiceCIDR, {}, ['spec.cidrs: Required value: at least one CIDR required']],
  [
    'two ranges of one family',
    ServiceCIDR,
    { cidrs: ['10.0.0.0/8', '11.0.0.0/8'] },
    [
      'spec.cidrs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  ],
];
for (const [what, kind, spec, causes] of cases)
  test(`${what}: ${causes.length === 0 ? 'good' : 'refused'}`, () =>
    assert.deepEqual(createCauses(kind, { metadata, spec }), causes));

test('a new Ingress may not name two classes, an old one may', () => {
  const two = {
    metadata: { ...metadata, annotations: { 'kubernetes.io/ingress.class': 'a' } },
    spec: { ...ingress(path()), ingressClassName: 'b' },
  };
  assert.deepEqual(createCauses(Ingress, two), [
    'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
  ]);
  const old = written(Ingress, two as never);
  const stored = { ...old, metadata: { ...old.metadata, resourceVersion: '1' } };
  assert.deepEqual(updateCauses(Ingress, two, stored), []);
});

test('policies restrict what they speak of', () => {
  const typesOf = (spec: object): unknown => written(NetworkPolicy, { metadata, spec } as never).spec.policyTypes;
  assert.deepEqual(typesOf({}), ['Ingress']);
  assert.deepEqual(typesOf({ egress: [{}] }), ['Ingress', 'Egress']);
  assert.deepEqual(typesOf({ policyTypes: ['Egress'] }), ['Egress']);
});

test('an address is named by its canonical spelling', () => {
  const spec = { parentRef: { resource: 'services', namespace: 'default', name: 'web' } };
  assert.deepEqual(createCauses(IPAddress, { metadata: { name: '10.0.0.1' }, spec }), []);
  assert.deepEqual(createCauses(IPAddress, { metadata: { name: '2001:DB8::1' }, spec: {} }), [
    'spec.parentRef: Required value',
    'metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")',
  ]);
  const address = written(IPAddress, { metadata: { name: '10.0.0.1' }, spec });
  assert.deepEqual(row(IPAddress, address), { Name: '10.0.0.1', ParentRef: 'services/default/web' });
});

test('a range stays, and one of the other family may come', () => {
  const of = (...cidrs: string[]): never => ({ metadata, spec: { cidrs } }) as never;
  const old = written(ServiceCIDR, of('10.0.0.0/8'));
  assert.deepEqual(updateCauses(ServiceCIDR, of('10.0.0.0/8', '2001:db8::/64'), old), []);
  const stored = { ...old, metadata: { ...old.metadata, resourceVersion: '1' } };
  assert.deepEqual(updateCauses(ServiceCIDR, of('x'), stored), [
    'spec.cidrs[0]: Invalid value: "x": field is immutable',
  ]);
  assert.deepEqual(updateCauses(ServiceCIDR, of('10.0.0.0/8', '11.0.0.0/8'), stored), [
    'spec.cidrs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ]);
  assert.deepEqual(createCauses(ServiceCIDR, of()), ['spec.cidrs: Required value: at least one CIDR required']);
  assert.deepEqual(updateCauses(ServiceCIDR, of('11.0.0.0/8'), old), [
    'spec.cidrs[0]: Invalid value: "11.0.0.0/8": field is immutable',
  ]);
});

test('the table of Ingresses', () => {
  const object = written(Ingress, {
    metadata,
    spec: { ...ingress(path()), tls: [{ hosts: ['a.example.com'] }] },
  } as never);
  const status = { loadBalancer: { ingress: [{ ip: '10.0.0.9' }, { hostname: 'lb.example.com' }] } };
  assert.deepEqual(row(Ingress, { ...object, status }), {
    Name: 'web',
    Class: '<none>',
    Hosts: 'a.example.com',
    Address: '10.0.0.9,lb.example.com',
    Ports: '80, 443',
    Age: '5m',
  });
});
