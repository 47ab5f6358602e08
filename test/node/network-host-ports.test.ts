/**
 * Node ports on the host's loopback: bytes and their end go both ways, datagrams find back, a busy port is told and taken when it is free.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Duplex } from 'node:stream';
import { startHostPorts } from '#network/host-ports.ts';
import { asRoot, machines, world } from './network-fixture.ts';
import { memoryClient } from './network-client.ts';

const until = async (done: () => boolean | Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 500; i++) {
    if (await done()) return;
    await world.clock.sleep(10);
  }
  throw new Error('it did not come to be');
};

async function all(socket: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const node = (name: string, address: string, ready = true): object => ({
  metadata: { name },
  status: {
    addresses: [{ type: 'InternalIP', address }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const service = (name: string, ports: object[]): object => ({
  metadata: { namespace: 'default', name },
  spec: { type: 'NodePort', ports },
  status: {},
});

test('node ports open, pass on, are told when busy, and close', asRoot, async () => {
  await using place = await machines(1);
  const api = memoryClient();
  // A port that nobody has, as node port and as somebody else's.
  const free = await world.network.listenTcp({ host: '127.0.0.1', port: 0 }, () => {});
  const { port } = free.address as { port: number };
  const address = place.plan.hostAddress;
  api.set('nodes', node('gone', '127.0.0.9'));
  api.set('nodes', node('node-1', address));
  api.set('services', service('web', [{ port: 80, protocol: 'TCP', nodePort: port }]));
  api.set('services', service('udp', [{ port: 80, protocol: 'UDP', nodePort: port }]));
  await using doors = await startHostPorts(world, api.client, { nodePorts: [1024, 65_535] });
  assert.deepEqual(
    doors.problems().map((problem) => [problem.service, problem.port, problem.message]),
    [
      [
        'default/web',
        port,
        `node port ${port}/TCP cannot be opened on 127.0.0.1: another program on this host uses it`,
      ],
    ],
  );
  await free[Symbol.asyncDispose]();
  await until(() => doors.problems().length === 0);

  // The node answers only after the client's end, with more than any buffer holds.
  const big = 'x'.repeat(5_000_000);
  await using _node = await world.network.listenTcp({ host: address, port }, (socket) => {
    void all(socket).then((text) => socket.end(text.toUpperCase()));
  });
  for (let i = 0; i < 4; i++) {
    const socket = await world.network.dialTcp({ host: '127.0.0.1', port });
    socket.end(big);
    assert.equal(await all(socket), big.toUpperCase());
  }

  api.set('nodes', node('gone', '127.0.0.9', false));
  await using udp = await world.network.listenUdp({ host: address, port }, (message, from) => udp.send(message, from));
  const { promise, resolve } = Promise.withResolvers<string>();
  await using client = await world.network.listenUdp({ host: '127.0.0.1', port: 0 }, (message) =>
    resolve(String(message)),
  );
  await until(async () => {
    client.send(Buffer.from('hello'), { address: '127.0.0.1', port });
    return (await Promise.race([promise, world.clock.sleep(50)])) === 'hello';
  });

  api.remove('services', 'default', 'web');
  await until(() =>
    world.network.dialTcp({ host: '127.0.0.1', port }).then(
      (socket) => {
        socket.destroy();
        return false;
      },
      () => true,
    ),
  );
});
