/**
 * Services with real packets: two machines, pods on both, one proxy. Every test sets the Services it needs and asks who answers.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { machineCommand } from '#network/machines.ts';
import { asRoot, machines, world, type Agent, type Machines } from './network-fixture.ts';
import { connect, names, service, slice, type Backend } from './network-traffic.ts';

let all: Machines;
let agent: Agent;
const inside: Record<string, readonly string[]> = {};
const backends: Record<string, Backend> = {};
let node: readonly string[];
let address: string;

const of = (...list: readonly string[]): Backend[] => list.map((name) => backends[name] as Backend);

before(async () => {
  if (asRoot.skip) return;
  all = await machines(2);
  agent = await all.agent('node-1');
  const other = await all.agent('node-2');
  await agent.ask('open', '10.244.0.0/24', `${all.directory}/1`);
  await other.ask('open', '10.244.1.0/24', `${all.directory}/2`);
  for (const [name, where] of Object.entries({ a1: 1, a2: 1, client: 1, b1: 2, b2: 2 })) {
    const path = await all.sandbox(name);
    const ip = await (where === 1 ? agent : other).ask<string>('attach', name, path);
    inside[name] = ['nsenter', `--net=${path}`, '--'];
    backends[name] = { ip, node: `node-${where}` };
    await all.serve(inside[name], 80, name);
  }
  node = machineCommand(all.plan.id, 'node-1');
  address = all.plan.nodes[0]?.address as string;
  await agent.ask('proxy', {
    nodeName: 'node-1',
    podCidr: '10.244.0.0/24',
    apiAddress: { ip: address, port: 6443 },
    ownAddresses: ['10.96.0.10'],
  });
});
after(() => all?.[Symbol.asyncDispose]());

const client = (): readonly string[] => inside['client'] as readonly string[];

test('four endpoints on two machines share the connections, and see the pod that asks', asRoot, async () => {
  await agent.ask('set', [service('web', '10.96.0.20'), slice('web', of('a1', 'a2', 'b1', 'b2'))]);
  const seen = await connect(all, client(), { host: '10.96.0.20', port: 80, count: 200 });
  const ip = backends['client']?.ip;
  assert.deepEqual(Object.keys(seen).sort(), [`a1 ${ip}`, `a2 ${ip}`, `b1 ${ip}`, `b2 ${ip}`]);
  // 200 draws of 4: fewer than 20 for one is less likely than one in a million.
  for (const count of Object.values(seen)) assert.ok(count >= 20, JSON.stringify(seen));
  assert.deepEqual(names(await connect(all, node, { host: '10.96.0.20', port: 80, count: 60 })), [
    'a1',
    'a2',
    'b1',
    'b2',
  ]);
});

test('datagrams are shared and answered like connections, also on node ports', asRoot, async () => {
  const ports = [{ name: 'u', port: 53, protocol: 'UDP', targetPort: 80, nodePort: 30053 }];
  await agent.ask('set', [
    service('datagrams', '10.96.0.23', { type: 'NodePort', ports }),
    slice('datagrams', of('a1', 'b1')),
  ]);
  const ip = backends['client']?.ip;
  const target = { host: '10.96.0.23', port: 53, protocol: 'udp', count: 40 } as const;
  assert.deepEqual(Object.keys(await connect(all, client(), target)).sort(), [`a1 ${ip}`, `b1 ${ip}`]);
  assert.deepEqual(names(await connect(all, node, target)), ['a1', 'b1']);
  assert.deepEqual(names(await connect(all, client(), { ...target, host: address, port: 30053 })), ['a1', 'b1']);
  assert.deepEqual(await connect(all, client(), { ...target, port: 54, count: 1 }), { ECONNREFUSED: 1 });
  // One socket that goes on talking moves to another pod when its own has gone.
  const moved = all.script(client(), talker, '10.96.0.23', '53', 'b2');
  await world.clock.sleep(300);
  await agent.ask('set', [slice('datagrams', of('b2'))]);
  assert.equal(await moved, 'moved');
});

/** Sends from one port until it hears the wanted name; before that it must have heard another. */
const talker = `
const [host, port, wanted] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
let others = 0;
socket.on('message', (data) => {
  if (!String(data).startsWith(wanted)) return others++;
  console.log(others > 0 ? 'moved' : 'was there from the start');
  process.exit();
});
socket.connect(port, host, () => setInterval(() => socket.send('x', () => {}), 20));
setTimeout(() => { console.log('still with the old one after ' + others); process.exit(); }, 10000);`;

test('a pod reaches itself through its Service', asRoot, async () => {
  await agent.ask('set', [service('self', '10.96.0.21'), slice('self', of('client'))]);
  assert.deepEqual(await connect(all, client(), { host: '10.96.0.21', port: 80, count: 3 }), {
    'client 10.244.0.1': 3,
  });
});

test('without endpoints, and on ports that are not its own, a Service refuses at once', asRoot, async () => {
  await agent.ask('set', [service('none', '10.96.0.22')]);
  for (const from of [client(), node]) {
    assert.deepEqual(await connect(all, from, { host: '10.96.0.22', port: 80 }), { ECONNREFUSED: 1 });
    assert.deepEqual(await connect(all, from, { host: '10.96.0.20', port: 81 }), { ECONNREFUSED: 1 });
  }
});

test(
  'node ports lead to every endpoint, or with policy Local to those of the node, which see the client',
  asRoot,
  async () => {
    const spec = { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] };
    await agent.ask('set', [
      service('port', '10.96.0.23', { ...spec, externalTrafficPolicy: 'Cluster' }),
      slice('port', of('a1', 'b1')),
    ]);
    const target = { host: address, port: 30080, count: 40 };
    assert.deepEqual(names(await connect(all, [], target)), ['a1', 'b1']);
    assert.deepEqual(names(await connect(all, node, target)), ['a1', 'b1']);
    await agent.ask('set', [service('port', '10.96.0.23', { ...spec, externalTrafficPolicy: 'Local' })]);
    assert.deepEqual(await connect(all, [], target), { [`a1 ${all.plan.hostAddress}`]: 40 });
    assert.deepEqual(names(await connect(all, client(), target)), ['a1', 'b1']);
    await agent.ask('remove', 'services', 'default', 'port');
    assert.deepEqual(await connect(all, [], { ...target, count: 1 }), { ECONNREFUSED: 1 });
  },
);

test('a load balancer lets in the ranges that it is told', asRoot, async () => {
  const [, object] = service('balancer', '10.96.0.24', {
    type: 'LoadBalancer',
    loadBalancerSourceRanges: ['10.244.0.0/24', '10.244.0.0/16'],
  });
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.77' }] } };
  await agent.ask('set', [['services', { ...object, status }], slice('balancer', of('b1'))]);
  assert.deepEqual(names(await connect(all, client(), { host: '192.0.2.77', port: 80 })), ['b1']);
  assert.deepEqual(await connect(all, node, { host: '192.0.2.77', port: 80 }), { timeout: 1 });
});

test('with affinity a client stays with its pod, until that pod goes', asRoot, async () => {
  const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
  await agent.ask('set', [service('sticky', '10.96.0.25', spec), slice('sticky', of('a1', 'a2', 'b1', 'b2'))]);
  const target = { host: '10.96.0.25', port: 80, count: 30 };
  const [first, ...rest] = names(await connect(all, client(), target));
  assert.deepEqual(rest, []);
  const left = ['a1', 'a2', 'b1', 'b2'].filter((name) => name !== first);
  await agent.ask('set', [slice('sticky', of(...left))]);
  const [second, ...others] = names(await connect(all, client(), target));
  assert.deepEqual(others, []);
  assert.ok(left.includes(second as string));
});

test('internal traffic of policy Local stays on the node', asRoot, async () => {
  await agent.ask('set', [
    service('near', '10.96.0.26', { internalTrafficPolicy: 'Local' }),
    slice('near', of('a2', 'b1')),
  ]);
  assert.deepEqual(names(await connect(all, client(), { host: '10.96.0.26', port: 80, count: 20 })), ['a2']);
});

test('an endpoint that goes keeps its connections and gets no new ones', asRoot, async () => {
  await agent.ask('set', [service('roll', '10.96.0.27'), slice('roll', of('b1'))]);
  const talk = `
const socket = require('node:net').connect(80, '10.96.0.27', () => socket.write('x'));
let answers = 0;
socket.on('data', (data) => { answers++; console.log(String(data).trim()); if (answers === 3) process.exit(); });
process.stdin.on('data', () => socket.write('x'));
socket.on('error', (error) => { console.log(error.code); process.exit(); });`;
  const child = world.processes.spawn([...client(), process.execPath, '-e', talk]);
  const lines = child.stdout?.[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  assert.match(String((await lines.next()).value), /^b1 /);
  await agent.ask('set', [slice('roll', of('a1'))]);
  child.stdin?.write('1');
  assert.match(String((await lines.next()).value), /^b1 /);
  assert.deepEqual(names(await connect(all, client(), { host: '10.96.0.27', port: 80, count: 10 })), ['a1']);
  await agent.ask('set', [slice('roll', of('a1', 'a2', 'b2'))]);
  child.stdin?.write('2');
  assert.match(String((await lines.next()).value), /^b1 /);
  assert.equal(await child.exited, 0);
});

test('the API answers on its Service address through a unix socket, and cluster DNS on its own', asRoot, async () => {
  const path = `${all.directory}/api.sock`;
  await using _server = await world.network.listenTcp({ path }, (socket) => {
    socket.on('data', () => socket.end('api'));
  });
  await agent.ask('forward', address, 6443, path);
  await agent.ask('set', [
    service('kubernetes', '10.96.0.1', { ports: [{ name: 'https', port: 443, protocol: 'TCP' }] }),
    ['namespaces', { metadata: { name: 'default' } }],
  ]);
  assert.deepEqual(await connect(all, client(), { host: '10.96.0.1', port: 443, count: 3 }), { api: 3 });
  await agent.ask('dns', '10.96.0.10');
  assert.equal(await resolved('web.default.svc.cluster.local'), '10.96.0.20');
});

test('names beyond the cluster are asked of the resolver that the node uses', asRoot, async () => {
  // The resolver of another cluster stands in for a company's: it knows what this one does not.
  const upstream = all.plan.nodes[1]?.address as string;
  const other = await all.agent('node-2');
  await other.ask('set', [service('far', '10.111.0.1'), ['namespaces', { metadata: { name: 'default' } }]]);
  await other.ask('dns', upstream, 'corp.example');
  await agent.ask('dns', '10.96.0.11', 'cluster.local', [upstream]);
  assert.equal(await resolved('far.default.svc.corp.example', '10.96.0.11'), '10.111.0.1');
  assert.equal(await resolved('none.default.svc.corp.example', '10.96.0.11'), 'ENOTFOUND');
  assert.equal(await resolved('web.default.svc.cluster.local', '10.96.0.11'), '10.96.0.20');
});

/** The address of a name as a pod finds it, or the code of the failure. */
function resolved(name: string, server = '10.96.0.10'): Promise<string> {
  const script = `
const [name, server] = process.argv.slice(1);
const dns = new (require('node:dns').Resolver)();
dns.setServers([server]);
dns.resolve4(name, (error, found) => console.log(error?.code ?? found.join()));`;
  return all.script(client(), script, name, server);
}
