/** The gRPC client against a server that answers byte by byte what the test says, over HTTP/2 in the clear. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { grpcCall, grpcStream, GrpcError, type GrpcPeer } from './grpc.ts';
import { nodeWorld } from './node/world.ts';
import { NetworkError } from './world.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const server = createServer();
let peer: GrpcPeer;
let answer: (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;
before(async () => {
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  peer = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
after(async () => {
  const closed = once(server, 'close');
  server.close();
  await closed;
});

const frame = (text: string, flag = 0): Buffer => {
  const head = Buffer.from([flag, 0, 0, 0, Buffer.byteLength(text)]);
  return Buffer.concat([head, Buffer.from(text)]);
};
/** The body in pieces, then the trailers. */
const answerWith = (pieces: readonly Buffer[], trailers?: Record<string, string>) => {
  answer = (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: trailers !== undefined });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    for (const piece of pieces) stream.write(piece);
    stream.end();
  };
};
const call = () => grpcCall(world, peer, { method: '/a.B/C', message: Buffer.from('ask'), timeoutMs: 10_000 });
const fails = (code: number, message: RegExp) => (error: unknown) =>
  error instanceof GrpcError && error.code === code && message.test(error.message);

test('a call sends one message and returns the one that comes, however it is cut', async () => {
  let asked = '';
  answer = (stream, headers) => {
    assert.equal(headers['te'], 'trailers');
    assert.equal(headers[':path'], '/a.B/C');
    assert.equal(headers['grpc-timeout'], '10000m');
    stream.on('data', (chunk: Buffer) => (asked += chunk.toString('latin1')));
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const bytes = frame('answer');
      for (const byte of bytes) stream.write(Buffer.from([byte]));
      stream.end();
    });
  };
  assert.equal(String(await call()), 'answer');
  assert.equal(asked, frame('ask').toString('latin1'));
});

test('a status is an error with its words, from the trailers and from an answer without a body', async () => {
  answerWith([], { 'grpc-status': '11', 'grpc-message': 'gr%C3%B6%C3%9Fer%20than 100' });
  await assert.rejects(call(), fails(11, /^größer than 100$/));
  answer = (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '14', 'grpc-message': 'no leader' }, { endStream: true });
  await assert.rejects(call(), fails(14, /^no leader$/));
  answerWith([frame('half')], { 'grpc-status': '8', 'grpc-message': '50% of 10%zz' });
  await assert.rejects(call(), fails(8, /^50% of 10%zz$/));
});

test('what is no gRPC is refused', async () => {
  answerWith([frame('x')]);
  await assert.rejects(call(), fails(14, /without a status/));
  answerWith([frame('x', 1)], { 'grpc-status': '0' });
  await assert.rejects(call(), fails(13, /compressed/));
  answerWith([frame('x'), frame('y')], { 'grpc-status': '0' });
  await assert.rejects(call(), fails(13, /no single message/));
  answerWith([], { 'grpc-status': '0' });
  await assert.rejects(call(), fails(13, /no message/));
  answer = (stream) => stream.respond({ ':status': 404 }, { endStream: true });
  await assert.rejects(call(), fails(14, /HTTP status 404/));
  answerWith([Buffer.from([0, 255, 255, 255, 255])], { 'grpc-status': '0' });
  await assert.rejects(call(), fails(8, /4294967295 bytes/));
});

test('a call that is not answered in time, or whose connection breaks, is a network error', async () => {
  answer = () => undefined;
  await assert.rejects(
    grpcCall(world, peer, { method: '/a.B/C', message: Buffer.alloc(0), timeoutMs: 20 }),
    (error) => error instanceof NetworkError && error.code === 'ETIMEDOUT',
  );
  answer = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write(frame('x').subarray(0, 3));
    stream.session?.destroy();
  };
  await assert.rejects(call(), NetworkError);
});

test('a stream carries messages both ways and ends with its status', async () => {
  answer = (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '9', 'grpc-message': 'enough' }));
    stream.on('data', (chunk: Buffer) => {
      stream.write(chunk);
      if (chunk.includes('last')) stream.end(frame('bye'));
    });
  };
  using stream = await grpcStream(world, peer, { method: '/a.B/C', first: Buffer.from('first'), timeoutMs: 10_000 });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const message of stream.messages) {
      seen.push(String(message));
      if (seen.length === 1) stream.send(Buffer.from('last'));
    }
  })();
  await assert.rejects(reading, fails(9, /^enough$/));
  assert.deepEqual(seen, ['first', 'last', 'bye']);
});

test('a stream whose connection breaks says so to its reader', async () => {
  answer = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write(frame('one'));
    stream.once('data', () => setImmediate(() => stream.session?.destroy()));
  };
  using stream = await grpcStream(world, peer, { method: '/a.B/C', first: Buffer.from('x'), timeoutMs: 10_000 });
  const reading = (async () => {
    for await (const _message of stream.messages);
  })();
  await assert.rejects(reading, NetworkError);
});
