/** The gRPC server against our client, and against a bare HTTP/2 client that sends what no good client sends. */
import assert from 'node:assert/strict';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { after, before, test } from 'node:test';
import { frame, grpcCall, GrpcError, grpcStream, type GrpcPeer } from './grpc.ts';
import { grpcHandler, isGrpc, type GrpcMethod } from './grpc-server.ts';
import { testPki } from './node/test-pki.ts';
import { nodeWorld } from './node/world.ts';
import { NetworkError, type HttpServer } from './world.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let aborted = 0;
const methods = new Map<string, GrpcMethod>(
  Object.entries<GrpcMethod>({
    '/a.B/Echo': { kind: 'unary', handle: (message) => message },
    '/a.B/Refuse': {
      kind: 'unary',
      handle: (message) => {
        throw new GrpcError(9, String(message));
      },
    },
    '/a.B/Break': {
      kind: 'unary',
      handle: () => {
        throw new TypeError('a secret of ours');
      },
    },
    '/a.B/Hang': {
      kind: 'unary',
      handle: (_message, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            aborted++;
            reject(signal.reason);
          }),
        ),
    },
    '/a.B/Chat': {
      kind: 'stream',
      async handle(stream) {
        for await (const message of stream.messages) {
          if (String(message) === 'stop') throw new GrpcError(10, 'stopped: größer');
          if (String(message) === 'end') break;
          stream.send(Buffer.concat([message, message]));
        }
        stream.send(Buffer.from('bye'));
      },
    },
    '/a.B/Flood': {
      kind: 'stream',
      async handle(stream) {
        for (let i = 0; i < 200 && !stream.signal.aborted; i++)
          if (!stream.send(Buffer.alloc(100_000, i))) {
            assert.ok(stream.bufferedBytes < 5_000_000);
            await stream.drained();
          }
      },
    },
  }),
);

let server: HttpServer;
let peer: GrpcPeer;
let bare: ClientHttp2Session;
before(async () => {
  const grpc = grpcHandler(world, { methods, messageBytesMax: 1_000 });
  server = await world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: 0 }, clearHttp2: true },
    { request: (exchange) => (isGrpc(exchange) ? grpc(exchange) : exchange.respond(200, {}, exchange.httpVersion)) },
  );
  peer = { url: `http://127.0.0.1:${server.port}` };
  bare = connect(peer.url);
  bare.on('error', () => undefined);
});
after(async () => {
  bare.destroy();
  await server[Symbol.asyncDispose]();
});

const call = (method: string, message: string | Buffer = '', timeoutMs = 10_000) =>
  grpcCall(world, peer, { method, message: Buffer.from(message), timeoutMs });
const fails = (code: number, message: RegExp | string) => (error: unknown) =>
  error instanceof GrpcError &&
  error.code === code &&
  (typeof message === 'string' ? error.message === message : message.test(error.message));

/** What comes back for these bytes: headers and trailers together, and the body. */
async function raw(headers: Record<string, string>, body: Buffer): Promise<IncomingHttpHeaders & { body: string }> {
  const stream = bare.request({
    ':method': 'POST',
    ':path': '/a.B/Echo',
    'content-type': 'application/grpc',
    ...headers,
  });
  let all: IncomingHttpHeaders = {};
  stream.on('response', (found) => (all = { ...all, ...found }));
  stream.on('trailers', (found) => (all = { ...all, ...found }));
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { ...all, body: Buffer.concat(chunks).toString('latin1') };
}

test('a call is answered, or refused in words of any alphabet', async () => {
  assert.equal(String(await call('/a.B/Echo', 'hello')), 'hello');
  assert.equal((await call('/a.B/Echo')).length, 0);
  await assert.rejects(call('/a.B/Refuse', '100% größer\n'), fails(9, '100% größer\n'));
  await assert.rejects(call('/a.B/Break'), fails(13, 'internal error'));
  await assert.rejects(call('/a.B/Other'), fails(12, 'unknown method Other for service a.B'));
  await assert.rejects(call('/x.Y/Z'), fails(12, 'unknown service x.Y'));
});

test('what is no single message of an allowed size is refused', async () => {
  await assert.rejects(
    call('/a.B/Echo', 'x'.repeat(1_001)),
    fails(8, /received message larger than max \(.* vs\. 1000\)/),
  );
  assert.equal((await raw({}, Buffer.alloc(3)))['grpc-status'], '13');
  assert.equal((await raw({}, Buffer.concat([frame(Buffer.from('a')), Buffer.of(0)])))['grpc-status'], '13');
  const compressed = Buffer.from(frame(Buffer.from('a')));
  compressed[0] = 1;
  const refused = await raw({ 'grpc-encoding': 'gzip' }, compressed);
  assert.equal(refused['grpc-status'], '12');
  assert.equal(refused['grpc-message'], 'grpc: Decompressor is not installed for grpc-encoding "gzip"');
  const lies = Buffer.from(frame(Buffer.from('a')));
  lies.writeUInt32BE(0xffff_ffff, 1);
  assert.equal((await raw({}, lies))['grpc-status'], '8');
  assert.equal((await raw({ ':method': 'PUT' }, Buffer.alloc(0)))[':status'], 405);
  const echoed = await raw({ 'content-type': 'application/grpc+proto' }, Buffer.from(frame(Buffer.from('a'))));
  assert.deepEqual([echoed['grpc-status'], echoed.body], ['0', String(frame(Buffer.from('a')))]);
});

test('a call whose deadline passes or whose client leaves is let go', async () => {
  const late = await raw({ ':path': '/a.B/Hang', 'grpc-timeout': '20m' }, Buffer.from(frame(Buffer.alloc(0))));
  assert.deepEqual([late['grpc-status'], late['grpc-message']], ['4', 'context deadline exceeded']);
  await assert.rejects(
    call('/a.B/Hang', '', 20),
    (error) => error instanceof NetworkError || error instanceof GrpcError,
  );
  while (aborted < 2) await world.clock.sleep(5);
});

test('a stream carries messages both ways and ends with its status', async () => {
  const chat = async (...messages: string[]): Promise<string[]> => {
    using stream = await grpcStream(world, peer, {
      method: '/a.B/Chat',
      first: Buffer.from(messages[0] as string),
      timeoutMs: 10_000,
    });
    for (const message of messages.slice(1)) stream.send(Buffer.from(message));
    const seen: string[] = [];
    for await (const message of stream.messages) seen.push(String(message));
    return seen;
  };
  // Who ends before its client has still its last word.
  assert.deepEqual(await chat('a', 'b', 'end', 'more'), ['aa', 'bb', 'bye']);
  await assert.rejects(chat('a', 'stop'), fails(10, 'stopped: größer'));
  await assert.rejects(chat('a', 'x'.repeat(2_000)), fails(8, /larger than max \(2000 vs\. 1000\)/));
});

test('a client that reads slowly holds the server back', async () => {
  using stream = await grpcStream(world, peer, { method: '/a.B/Flood', first: Buffer.alloc(0), timeoutMs: 10_000 });
  let count = 0;
  for await (const message of stream.messages) {
    assert.equal(message[0], count++);
    if (count % 50 === 0) await world.clock.sleep(20);
  }
  assert.equal(count, 200);
});

test('one port without TLS serves HTTP/2 and HTTP/1.1', async () => {
  for (const [protocol, version] of [
    ['h2', '2'],
    ['http/1.1', '1.1'],
  ] as const) {
    const response = await world.network.request({ method: 'GET', url: `${peer.url}/`, protocol });
    assert.equal(String(await response.bytes()), version);
  }
});

test('a port that demands certificates takes those of its authority only', async () => {
  const [pki, other] = [await testPki(), await testPki('other')];
  const grpc = grpcHandler(world, { methods, messageBytesMax: 1_000 });
  await using secure = await world.network.serveHttp(
    {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { ...(await pki.server()), clientCa: pki.ca, clientCertRequired: true },
    },
    { request: grpc },
  );
  const ask = (tls: GrpcPeer['tls']) =>
    grpcCall(
      world,
      { url: `https://127.0.0.1:${secure.port}`, tls: { ca: pki.ca, ...tls } },
      {
        method: '/a.B/Echo',
        message: Buffer.from('x'),
        timeoutMs: 5_000,
      },
    );
  assert.equal(String(await ask({ identity: await pki.client({ commonName: 'a' }) })), 'x');
  await assert.rejects(ask({}), NetworkError);
  await assert.rejects(ask({ identity: await other.client({ commonName: 'a' }) }), NetworkError);
});

test('pings that measure answers are no flood, pings for nothing are', async () => {
  const session = connect(peer.url);
  const failed = new Promise<Error>((resolve) => session.on('error', resolve));
  const ping = (): Promise<void> =>
    new Promise((resolve, reject) => {
      session.ping((error) => (error ? reject(error) : resolve()));
    });
  for (let i = 0; i < 500; i++) {
    const stream = session.request({ ':method': 'POST', ':path': '/a.B/Echo', 'content-type': 'application/grpc' });
    stream.end(frame(Buffer.from('a')));
    for await (const _chunk of stream);
    await ping();
  }
  const flood = (async () => {
    for (let i = 0; i < 5_000; i++) await ping();
  })();
  await assert.rejects(flood);
  assert.match((await failed).message, /ENHANCE_YOUR_CALM|closed|reset/i);
  session.destroy();
});
