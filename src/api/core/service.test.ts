import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectOf } from '#schema/kind.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { Service } from './service.ts';

type Fields = Record<string, unknown>;
const service = (fields: Fields = {}): never =>
  ({ metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...fields } }) as never;
const allocated = (fields: Fields = {}): ObjectOf<typeof Service> =>
  written(Service, service({ clusterIP: '10.96.0.5', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', ...fields }));

test('a service gets its defaults', () => {
  const { spec, status } = written(Service, service());
  assert.deepEqual(spec, {
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
  });
  assert.deepEqual(status, { loadBalancer: {} });
  const balanced = written(Service, service({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' })).spec;
  assert.deepEqual(
    [balanced.externalTrafficPolicy, balanced.allocateLoadBalancerNodePorts, balanced.sessionAffinityConfig],
    ['Cluster', true, { clientIP: { timeoutSeconds: 10_800 } }],
  );
  assert.deepEqual(written(Service, service({ clusterIP: 'None' })).spec.clusterIPs, ['None']);
});

const table: readonly [string, Fields, readonly string[]][] = [
  ['no ports', { ports: [] }, ['spec.ports: Required value']],
  ['ports without names', { ports: [{ port: 80 }, { port: 81, name: 'b' }] }, ['spec.ports[0].name: Required value']],
  [
    'ports of one name',
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'a' },
      ],
    },
    ['spec.ports[1].name: Duplicate value: "a"'],
  ],
  [
    'a port twice',
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  ],
  [
    'a port out of range',
    { ports: [{ port: 70_000, targetPort: 'http' }] },
    ['spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  ],
  [
    'a node port on a cluster address',
    { ports: [{ port: 80, nodePort: 30_000 }] },
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'an unknown type',
    { type: 'Magic' },
    [
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  ],
  [
    'a headless node port',
    { type: 'NodePort', clusterIP: 'None' },
    ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
  ],
  ['an external name without name', { type: 'ExternalName', ports: [] }, ['spec.externalName: Required value']],
  [
    'an affinity of an age',
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } },
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
    ],
  ],
  [
    'an address that is none',
    { clusterIP: '10.0.0' },
    ['spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ],
  [
    'a loopback address outside',
    { externalIPs: ['127.0.0.1'] },
    ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ],
  [
    'a policy for traffic it does not get',
    { externalTrafficPolicy: 'Local' },
    ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
  ],
  [
    'load balancer settings',
    { loadBalancerClass: 'a/b', allocateLoadBalancerNodePorts: true },
    [
      "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
  ],
  [
    'two families of one kind',
    { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
    ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
  ],
];
const annotated = (annotations: Record<string, string>, fields: Fields = {}): never =>
  ({ metadata: { name: 'web', annotations }, spec: { ports: [{ port: 80 }], ...fields } }) as never;
const ranges = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const [mode, hints] = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];

test('annotations that are older than their fields are checked as these are', () => {
  assert.deepEqual(createCauses(Service, annotated({ [ranges]: ' 10.0.0.0/8, x' }, { type: 'LoadBalancer' })), [
    `metadata.annotations[${ranges}]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
  ]);
  assert.deepEqual(createCauses(Service, annotated({ [ranges]: '' })), [
    `metadata.annotations[${ranges}]: Forbidden: may only be used when \`type\` is 'LoadBalancer'`,
  ]);
  assert.deepEqual(createCauses(Service, annotated({ [mode]: 'Auto', [hints]: 'Disabled' })), [
    `metadata.annotations[${mode}]: Invalid value: "Auto": must match annotations[${hints}] when both are specified`,
  ]);
});

test('addresses are judged before all else', () => {
  assert.deepEqual(createCauses(Service, service({ clusterIP: 'x', ports: [] })), [
    'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
});

const oddities: readonly [string, Fields, readonly string[]][] = [
  [
    'an old name of a preference',
    { trafficDistribution: 'PreferClose' },
    ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
  ],
  [
    'outside addresses',
    { externalIPs: ['2001:DB8::1'] },
    [
      'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    ],
  ],
  [
    'fields without effect',
    { clusterIP: 'None', externalIPs: ['10.0.0.1'], externalName: 'a', sessionAffinity: 'ClientIP' },
    [
      'spec.externalIPs is ignored for headless services',
      'spec.SessionAffinity is ignored for headless services',
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ],
  ],
  [
    'a range in another spelling',
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['2001:DB8::/32'] },
    [
      'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
    ],
  ],
];
for (const [what, fields, warnings] of oddities)
  test(`the author is told of ${what}`, () =>
    assert.deepEqual(Service.hooks.warnings?.(written(Service, service(fields)), undefined), warnings));

test('entrances are of load balancers only', () => {
  const causes = (type: string, ...ingress: object[]): unknown =>
    Service.hooks
      .validateStatus?.(
        { ...written(Service, service({ type })), status: { loadBalancer: { ingress } } } as never,
        allocated(),
      )
      .map(({ field, message }) => `${field}: ${message}`);
  const at = 'status.loadBalancer.ingress';
  assert.deepEqual(causes('ClusterIP', { ip: 'x' }), [
    `${at}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
  ]);
  assert.deepEqual(causes('LoadBalancer', { ip: '10.0.0.1', ipMode: 'X' }, { hostname: '10.0.0.1' }), [
    `${at}[0].ipMode: Unsupported value: "X": supported values: "Proxy", "VIP"`,
    `${at}[1].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address`,
  ]);
});

for (const [what, fields, causes] of table)
  test(`a service may not have ${what}`, () => assert.deepEqual(createCauses(Service, service(fields)), causes));

test('an allocated address stays, whether the client repeats it or not', () => {
  const old = allocated();
  assert.deepEqual(old.spec.clusterIPs, ['10.96.0.5']);
  assert.equal(
    Service.hooks.prepareUpdate?.(written(Service, service({ ipFamilies: ['IPv4'] })), old).spec.clusterIP,
    '10.96.0.5',
  );
  assert.deepEqual(updateCauses(Service, service({ clusterIP: '10.96.0.5' }), old), []);
  assert.deepEqual(updateCauses(Service, service({ ...old.spec, clusterIP: '10.96.0.6' }), old), [
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set',
  ]);
});

test('node ports stay, and go with the type that had them', () => {
  const old = allocated({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
  const update = (fields: Fields): ObjectOf<typeof Service>['spec'] | undefined =>
    Service.hooks.prepareUpdate?.(written(Service, service(fields)), old).spec;
  assert.equal(update({ type: 'NodePort' })?.ports?.[0]?.nodePort, 30_080);
  assert.equal(update({ type: 'NodePort', ports: [{ port: 81 }] })?.ports?.[0]?.nodePort, 30_080);
  assert.equal(update({ type: 'ClusterIP', ports: old.spec.ports })?.ports?.[0]?.nodePort, undefined);
  const external = update({ ...old.spec, type: 'ExternalName', externalName: 'example.com' });
  assert.deepEqual(
    [external?.clusterIP, external?.clusterIPs, external?.ipFamilies, external?.externalTrafficPolicy],
    [undefined, undefined, undefined, undefined],
  );
});

test('the table of services', () => {
  const cells = (fields: Fields, status: object = { loadBalancer: {} }): unknown[] => {
    const { Name: _n, Age: _a, ...rest } = row(Service, { ...allocated(fields), status } as never);
    return Object.values(rest);
  };
  assert.deepEqual(cells({ selector: { b: '2', a: '1' } }), ['ClusterIP', '10.96.0.5', '<none>', '80/TCP', 'a=1,b=2']);
  assert.deepEqual(
    cells({
      type: 'NodePort',
      ports: [
        { port: 80, nodePort: 30_080 },
        { port: 53, protocol: 'UDP', name: 'd' },
      ],
    }),
    ['NodePort', '10.96.0.5', '<none>', '80:30080/TCP,53/UDP', '<none>'],
  );
  assert.deepEqual(cells({ type: 'LoadBalancer' })[2], '<pending>');
  assert.deepEqual(
    cells({ type: 'LoadBalancer' }, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } })[2],
    '192.0.2.1',
  );
  assert.deepEqual(cells({ type: 'ExternalName', externalName: 'example.com', ports: [], clusterIP: undefined }), [
    'ExternalName',
    '<none>',
    'example.com',
    '<none>',
    '<none>',
  ]);
});
