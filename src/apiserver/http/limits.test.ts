/** What the API refuses for its size, and that it says so before it has read or done more than it must. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { ConfigMap } from '#api/core/configmap.ts';
import { podDraft, testWire, type TestWire } from '../test-api.ts';

let wire: TestWire;
before(async () => {
  wire = await testWire();
  await wire.api.client.create(ConfigMap, { metadata: { name: 'a', namespace: 'default' }, data: { k: 'v' } } as never);
});
after(() => wire[Symbol.asyncDispose]());

const maps = '/api/v1/namespaces/default/configmaps';
const bodyBytesMax = 3 * 1024 * 1024;
const json = { 'content-type': 'application/json' };

/** A connection over which anything can be said. */
async function raw(): Promise<{ socket: TLSSocket; said(): string; ended: Promise<unknown> }> {
  const identity = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const { hostname, port } = new URL(wire.url);
  const socket = connect({
    host: hostname,
    port: Number(port),
    ca: wire.pki.ca,
    ALPNProtocols: ['http/1.1'],
    ...identity,
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  return { socket, said: () => said, ended: once(socket, 'end').catch(() => undefined) };
}

test('a body of 3 MiB is read, one byte more is refused, in every encoding of the transfer', async () => {
  const padded = (size: number): string => {
    const text = '{"metadata":{"name":"padded"}}';
    return text + ' '.repeat(size - text.length);
  };
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const fits = await wire.ask('POST', `${maps}?dryRun=All`, { body: padded(bodyBytesMax), headers: json, protocol });
    assert.equal(fits.status, 201);
    const over = await wire.ask('POST', maps, { body: padded(bodyBytesMax + 1), headers: json, protocol });
    assert.deepEqual(
      [over.status, over.json.reason, over.json.message],
      [413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyBytesMax}`],
    );
  }
});

test('a body that is announced too large is refused before it comes', async () => {
  const { socket, said, ended } = await raw();
  socket.write(
    `POST ${maps} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000000000\r\n\r\n`,
  );
  await ended;
  socket.destroy();
  assert.match(said(), /^HTTP\/1\.1 413 [^]*RequestEntityTooLarge/);
});

test('a body without end is refused, and not read to its end', async () => {
  const { socket, said } = await raw();
  socket.write(
    `POST ${maps} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  const chunk = Buffer.from(`10000\r\n${' '.repeat(0x10000)}\r\n`);
  let sent = 0;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('end', () => socket.destroy());
  for (; sent < 2_000_000_000 && !socket.destroyed; sent += chunk.length) {
    if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
  assert.ok(socket.destroyed);
  assert.match(said(), /^HTTP\/1\.1 413 /);
});

test('an object larger than the store takes is refused in the words of etcd', async () => {
  const env = [{ name: 'LARGE', value: 'x'.repeat(1.6 * 1024 * 1024) }];
  const pod = podDraft('large', { spec: { containers: [{ name: 'c', image: 'i', env }] } });
  const { status, json: answer } = await wire.ask('POST', '/api/v1/namespaces/default/pods', { body: pod });
  assert.deepEqual([status, answer.message], [413, 'etcdserver: request is too large']);
});

test('a JSON patch has 10,000 operations at most, and copies do not multiply', async () => {
  const patch = (operations: unknown[]) =>
    wire.ask('PATCH', `${maps}/a?dryRun=All`, {
      body: JSON.stringify(operations),
      headers: { 'content-type': 'application/json-patch+json' },
    });
  const one = { op: 'test', path: '/data/k', value: 'v' };
  assert.equal((await patch(Array(10_000).fill(one))).status, 200);
  const over = await patch(Array(10_001).fill(one));
  assert.deepEqual(
    [over.status, over.json.message],
    [413, 'The allowed maximum operations in a JSON patch is 10000, got 10001'],
  );
  const doubling = Array.from({ length: 40 }, (_, at) => ({ op: 'copy', from: '/data', path: `/data/x${at}` }));
  assert.ok((await patch(doubling)).status >= 400);
});

test('nesting without end is refused in every encoding', async () => {
  const bodies: [string, string | Buffer][] = [
    ['application/json', `{"metadata":${'{"a":'.repeat(400_000)}`],
    ['application/json', '['.repeat(1_000_000)],
    ['application/yaml', `a: ${'['.repeat(200_000)}`],
    ['application/cbor', Buffer.concat([Buffer.from([0xd9, 0xd9, 0xf7]), Buffer.alloc(1_000_000, 0x81)])],
    ['application/vnd.kubernetes.protobuf', Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(1_000_000, 0x0a)])],
  ];
  for (const [type, body] of bodies) {
    const { status, json: answer } = await wire.ask('POST', maps, { body, headers: { 'content-type': type } });
    assert.deepEqual([status, answer.kind], [400, 'Status'], type);
  }
  assert.equal((await wire.ask('GET', `${maps}/a`)).status, 200);
});

test('headers and URLs without end are refused, and the server goes on', async () => {
  for (const headers of [{ 'x-large': 'x'.repeat(300_000) }, { authorization: `Bearer ${'x'.repeat(300_000)}` }]) {
    assert.equal((await wire.ask('GET', maps, { headers, protocol: 'http/1.1' })).status, 431);
    await assert.rejects(wire.ask('GET', maps, { headers }));
  }
  assert.equal((await wire.ask('GET', `${maps}?${'x'.repeat(300_000)}`, { protocol: 'http/1.1' })).status, 431);
  assert.equal((await wire.ask('GET', `${maps}?labelSelector=${'a,'.repeat(20_000)}`)).status, 400);
  assert.equal((await wire.ask('GET', maps)).status, 200);
});
