/**
 * The proxy's plan and its table as text: which endpoints, which entries, which elements change.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '#api/discovery/endpointslice.ts';
import type { Service } from '#api/core/service.ts';
import { elementsOf, PoolNumbers } from './elements.ts';
import { planProxy, planService, type NodeFacts } from './plan.ts';
import { TableState } from './state.ts';

const facts: NodeFacts = { nodeName: 'n1', zone: 'z1', ownAddresses: new Set(['10.96.0.10']) };

function service(spec: object = {}, metadata: object = {}): Service {
  return {
    metadata: { namespace: 'default', name: 'web', ...metadata },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.20', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
    status: { loadBalancer: {} },
  } as unknown as Service;
}

interface Given {
  readonly ip: string;
  readonly node?: string;
  readonly conditions?: object;
  readonly hints?: object;
}

function slice(...given: readonly Given[]): EndpointSlice {
  return {
    metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: given.map(({ ip, node = 'n1', conditions = {}, hints }) => ({
      addresses: [ip],
      conditions,
      nodeName: node,
      ...(hints ? { hints } : {}),
    })),
  } as unknown as EndpointSlice;
}

const clusterTargets = (slices: readonly EndpointSlice[], spec: object = {}): readonly string[] =>
  planService(service(spec), slices, facts).pools[0]?.cluster.targets.map(({ ip }) => ip) ?? [];

test('ready endpoints get the traffic, those of an unknown state too', () => {
  const found = slice(
    { ip: '10.0.0.1', conditions: { ready: true } },
    { ip: '10.0.0.2', conditions: { ready: false } },
    { ip: '10.0.0.3' },
    { ip: '10.0.0.4', conditions: { ready: false, serving: true, terminating: true } },
  );
  assert.deepEqual(clusterTargets([found]), ['10.0.0.1', '10.0.0.3']);
});

test('those that terminate but serve stand in when no other is ready', () => {
  const found = slice(
    { ip: '10.0.0.1', conditions: { ready: false, serving: true, terminating: true } },
    { ip: '10.0.0.2', conditions: { ready: false, serving: false, terminating: true } },
    { ip: '10.0.0.3', conditions: { ready: false } },
  );
  assert.deepEqual(clusterTargets([found]), ['10.0.0.1']);
});

test('an endpoint in two slices counts once, and is ready when one of them says so', () => {
  const a = slice({ ip: '10.0.0.1', conditions: { ready: false } });
  const b = slice({ ip: '10.0.0.1', conditions: { ready: true } });
  assert.deepEqual(clusterTargets([a, b]), ['10.0.0.1']);
  assert.deepEqual(clusterTargets([b, a]), ['10.0.0.1']);
});

test('hints keep traffic in the zone, as long as every endpoint has one and the zone has some', () => {
  const inZone = (name: string): object => ({ forZones: [{ name }] });
  const both = [
    { ip: '10.0.0.1', hints: inZone('z1') },
    { ip: '10.0.0.2', hints: inZone('z2') },
  ];
  assert.deepEqual(clusterTargets([slice(...both)]), ['10.0.0.1']);
  assert.deepEqual(clusterTargets([slice(...both, { ip: '10.0.0.3' })]), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  assert.deepEqual(clusterTargets([slice({ ip: '10.0.0.2', hints: inZone('z2') })]), ['10.0.0.2']);
});

test('policy Local: endpoints of this node; none here drops, none anywhere rejects', () => {
  const spec = {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
  };
  const local = (...given: Given[]): unknown => planService(service(spec), [slice(...given)], facts).pools[0]?.local;
  assert.deepEqual(local({ ip: '10.0.0.1' }, { ip: '10.0.0.2', node: 'n2' }), {
    targets: [{ ip: '10.0.0.1', port: 8080 }],
    refusal: 'drop',
  });
  assert.deepEqual(local({ ip: '10.0.0.2', node: 'n2' }), { targets: [], refusal: 'drop' });
  assert.deepEqual(local(), { targets: [], refusal: 'reject' });
});

test('entries: cluster address, node port, external and balancer addresses, and none for other proxies', () => {
  const spec = {
    type: 'LoadBalancer',
    externalIPs: ['192.0.2.1', 'fd00::1'],
    loadBalancerSourceRanges: [' 198.51.100.0/24'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
  };
  const given = service(spec) as Service & { status: object };
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.5' }, { ip: '203.0.113.6', ipMode: 'Proxy' }] } };
  const [pool] = planService({ ...given, status } as Service, [], facts).pools;
  assert.deepEqual(
    pool?.entries.map(({ ip, port, from, sourceRanges }) => [ip, port, from, ...sourceRanges]),
    [
      ['10.96.0.20', 80, 'inside'],
      [undefined, 30080, 'outside'],
      ['192.0.2.1', 80, 'outside'],
      ['203.0.113.5', 80, 'outside', '198.51.100.0/24'],
    ],
  );
  const empty = { pools: [], clusterIps: [], ownEndpoints: [] };
  assert.deepEqual(planService(service({ clusterIP: 'None' }), [], facts), empty);
  assert.deepEqual(planService(service({ type: 'ExternalName' }), [], facts), empty);
  assert.deepEqual(planService(service({ clusterIP: '10.96.0.10' }), [], facts), empty);
  const labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
  assert.deepEqual(planService(service({}, { labels }), [], facts), empty);
});

test('the API of the cluster is the node itself', () => {
  const kubernetes = service({ clusterIP: '10.96.0.1' }, { name: 'kubernetes' });
  const withApi = { ...facts, api: { ip: '172.29.0.10', port: 6443 } };
  const plan = planProxy([kubernetes], () => [slice({ ip: '172.29.0.11', node: 'n2' })], withApi);
  assert.deepEqual(plan.pools[0]?.cluster.targets, [{ ip: '172.29.0.10', port: 6443 }]);
});

/** Applies and answers the commands. */
function commands(state: TableState): readonly string[] {
  const transaction = state.transaction();
  transaction?.done();
  return transaction?.text.trim().split('\n') ?? [];
}

test('a change of one endpoint is its own few elements', () => {
  const state = new TableState({ table: 't', podCidr: '10.244.0.0/24' });
  const numbers = new PoolNumbers();
  const put = (...ips: string[]): void =>
    state.set(
      'default/web',
      elementsOf(planService(service(), [slice(...ips.map((ip) => ({ ip, node: 'n2' })))], facts), numbers),
    );
  put('10.0.0.1', '10.0.0.2');
  assert.match(commands(state).join('\n'), /^add table ip t\ndelete table ip t\n/);
  assert.deepEqual(commands(state), []);
  put('10.0.0.1', '10.0.0.3');
  assert.deepEqual(commands(state), [
    'delete element ip t endpoints { 0x2 . 0x1 }',
    'add element ip t endpoints { 0x2 . 0x1 : 10.0.0.3 . 8080 }',
  ]);
  put('10.0.0.1');
  assert.deepEqual(commands(state), [
    'add chain ip t draw-1',
    'add rule ip t draw-1 meta mark set numgen random mod 1',
    'add chain ip t pick-1',
    'add rule ip t pick-1 jump draw-1',
    'add rule ip t pick-1 goto pick',
    'delete element ip t pools { 0x2 }',
    'delete element ip t endpoints { 0x2 . 0x1 }',
    'add element ip t pools { 0x2 : goto pick-1 }',
  ]);
  put();
  assert.deepEqual(commands(state), [
    'delete element ip t pools { 0x2 }',
    'delete element ip t endpoints { 0x2 . 0x0 }',
    'add element ip t refused { 0x2 : goto rejecting }',
  ]);
  state.set('default/web', undefined);
  assert.equal(commands(state).length, 3);
  assert.deepEqual(commands(state), []);
});

test('two Services with one external address: the first by name has it until it goes', () => {
  const state = new TableState({ table: 't', podCidr: '10.244.0.0/24' });
  const numbers = new PoolNumbers();
  const put = (name: string, clusterIP: string): void =>
    state.set(
      `default/${name}`,
      elementsOf(planService(service({ clusterIP, externalIPs: ['192.0.2.1'] }, { name }), [], facts), numbers),
    );
  put('b', '10.96.0.21');
  put('a', '10.96.0.22');
  assert.match(commands(state).join('\n'), /192\.0\.2\.1 \. tcp \. 80 : 0x80000004/);
  state.set('default/a', undefined);
  assert.match(commands(state).join('\n'), /add element ip t entries \{ 192\.0\.2\.1 \. tcp \. 80 : 0x80000002 \}/);
});

test('numbers of pools that went are given again, and never twice at a time', () => {
  const numbers = new PoolNumbers();
  const first = numbers.of('a');
  assert.equal(numbers.of('a'), first);
  assert.notEqual(numbers.of('b'), first);
  numbers.free('a');
  assert.notEqual(numbers.of('c'), numbers.of('b'));
  assert.equal(numbers.of('a') % 2, 0);
});

test('source ranges that lie in one another are given once', () => {
  const spec = {
    type: 'LoadBalancer',
    loadBalancerSourceRanges: ['10.1.0.0/16', '10.0.0.0/8', '10.1.2.0/24', '10.0.0.0/8', '192.0.2.0/24'],
  };
  const given = {
    ...service(spec),
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.5' }] } },
  } as unknown as Service;
  const { of } = elementsOf(planService(given, [], facts), new PoolNumbers());
  assert.deepEqual(
    [...(of.get('allowed')?.keys() ?? [])],
    ['203.0.113.5 . tcp . 80 . 10.0.0.0/8', '203.0.113.5 . tcp . 80 . 192.0.2.0/24'],
  );
});
