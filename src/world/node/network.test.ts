/**
 * The real network against itself, curl-shaped and hostile clients: servers and clients of this floor over TLS, plain and
 * unix sockets, both protocols, and what happens when the other side breaks.
 */
import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as rawHttp2 } from 'node:http2';
import { connect as rawTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { connect as rawTls } from 'node:tls';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { NetworkError, type HttpClientRequest, type HttpExchange, type HttpServer, type World } from '../world.ts';
import { testPki, type TestPki } from './test-pki.ts';
import { nodeWorld } from './world.ts';

const world: World = nodeWorld({ log: { level: 'silent' } });
let pki: TestPki;
let serverIdentity: Awaited<ReturnType<TestPki['server']>>;
let alice: Awaited<ReturnType<TestPki['client']>>;
let folder: string;

before(async () => {
  pki = await testPki();
  serverIdentity = await pki.server();
  alice = await pki.client({ commonName: 'alice', organizations: ['system:masters', 'a,b\nc'] });
  folder = await mkdtemp(join(tmpdir(), 'k8ts-network-'));
});
after(() => rm(folder, { recursive: true }));

const local = { host: '127.0.0.1', port: 0 };

/** A server with a few paths that every test may use. */
function serve(options: { plain?: boolean; path?: string } = {}): Promise<HttpServer> {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${String(data)}`)));
  return world.network.serveHttp(
    {
      listen: options.path ? { path: options.path } : local,
      ...(options.plain ? {} : { tls: { ...serverIdentity, clientCa: pki.ca } }),
    },
    {
      request: (exchange) => void answer(exchange),
      upgrade({ socket, head, headers, url, method }) {
        if (url === '/refuse') {
          socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
          return;
        }
        if (url === '/raw') {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
          socket.pipe(socket);
          return;
        }
        sockets.handleUpgrade({ headers, url, method } as never, socket, head, (ws) => sockets.emit('connection', ws));
      },
    },
  );
}

async function answer(exchange: HttpExchange): Promise<void> {
  const { pathname } = new URL(exchange.url, 'http://x');
  if (pathname === '/echo') {
    try {
      exchange.respond(200, {}, await exchange.body(10_000));
    } catch (error) {
      assert.ok(error instanceof RangeError);
      exchange.respond(413, {}, 'too large');
    }
  } else if (pathname === '/stream') {
    const out = exchange.stream(200, { 'content-type': 'text/plain' });
    for (let i = 0; i < 100 && !exchange.signal.aborted; i++) {
      if (!out.write(Buffer.alloc(100_000, i))) await out.drained();
    }
    out.end('end');
  } else if (pathname === '/hang') {
    hangs++;
    exchange.signal.addEventListener('abort', () => aborted.resolve(), { once: true });
  } else if (pathname === '/watch') {
    const out = exchange.stream(200, {});
    out.write('first\n');
    exchange.signal.addEventListener('abort', () => aborted.resolve(), { once: true });
  } else if (pathname === '/throw') {
    exchange.bodyStream.resume();
    exchange.respond(500, {}, 'x');
  } else if (pathname === '/empty') {
    exchange.respond(204, {});
  } else {
    const { method, url, httpVersion, peer } = exchange;
    const who = peer && { name: peer.commonName, groups: peer.organizations };
    exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify({ method, url, httpVersion, who }));
  }
}

let hangs = 0;
let aborted = Promise.withResolvers<void>();

async function ask(request: Partial<HttpClientRequest> & { url: string }): Promise<{ status: number; text: string }> {
  const response = await world.network.request({ method: 'GET', ...request });
  return { status: response.status, text: (await response.bytes()).toString() };
}

const trusting = (): NonNullable<HttpClientRequest['tls']> => ({ ca: pki.ca });

test('HTTP/2, HTTP/1.1 and client certificates share one port', async () => {
  await using server = await serve();
  const url = `https://127.0.0.1:${server.port}/a?b=%2F`;
  const anonymous = JSON.parse((await ask({ url, tls: trusting() })).text);
  assert.deepEqual(anonymous, { method: 'GET', url: '/a?b=%2F', httpVersion: '2' });
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const known = JSON.parse((await ask({ url, protocol, tls: { ...trusting(), identity: alice } })).text);
    assert.equal(known.httpVersion, protocol === 'h2' ? '2' : '1.1');
    assert.deepEqual(known.who, { name: 'alice', groups: ['system:masters', 'a,b\nc'] });
  }
});

test('a client certificate of another authority is nobody', async () => {
  await using server = await serve();
  const other = await testPki();
  const mallory = await other.client({ commonName: 'mallory', organizations: ['system:masters'] });
  const { text } = await ask({ url: `https://127.0.0.1:${server.port}/`, tls: { ...trusting(), identity: mallory } });
  assert.equal(JSON.parse(text).who, undefined);
});

test('a server certificate is checked against CA and name', async () => {
  await using server = await serve();
  const url = `https://127.0.0.1:${server.port}/`;
  const other = await testPki('test ca');
  await assert.rejects(ask({ url, tls: { ca: other.ca } }), NetworkError);
  await assert.rejects(ask({ url }), NetworkError);
  await assert.rejects(ask({ url, tls: { ...trusting(), serverName: 'example.org' } }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  await assert.rejects(
    ask({ url, protocol: 'http/1.1', tls: { ...trusting(), serverName: 'example.org' } }),
    NetworkError,
  );
  assert.equal((await ask({ url, tls: { ...trusting(), serverName: 'localhost' } })).status, 200);
  assert.equal((await ask({ url, tls: { insecure: true } })).status, 200);
});

test('bodies up to the limit arrive and larger ones are refused, on a connection that lives on', async () => {
  await using server = await serve();
  await using plain = await serve({ plain: true });
  for (const target of [
    { url: `https://127.0.0.1:${server.port}/echo`, tls: trusting() },
    { url: `https://127.0.0.1:${server.port}/echo`, tls: trusting(), protocol: 'http/1.1' as const },
    { url: `http://127.0.0.1:${plain.port}/echo` },
  ]) {
    const post = { ...target, method: 'POST' };
    assert.equal((await ask({ ...post, body: 'hello' })).text, 'hello');
    assert.equal((await ask({ ...post, body: Readable.from([Buffer.from('a'), Buffer.from('b')]) })).text, 'ab');
    assert.equal((await ask({ ...post })).text, '');
    assert.deepEqual(await ask({ ...post, body: Buffer.alloc(2_000_000) }), { status: 413, text: 'too large' });
    assert.deepEqual(await ask({ ...post, body: Readable.from([Buffer.alloc(9_000), Buffer.alloc(9_000)]) }), {
      status: 413,
      text: 'too large',
    });
    assert.equal((await ask({ ...post, body: 'again' })).text, 'again');
    assert.equal((await ask({ ...target, url: target.url.replace('echo', 'empty') })).status, 204);
  }
});

test('a response larger than the limit is refused without being buffered', async () => {
  await using server = await serve();
  const response = await world.network.request({
    method: 'GET',
    url: `https://127.0.0.1:${server.port}/stream`,
    tls: trusting(),
  });
  await assert.rejects(response.bytes(1_000), RangeError);
});

test('streams of many windows arrive whole over both protocols', async () => {
  await using server = await serve();
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const response = await world.network.request({
      method: 'GET',
      url: `https://127.0.0.1:${server.port}/stream`,
      tls: trusting(),
      protocol,
    });
    assert.equal((await response.bytes()).length, 10_000_003);
  }
});

test('a request in vain ends by its time-out, and the server learns of it', async () => {
  await using server = await serve();
  for (const protocol of ['h2', 'http/1.1'] as const) {
    aborted = Promise.withResolvers();
    const request = ask({ url: `https://127.0.0.1:${server.port}/hang`, tls: trusting(), protocol, timeoutMs: 100 });
    await assert.rejects(request, { code: 'ETIMEDOUT' });
    await aborted.promise;
  }
});

test('an abort ends a request before and after its headers, with the reason', async () => {
  await using server = await serve();
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const early = new AbortController();
    aborted = Promise.withResolvers();
    const hanging = ask({
      url: `https://127.0.0.1:${server.port}/hang`,
      tls: trusting(),
      protocol,
      signal: early.signal,
    });
    setTimeout(() => early.abort(new Error('changed my mind')), 50);
    await assert.rejects(hanging, /changed my mind/);
    await aborted.promise;

    const late = new AbortController();
    aborted = Promise.withResolvers();
    const url = `https://127.0.0.1:${server.port}/watch`;
    const watch = await world.network.request({ method: 'GET', url, tls: trusting(), protocol, signal: late.signal });
    await assert.rejects(async () => {
      for await (const chunk of watch.body) {
        assert.equal(String(chunk), 'first\n');
        late.abort(new Error('seen enough'));
      }
    }, /seen enough/);
    await aborted.promise;
    const never = ask({ url, tls: trusting(), protocol, signal: AbortSignal.abort(new Error('too late')) });
    await assert.rejects(never, /too late/);
  }
});

test('a watch ends with an error when the server goes away', async () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const server = await serve();
    const url = `https://127.0.0.1:${server.port}/watch`;
    const watch = await world.network.request({ method: 'GET', url, tls: trusting(), protocol });
    await assert.rejects(async () => {
      for await (const chunk of watch.body) {
        assert.equal(String(chunk), 'first\n');
        void server.close(0);
      }
    });
  }
});

test('the client dials again after the server went away and came back', async () => {
  const first = await serve();
  const url = `https://127.0.0.1:${first.port}/`;
  const tls = trusting();
  assert.equal((await ask({ url, tls })).status, 200);
  assert.equal((await ask({ url, tls, protocol: 'http/1.1' })).status, 200);
  await first[Symbol.asyncDispose]();
  await assert.rejects(ask({ url, tls }), { code: 'ECONNREFUSED' });
  await using second = await world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: first.port }, tls: serverIdentity },
    { request: (exchange) => exchange.respond(200, {}, 'second') },
  );
  assert.equal(second.port, first.port);
  assert.equal((await ask({ url, tls })).text, 'second');
  assert.equal((await ask({ url, tls, protocol: 'http/1.1' })).text, 'second');
});

test('closing does not wait for a client that never finishes its handshake', async () => {
  const server = await serve();
  const silent = rawTcp(server.port, '127.0.0.1');
  silent.on('error', () => {});
  await new Promise((resolve) => silent.once('connect', resolve));
  assert.equal((await ask({ url: `https://127.0.0.1:${server.port}/`, tls: trusting() })).status, 200);
  await server.close(0);
  silent.destroy();
});

test('headers of an HTTP/1.1 connection do not disturb HTTP/2', async () => {
  await using server = await world.network.serveHttp(
    { listen: local, tls: serverIdentity },
    {
      request(exchange) {
        const seen = [exchange.headers['connection'], exchange.headers['x-kept'], exchange.headers['host']];
        exchange.respond(200, { connection: 'keep-alive', 'transfer-encoding': 'chunked' }, JSON.stringify(seen));
      },
    },
  );
  const headers = { Connection: 'keep-alive', 'X-Kept': 'yes', Host: 'example.org', 'keep-alive': 'timeout=5' };
  const { text } = await ask({ url: `https://127.0.0.1:${server.port}/`, tls: trusting(), headers });
  assert.deepEqual(JSON.parse(text), [null, 'yes', 'example.org']);
});

test('a graceful close lets running requests end and refuses new ones', async () => {
  const server = await serve();
  const url = `https://127.0.0.1:${server.port}/stream`;
  const running = await world.network.request({ method: 'GET', url, tls: trusting() });
  const closed = server.close(20_000);
  assert.equal((await running.bytes()).length, 10_000_003);
  await closed;
  await assert.rejects(ask({ url, tls: trusting() }), NetworkError);
});

test('a thousand parallel requests share connections and all are answered', async () => {
  await using server = await serve();
  const tls = trusting();
  const url = `https://127.0.0.1:${server.port}/x`;
  const answers = await Promise.all(Array.from({ length: 3_000 }, () => ask({ url, tls })));
  assert.ok(answers.every(({ status }) => status === 200));
});

test('unix sockets carry both kinds of requests, and a dead one is replaced', async () => {
  const path = join(folder, 'api.sock');
  for (let round = 0; round < 2; round++) {
    await using server = await serve({ plain: true, path });
    assert.equal(server.port, 0);
    assert.equal((await ask({ url: 'http://localhost/x', socketPath: path })).status, 200);
    await assert.rejects(serve({ plain: true, path }), { code: 'EADDRINUSE' });
  }
  // A process that dies leaves its socket file behind: so does this child.
  const leave = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal((await world.processes.run([process.execPath, '-e', leave])).code, 137);
  await using again = await serve({ plain: true, path });
  assert.equal(again.port, 0);
});

test('WebSockets and raw protocols upgrade over TLS', async () => {
  await using server = await serve();
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}/ws`, { ca: pki.ca });
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send('hi');
  const reply = await new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  assert.equal(reply, 'echo hi');
  socket.close();
  await new Promise((resolve) => socket.once('close', resolve));

  const url = `https://127.0.0.1:${server.port}/raw`;
  const raw = await world.network.upgrade({ method: 'POST', url, tls: trusting(), headers: { upgrade: 'raw' } });
  assert.ok('socket' in raw);
  raw.socket.write('ping');
  assert.equal(String(await new Promise((resolve) => raw.socket.once('data', resolve))), 'ping');
  raw.socket.destroy();

  const refused = await world.network.upgrade({
    method: 'GET',
    url: url.replace('raw', 'refuse'),
    tls: trusting(),
    headers: { upgrade: 'raw' },
  });
  assert.ok('status' in refused);
  assert.equal(refused.status, 403);
  assert.equal((await refused.bytes()).toString(), 'no');
});

test('an upgrade to a port that nobody serves fails with its code', async () => {
  const server = await serve();
  await server[Symbol.asyncDispose]();
  const gone = world.network.upgrade({
    method: 'GET',
    url: `https://127.0.0.1:${server.port}/raw`,
    headers: { upgrade: 'raw' },
  });
  await assert.rejects(gone, { code: 'ECONNREFUSED' });
});

test('a busy port is refused with its code and leaves nothing behind', async () => {
  await using server = await serve();
  const again = world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: server.port }, tls: serverIdentity },
    { request: () => {} },
  );
  await assert.rejects(again, { code: 'EADDRINUSE' });
});

test('a plain server takes an offered h2c as an ordinary request', async () => {
  await using server = await serve({ plain: true });
  const { status } = await ask({
    url: `http://127.0.0.1:${server.port}/`,
    headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' },
  });
  assert.equal(status, 200);
});

test('a handler that throws answers 500 and the server lives on', async () => {
  await using server = await world.network.serveHttp(
    { listen: local, tls: serverIdentity },
    {
      request(exchange) {
        if (exchange.url === '/bad') throw new Error('our bug');
        exchange.respond(200, {}, 'fine');
      },
    },
  );
  const url = `https://127.0.0.1:${server.port}`;
  for (const protocol of ['h2', 'http/1.1'] as const) {
    assert.equal((await ask({ url: `${url}/bad`, tls: trusting(), protocol })).status, 500);
    assert.equal((await ask({ url: `${url}/good`, tls: trusting(), protocol })).text, 'fine');
  }
});

test('garbage, oversized headers and rapid resets harm nobody else', async () => {
  await using server = await serve();
  const { port } = server;
  const options = { host: '127.0.0.1', port, ca: pki.ca };
  const closed = (socket: EventEmitter) =>
    new Promise<void>((resolve) => {
      socket.on('error', () => {});
      socket.once('close', () => resolve());
    });

  const garbage = rawTcp(port, '127.0.0.1', () => garbage.write('this is not TLS\r\n\r\n'));
  await closed(garbage.resume());
  const http1 = rawTls({ ...options, ALPNProtocols: ['http/1.1'] }, () => http1.write('NONSENSE\r\n\r\n'));
  await closed(http1.resume());
  const headers = { 'x-large': 'x'.repeat(300_000) };
  const http1Large = await ask({ url: `https://127.0.0.1:${port}/`, tls: trusting(), protocol: 'http/1.1', headers });
  assert.equal(http1Large.status, 431);
  await assert.rejects(ask({ url: `https://127.0.0.1:${port}/`, tls: trusting(), headers }), NetworkError);

  const flood = rawHttp2(`https://127.0.0.1:${port}`, { ca: pki.ca });
  flood.on('error', () => {});
  hangs = 0;
  for (let batch = 0; batch < 60 && !flood.destroyed && !flood.closed; batch++) {
    const streams = Array.from({ length: 100 }, () => flood.request({ ':path': '/hang' }));
    for (const stream of streams) stream.on('error', () => {});
    await new Promise((resolve) => setTimeout(resolve, 2));
    for (const stream of streams) stream.close(8);
  }
  assert.ok(hangs > 0 && hangs < 4_000, `${hangs} of 6000 reset streams were served`);
  flood.destroy();

  const pings = rawHttp2(`https://127.0.0.1:${port}`, { ca: pki.ca });
  const pingsEnded = closed(pings);
  const ping = (): void => {
    if (pings.destroyed) return;
    pings.ping(() => setImmediate(ping));
  };
  pings.once('connect', ping);
  await pingsEnded;
  assert.equal((await ask({ url: `https://127.0.0.1:${port}/`, tls: trusting() })).status, 200);
});

test('TCP carries both directions and half-closed ends', async () => {
  await using listener = await world.network.listenTcp(local, (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(`got ${Buffer.concat(chunks).length}`));
  });
  const socket = await world.network.dialTcp(listener.address);
  socket.end(Buffer.alloc(100_000));
  assert.equal((await socket.toArray()).join(''), 'got 100000');
});

test('a TCP dial fails with its code, by time-out or by abort', async () => {
  const listener = await world.network.listenTcp(local, () => {});
  await listener[Symbol.asyncDispose]();
  await assert.rejects(world.network.dialTcp(listener.address), { name: 'NetworkError', code: 'ECONNREFUSED' });
  await assert.rejects(world.network.dialTcp({ path: join(folder, 'nobody.sock') }), { code: 'ENOENT' });
  await assert.rejects(world.network.dialTcp(local, { signal: AbortSignal.abort(new Error('no')) }), /no/);
});

test('UDP answers its peer', async () => {
  await using server = await world.network.listenUdp(local, (message, from) =>
    server.send(Buffer.from(`re: ${String(message)}`), from),
  );
  const reply = Promise.withResolvers<string>();
  await using client = await world.network.listenUdp(local, (message) => reply.resolve(String(message)));
  client.send(Buffer.from('hello'), { address: '127.0.0.1', port: server.port });
  assert.equal(await reply.promise, 're: hello');
  await assert.rejects(
    world.network.listenUdp({ host: '127.0.0.1', port: server.port }, () => {}),
    { code: 'EADDRINUSE' },
  );
});

test('loopback is among the interfaces', () => {
  assert.ok(
    world.network
      .interfaces()
      .some(({ address, internal, cidr }) => address === '127.0.0.1' && internal && cidr === '127.0.0.1/8'),
  );
});
