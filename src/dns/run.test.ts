/**
 * The DNS server over real sockets on loopback, asked by an independent implementation of the wire format, and by nonsense.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import type { Client } from '#client/client.ts';
import { nodeWorld } from '#world/node/world.ts';
import { startDns, type Dns } from './run.ts';

const world = nodeWorld({ log: { level: 'silent' } });

const service = (name: string, spec: object): object => ({
  metadata: { namespace: 'default', name, resourceVersion: '3' },
  spec: { type: 'ClusterIP', ...spec },
  status: {},
});
const endpoints = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    addresses: [`10.244.${index >> 8}.${index & 255}`],
    hostname: `db-${index}`,
    conditions: { ready: true },
  }));
const slice = (name: string, list: object[]): object => ({
  metadata: {
    namespace: 'default',
    name: `${name}-x`,
    resourceVersion: '4',
    labels: { 'kubernetes.io/service-name': name },
  },
  addressType: 'IPv4',
  ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }],
  endpoints: list,
});

const objects: Record<string, object[]> = {
  services: [
    service('web', { clusterIP: '10.96.0.20', ports: [{ name: 'http', protocol: 'TCP', port: 80 }] }),
    service('db', { clusterIP: 'None', ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }] }),
    service('big', { clusterIP: 'None', ports: [] }),
    service('alias', { type: 'ExternalName', externalName: 'WEB.default.svc.cluster.local.' }),
    service('away', { type: 'ExternalName', externalName: 'example.org' }),
    service('loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  ],
  endpointslices: [slice('db', endpoints(3)), slice('big', endpoints(500))],
  namespaces: [{ metadata: { name: 'default', resourceVersion: '2' } }],
};

/** Lists, and watches in silence. */
const client = {
  list: async ({ plural }: { plural: string }) => ({
    metadata: { resourceVersion: '5' },
    items: objects[plural] ?? [],
  }),
  // oxlint-disable-next-line require-yield
  async *watch(_: unknown, { signal }: { signal: AbortSignal }) {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
} as unknown as Client;

async function serve(): Promise<Dns & { port: number }> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      const dns = await startDns(world, client, {
        listen: [{ host: '127.0.0.1', port }],
        clusterDomain: 'cluster.local',
        upstreams: [],
      });
      await dns.synced;
      return { ...dns, port };
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function raw(port: number, message: Buffer): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  await using socket = await world.network.listenUdp({ host: '127.0.0.1', port: 0 }, resolve);
  socket.send(message, { address: '127.0.0.1', port });
  return await promise;
}

const query = (name: string, type: packet.RecordType, more: object = {}): Buffer =>
  packet.encode({ type: 'query', id: 77, flags: packet.RECURSION_DESIRED, questions: [{ name, type }], ...more });

async function ask(
  port: number,
  name: string,
  type: packet.RecordType,
): Promise<packet.DecodedPacket & { rcode: string }> {
  return packet.decode(await raw(port, query(name, type))) as never;
}

const data = (answers: packet.Answer[] | undefined): unknown[] =>
  (answers ?? []).map((one) => 'data' in one && one.data);

test('addresses of Services, in any spelling, with the number and the spelling of the client', async () => {
  await using dns = await serve();
  for (let i = 0; i < 2; i++) {
    const reply = await ask(dns.port, 'Web.DEFAULT.svc.Cluster.local', 'A');
    assert.equal(reply.id, 77);
    assert.deepEqual(data(reply.answers), ['10.96.0.20']);
    assert.equal(reply.questions?.[0]?.name, 'Web.DEFAULT.svc.Cluster.local');
    assert.equal(reply.answers?.[0] && 'ttl' in reply.answers[0] && reply.answers[0].ttl, 5);
  }
  const none = await ask(dns.port, 'web.default.svc.cluster.local', 'AAAA');
  assert.equal(none.rcode, 'NOERROR');
  assert.equal(none.answers?.length, 0);
  assert.equal(none.authorities?.[0]?.type, 'SOA');
  assert.equal((await ask(dns.port, 'nope.default.svc.cluster.local', 'A')).rcode, 'NXDOMAIN');
});

test('headless Services answer with their pods, by name and port as well', async () => {
  await using dns = await serve();
  const all = await ask(dns.port, 'db.default.svc.cluster.local', 'A');
  assert.deepEqual(data(all.answers).sort(), ['10.244.0.0', '10.244.0.1', '10.244.0.2']);
  assert.deepEqual(data((await ask(dns.port, 'db-1.db.default.svc.cluster.local', 'A')).answers), ['10.244.0.1']);
  const srv = await ask(dns.port, '_sql._tcp.db.default.svc.cluster.local', 'SRV');
  assert.equal(srv.answers?.length, 3);
  assert.equal(srv.additionals?.length, 3);
  assert.deepEqual(
    data(srv.answers)
      .map((one) => (one as { target: string }).target)
      .sort(),
    ['db-0.db.default.svc.cluster.local', 'db-1.db.default.svc.cluster.local', 'db-2.db.default.svc.cluster.local'],
  );
});

test('addresses lead back to names', async () => {
  await using dns = await serve();
  assert.deepEqual(data((await ask(dns.port, '20.0.96.10.in-addr.arpa', 'PTR')).answers), [
    'web.default.svc.cluster.local',
  ]);
});

test('aliases are followed within the cluster, and never for ever', async () => {
  await using dns = await serve();
  const reply = await ask(dns.port, 'alias.default.svc.cluster.local', 'A');
  assert.deepEqual(data(reply.answers), ['web.default.svc.cluster.local', '10.96.0.20']);
  assert.equal((await ask(dns.port, 'loop.default.svc.cluster.local', 'A')).rcode, 'SERVFAIL');
  assert.equal((await ask(dns.port, 'away.default.svc.cluster.local', 'A')).rcode, 'SERVFAIL');
  assert.equal((await ask(dns.port, 'example.org', 'A')).rcode, 'SERVFAIL');
});

test('an answer too long for UDP says so and arrives over TCP', async () => {
  await using dns = await serve();
  const short = await ask(dns.port, 'big.default.svc.cluster.local', 'A');
  assert.equal((short as unknown as { flag_tc: boolean }).flag_tc, true);
  const socket = await world.network.dialTcp({ host: '127.0.0.1', port: dns.port });
  socket.end(
    packet.streamEncode({ type: 'query', id: 1, questions: [{ name: 'big.default.svc.cluster.local', type: 'A' }] }),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  assert.equal(packet.streamDecode(Buffer.concat(chunks)).answers?.length, 500);
});

test('EDNS is answered with EDNS', async () => {
  await using dns = await serve();
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] };
  const reply = packet.decode(await raw(dns.port, query('db.default.svc.cluster.local', 'A', { additionals: [opt] })));
  assert.equal(reply.answers?.length, 3);
  assert.equal(reply.additionals?.[0]?.type, 'OPT');
});

test('nonsense is refused shortly or ignored, and the server goes on', async () => {
  await using dns = await serve();
  await using socket = await world.network.listenUdp({ host: '127.0.0.1', port: 0 }, () => {});
  const whole = query('web.default.svc.cluster.local', 'A');
  for (let length = 0; length < whole.length; length++) {
    socket.send(whole.subarray(0, length), { address: '127.0.0.1', port: dns.port });
  }
  for (let i = 0; i < 500; i++)
    socket.send(world.random.bytes(1 + (i % 100)), { address: '127.0.0.1', port: dns.port });
  const pointer = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]);
  assert.equal((await raw(dns.port, pointer)).readUInt8(3) & 15, 1);
  const status = Buffer.from(whole);
  status.writeUInt8(0x10, 2);
  assert.equal((await raw(dns.port, status)).readUInt8(3) & 15, 4);
  assert.deepEqual(data((await ask(dns.port, 'web.default.svc.cluster.local', 'A')).answers), ['10.96.0.20']);
});
