/** Answers that nobody takes: the oldest are cut off when all of them together are too many, and who reads is served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { testPki } from './test-pki.ts';
import { UnsentAnswers } from './unsent-answers.ts';
import { nodeWorld } from './world.ts';

const MB = 1024 * 1024;
/** Takes nothing until it is told to. */
class Stuck extends Writable {
  take: (() => void) | undefined;
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.take = done;
  }
}

test('beyond the allowance the oldest answers go, and what was taken counts no more', async () => {
  const unsent = new UnsentAnswers(10 * MB);
  const cut: number[] = [];
  const streams = Array.from({ length: 6 }, (_, index) => {
    const stream = new Stuck();
    stream.end(Buffer.alloc(1));
    unsent.add(stream, 3 * MB, () => cut.push(index));
    return stream;
  });
  assert.deepEqual([cut, unsent.bytes], [[0, 1, 2], 9 * MB]);
  streams[4]?.take?.();
  await once(streams[4] as Writable, 'finish');
  streams[5]?.destroy();
  await once(streams[5] as Writable, 'close');
  assert.equal(unsent.bytes, 3 * MB);
  unsent.add(new Stuck(), 1000, () => assert.fail('a small answer is not counted'));
  assert.equal(unsent.bytes, 3 * MB);
});

test('a client that reads nothing is cut off, its neighbour gets its answer', async () => {
  const pki = await testPki();
  const answer = Buffer.alloc(3 * MB, 'x');
  await using server = await nodeWorld().network.serveHttp(
    { listen: { host: '127.0.0.1', port: 0 }, tls: await pki.server() },
    { request: (exchange) => exchange.respond(200, {}, answer) },
  );
  const dial = (window: number) => {
    const session = connect(`https://127.0.0.1:${server.port}`, {
      rejectUnauthorized: false,
      settings: { initialWindowSize: window },
    });
    session.on('error', () => undefined);
    return session;
  };
  const greedy = dial(0);
  const ends: Promise<unknown>[] = [];
  for (let index = 0; index < 120; index++) {
    const stream = greedy.request({ ':path': '/' });
    ends.push(once(stream, 'close').catch((error: unknown) => error));
  }
  // 120 answers are 360 MB: the first ones must go.
  assert.match(String(await ends[0]), /NGHTTP2_ENHANCE_YOUR_CALM/);
  const modest = dial(MB);
  const stream = modest.request({ ':path': '/' });
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(stream, 'end');
  assert.equal(bytes, answer.length);
  greedy.destroy();
  modest.destroy();
  await Promise.all(ends);
});
