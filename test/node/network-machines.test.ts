/**
 * Machines and pods with real namespaces: what stands after start, what remains after stop, and whether packets find their way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseNodeSubnet, machineCommand, machineExists, startMachines, stopMachines } from '#network/machines.ts';
import { asRoot, machines, world } from './network-fixture.ts';
import { connect } from './network-traffic.ts';

async function traces(id: string): Promise<string> {
  const { stdout } = await world.processes.run(['/bin/sh', '-c', 'ip -o link; ip netns; nft list tables; ip route']);
  return stdout
    .split('\n')
    .filter((line) => line.includes(id))
    .join('\n');
}

test('machines start twice as once, grow, and leave nothing', asRoot, async () => {
  await using all = await machines(1);
  const { plan } = all;
  await startMachines(world, plan);
  const second = { name: 'node-2', address: plan.nodeSubnet.replace('.0/24', '.11'), podCidr: '10.244.1.0/24' };
  await startMachines(world, { ...plan, nodes: [...plan.nodes, second] });
  assert.equal(await machineExists(world, plan.id, 'node-2'), true);
  assert.match((await all.run('node-1', 'ip', 'route')).stdout, new RegExp(`10.244.1.0/24 via ${second.address} `));
  assert.notEqual(await chooseNodeSubnet(world), plan.nodeSubnet);
  await stopMachines(world, plan.id);
  await stopMachines(world, plan.id);
  assert.equal(await traces(plan.id), '');
  assert.equal(await machineExists(world, plan.id, 'node-1'), false);
  await assert.rejects(stopMachines(world, ''), /no cluster's id/);
});

test('pods of two machines reach each other, their nodes and the host; host ports lead to them', asRoot, async () => {
  await using all = await machines(2);
  const [one, two] = [await all.agent('node-1'), await all.agent('node-2')];
  await one.ask('open', '10.244.0.0/24', `${all.directory}/1`);
  await two.ask('open', '10.244.1.0/24', `${all.directory}/2`);
  const paths = [await all.sandbox('p1'), await all.sandbox('p2'), await all.sandbox('p3')] as const;
  const ports = [{ hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIp: '' }];
  assert.equal(await one.ask('attach', 'p1', paths[0]), '10.244.0.2');
  assert.equal(await one.ask('attach', 'p2', paths[1], ports), '10.244.0.3');
  assert.equal(await two.ask('attach', 'p3', paths[2]), '10.244.1.2');
  const [p1, p2, p3] = paths.map((path) => ['nsenter', `--net=${path}`, '--']) as [string[], string[], string[]];
  await Promise.all([all.serve(p1, 80, 'p1'), all.serve(p2, 80, 'p2'), all.serve(p3, 80, 'p3')]);
  const address = all.plan.nodes[0]?.address as string;
  const host = (ip: string, port = 80): { host: string; port: number } => ({ host: ip, port });
  assert.deepEqual(await connect(all, p1, host('10.244.0.3')), { 'p2 10.244.0.2': 1 });
  assert.deepEqual(await connect(all, p1, host('10.244.1.2')), { 'p3 10.244.0.2': 1 });
  assert.deepEqual(await connect(all, p3, host('10.244.0.2')), { 'p1 10.244.1.2': 1 });
  assert.deepEqual(await connect(all, machineCommand(all.plan.id, 'node-1'), host('10.244.0.2')), {
    'p1 10.244.0.1': 1,
  });
  assert.deepEqual(await connect(all, [], host(address, 8080)), { [`p2 ${all.plan.hostAddress}`]: 1 });
  assert.deepEqual(await connect(all, p2, host(address, 8080)), { 'p2 10.244.0.1': 1 });

  // What leaves the cluster does so with the node's address.
  await using listener = await world.network.listenTcp({ host: all.plan.hostAddress, port: 0 }, (socket) => {
    socket.once('data', () => socket.end((socket as unknown as { remoteAddress: string }).remoteAddress));
  });
  const { port } = listener.address as { port: number };
  assert.deepEqual(await connect(all, p1, host(all.plan.hostAddress, port)), { [address]: 1 });

  const taken = await all.sandbox('p4');
  await assert.rejects(
    one.ask('attach', 'p4', taken, ports),
    /host port 8080\/TCP is in use by the pod at 10\.244\.0\.3/,
  );

  // A new agent knows what the old one gave away, and gives back what it is told.
  await one.ask('open', '10.244.0.0/24', `${all.directory}/1`);
  await one.ask('restore', 'p1', paths[0], '10.244.0.2');
  assert.deepEqual(await connect(all, [], host(address, 8080)), { [`p2 ${all.plan.hostAddress}`]: 1 });
  assert.equal(await one.ask('attach', 'p4', taken), '10.244.0.4');
  await one.ask('detach', 'p2');
  await one.ask('detach', 'p2');
  await one.ask('detach', 'never-there');
  assert.deepEqual(await connect(all, [], host(address, 8080)), { ECONNREFUSED: 1 });
  await assert.rejects(one.ask('attach', 'p5', '/run/netns/not-there'), /cannot connect the pod/);
  assert.doesNotMatch((await all.run('node-1', 'ls', `${all.directory}/1`)).stdout, /10\.244\.0\.[35-9]/);
});
