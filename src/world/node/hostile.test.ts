/** Clients that mean harm, with frames of their own making: each must end with an answer or a closed connection, and its neighbours must not notice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { NetworkError, type HttpExchange, type HttpServer } from '../world.ts';
import { testPki, type TestPki } from './test-pki.ts';
import { nodeWorld } from './world.ts';

const world = nodeWorld();
let pki: TestPki;
let server: HttpServer;
const outcomes: string[] = [];

before(async () => {
  pki = await testPki();
  server = await world.network.serveHttp(
    {
      listen: { host: '127.0.0.1', port: 0 },
      tls: await pki.server(),
      timeouts: { headersMs: 300, bodyMs: 300, idleMs: 600 },
    },
    { request: (exchange) => void handle(exchange) },
  );
});
after(() => server.close(0));

async function handle(exchange: HttpExchange): Promise<void> {
  if (exchange.url === '/hang') return;
  if (exchange.url === '/bye') return exchange.respond(401, { connection: 'close' }, 'no');
  try {
    const body = await exchange.body(1_000);
    exchange.respond(200, {}, `${body.length}`);
  } catch (error) {
    const code = error instanceof NetworkError ? error.code : (error as Error).name;
    outcomes.push(code);
    exchange.respond(code === 'RangeError' ? 413 : 408, {}, code);
  }
}

const types = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, window: 8, continuation: 9 } as const;
const endStream = 1;
const endHeaders = 4;

function frame(type: number, flags: number, stream: number, body: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** `:method` GET or POST, `:scheme` https, `:path` / or as given; HPACK without Huffman. */
const request = (method: 'GET' | 'POST', path = '/'): Buffer =>
  Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87]),
    path === '/' ? Buffer.from([0x84]) : Buffer.concat([Buffer.from([0x04, path.length]), Buffer.from(path)]),
    Buffer.from([0x01, 1, 0x78]),
  ]);

const header = (name: string, value: string): Buffer => {
  const length = (text: string): Buffer => {
    if (text.length < 127) return Buffer.from([text.length]);
    const bytes = [127];
    let rest = text.length - 127;
    for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  };
  return Buffer.concat([Buffer.from([0]), length(name), Buffer.from(name), length(value), Buffer.from(value)]);
};

interface Raw extends Disposable {
  readonly socket: TLSSocket;
  /** False once the server has closed the connection. */
  open(): boolean;
  /** Writes at the server's pace; answers whether the connection stands. */
  write(bytes: Uint8Array): Promise<boolean>;
  readonly closed: Promise<void>;
  /** What the server said. */
  said(): Buffer;
}

async function raw(protocol: 'h2' | 'http/1.1', { reads = true } = {}): Promise<Raw> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: pki.ca, ALPNProtocols: [protocol] });
  const chunks: Buffer[] = [];
  let kept = 0;
  let open = true;
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket.once('close', () => {
      open = false;
      resolve();
    }),
  );
  await once(socket, 'secureConnect');
  if (reads)
    socket.on('data', (chunk: Buffer) => {
      if ((kept += chunk.length) < 1_000_000) chunks.push(chunk);
    });
  socket.on('end', () => socket.destroy());
  if (protocol === 'h2') {
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(types.settings, 0, 0));
  }
  return {
    socket,
    closed,
    open: () => open,
    said: () => Buffer.concat(chunks),
    async write(bytes) {
      if (!open || socket.destroyed) return false;
      if (!socket.write(bytes)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
      else await new Promise((resolve) => setImmediate(resolve));
      return open;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Sends the same bytes again and again; fails when the server takes all of them. */
async function endless(connection: Raw, times: number, bytes: (round: number) => Buffer): Promise<void> {
  for (let round = 0; round < times; round++) if (!(await connection.write(bytes(round)))) return;
  // The last word may be on its way.
  await Promise.race([connection.closed, world.clock.sleep(2_000)]);
  assert.equal(connection.open(), false, `the server took ${times} rounds`);
}

const ask = async (path = '/'): Promise<number> => {
  const answer = await world.network.request({
    method: 'GET',
    url: `https://127.0.0.1:${server.port}${path}`,
    tls: { ca: pki.ca },
    timeoutMs: 10_000,
  });
  await answer.bytes();
  return answer.status;
};

/** Many of one frame in one piece. */
const many = (count: number, one: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(one));

const floods: Readonly<Record<string, (connection: Raw) => Promise<void>>> = {
  'headers that go on for ever': async (connection) => {
    await connection.write(frame(types.headers, endStream, 1, request('GET')));
    const more = frame(types.continuation, 0, 1, header('x-junk', 'x'.repeat(8_000)));
    await endless(connection, 5_000, () => more);
  },
  'headers that go on for ever, with nothing in them': async (connection) => {
    await connection.write(frame(types.headers, endStream, 1, request('GET')));
    await endless(connection, 1_000, () => many(100, frame(types.continuation, 0, 1)));
  },
  'streams that are reset at once': (connection) =>
    endless(connection, 2_000, (round) => {
      const pairs: Buffer[] = [];
      for (let at = 0; at < 50; at++) {
        const id = (round * 50 + at) * 2 + 1;
        pairs.push(
          frame(types.headers, endStream | endHeaders, id, request('GET', '/hang')),
          frame(types.reset, 0, id, Buffer.from([0, 0, 0, 8])),
        );
      }
      return Buffer.concat(pairs);
    }),
  'pings whose answers nobody reads': (connection) =>
    endless(connection, 2_000, () => many(100, frame(types.ping, 0, 0, Buffer.alloc(8)))),
  'settings without end': (connection) => endless(connection, 2_000, () => many(20, frame(types.settings, 0, 0))),
  'data frames without data': async (connection) => {
    await connection.write(frame(types.headers, endHeaders, 1, request('POST', '/hang')));
    await endless(connection, 2_000, () => many(100, frame(types.data, 0, 1)));
  },
  'more streams than are allowed, again and again': (connection) =>
    endless(connection, 500, (round) =>
      Buffer.concat(
        Array.from({ length: 100 }, (_, at) =>
          frame(types.headers, endStream | endHeaders, (round * 100 + at) * 2 + 1, request('GET', '/hang')),
        ),
      ),
    ),
  'one small header that stands for megabytes': async (connection) => {
    // A value in the dynamic table, then thousands of references to it in a byte each.
    const large = header('x-bomb', 'x'.repeat(3_900));
    large[0] = 0x40;
    const block = Buffer.concat([request('GET'), large, Buffer.alloc(12_000, 0xbe)]);
    await endless(connection, 200, (round) =>
      frame(
        types.headers,
        endStream | endHeaders,
        round * 2 + 1,
        round === 0 ? block : Buffer.concat([request('GET'), Buffer.alloc(12_000, 0xbe)]),
      ),
    );
  },
  'frames that are none': (connection) => endless(connection, 200, () => many(10, frame(types.headers, endHeaders, 0))),
};

for (const [name, flood] of Object.entries(floods)) {
  test(`HTTP/2: ${name} end with the connection`, async () => {
    using connection = await raw('h2', { reads: !name.includes('nobody reads') });
    await flood(connection);
    assert.equal(await ask(), 200);
  });
}

test('HTTP/2: priorities and window updates are cheap, and a neighbour is served meanwhile', async () => {
  using connection = await raw('h2');
  const priority = frame(types.priority, 0, 5, Buffer.from([0, 0, 0, 3, 16]));
  const update = frame(types.window, 0, 0, Buffer.from([0, 0, 0, 1]));
  for (let round = 0; round < 100; round++) {
    await connection.write(many(100, round % 2 ? priority : update));
    if (round % 25 === 0) assert.equal(await ask(), 200);
  }
});

test('HTTP/2: too many headers, or too long a path, cost the stream and not the connection', async () => {
  using connection = await raw('h2');
  const junk = Buffer.concat(Array.from({ length: 400 }, (_, at) => header(`x-${at}`, 'y')));
  await connection.write(frame(types.headers, endStream | endHeaders, 1, Buffer.concat([request('GET'), junk])));
  await connection.write(frame(types.headers, endStream | endHeaders, 3, request('GET')));
  const answered = (): boolean =>
    connection.said().includes(frame(types.data, endStream, 3, Buffer.from('0'))) ||
    connection.said().includes(frame(types.data, 0, 3, Buffer.from('0')));
  for (let tries = 0; tries < 200 && !answered() && connection.open(); tries++) await world.clock.sleep(10);
  assert.ok(answered());
  await assert.rejects(ask(`/${'x'.repeat(200_000)}`), NetworkError);
  assert.equal(await ask(), 200);
});

test('HTTP/2: "Connection: close" of an answer ends the connection after it', async () => {
  using connection = await raw('h2');
  await connection.write(frame(types.headers, endStream | endHeaders, 1, request('GET', '/bye')));
  await connection.closed;
  assert.ok(connection.said().includes('no'));
});

test('a connection that says nothing is closed', async () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    using connection = await raw(protocol);
    await connection.closed;
  }
});

test('HTTP/1.1: headers that come too slowly get 408, too many or too long ones 431', async () => {
  using slow = await raw('http/1.1');
  void slow.write(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n'));
  const drip = setInterval(() => slow.open() && slow.socket.write('x-a: b\r\n'), 50);
  await slow.closed.finally(() => clearInterval(drip));
  assert.match(slow.said().toString(), /^HTTP\/1\.1 408 /);
  for (const text of [
    `GET /${'x'.repeat(200_000)} HTTP/1.1\r\n`,
    `GET / HTTP/1.1\r\n${'x-a: b\r\n'.repeat(60_000)}\r\n`,
  ]) {
    using large = await raw('http/1.1');
    void large.write(Buffer.from(text));
    await large.closed;
    assert.match(large.said().toString(), /^HTTP\/1\.1 431 /);
  }
});

test('HTTP/1.1: no header is dropped for its number', async () => {
  using connection = await raw('http/1.1');
  const names = Array.from({ length: 5_000 }, (_, at) => `a${at}: b\r\n`).join('');
  await connection.write(
    Buffer.from(`POST / HTTP/1.1\r\nhost: x\r\n${names}content-length: 3\r\nconnection: close\r\n\r\nabc`),
  );
  await connection.closed;
  assert.match(connection.said().toString(), /^HTTP\/1\.1 200 [^]*3$/);
});

test('a body that comes too slowly, or never ends, is given up', async () => {
  outcomes.length = 0;
  using one = await raw('http/1.1');
  await one.write(Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n'));
  await one.closed;
  assert.match(one.said().toString(), /^HTTP\/1\.1 408 /);
  using two = await raw('h2');
  await two.write(frame(types.headers, endHeaders, 1, request('POST')));
  await two.closed;
  assert.deepEqual(outcomes, ['ETIMEDOUT', 'ETIMEDOUT']);

  outcomes.length = 0;
  using endlessBody = await raw('http/1.1');
  await endlessBody.write(Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'));
  const chunk = Buffer.from(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
  await endless(endlessBody, 100_000, () => chunk);
  assert.match(endlessBody.said().toString(), /^HTTP\/1\.1 413 /);
  using declared = await raw('http/1.1');
  await declared.write(Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n'));
  await declared.closed;
  assert.match(declared.said().toString(), /^HTTP\/1\.1 413 /);
  assert.deepEqual(outcomes, ['RangeError', 'RangeError']);
});

test('HTTP/2: what came of a body that breaks off never passes for the whole', async () => {
  const part = Buffer.concat([
    frame(types.headers, endHeaders, 1, request('POST')),
    frame(types.data, 0, 1, Buffer.from('abc')),
  ]);
  const nothing = frame(types.headers, endHeaders, 1, request('POST'));
  for (const [sent, code] of [
    [nothing, undefined],
    [part, undefined],
    [nothing, 8],
    [part, 0],
  ] as const) {
    outcomes.length = 0;
    using connection = await raw('h2');
    await connection.write(sent);
    if (code === undefined) connection.socket.destroy();
    else await connection.write(frame(types.reset, 0, 1, Buffer.from([0, 0, 0, code])));
    for (let waits = 0; outcomes.length === 0 && waits < 500; waits++) await world.clock.sleep(5);
    assert.deepEqual(outcomes, ['ECONNRESET']);
  }
});
