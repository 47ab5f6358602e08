import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { constants, createDeflate, deflateSync } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';
import { serveSpdy, type SpdyStream } from './spdy.ts';

/** Both ends of a connection. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (other: () => Duplex): Duplex => {
    let resume: (() => void) | undefined;
    const duplex: Duplex & { resumed?: () => void } = new Duplex({
      read: () => {
        resume?.();
        resume = undefined;
      },
      write(chunk, _encoding, done) {
        const peer = other() as Duplex & { wait?: (next: () => void) => void };
        if (peer.push(chunk)) done();
        else peer.wait?.(() => done());
      },
      final(done) {
        other().push(null);
        done();
      },
      destroy(error, done) {
        const peer = other();
        if (!peer.readableEnded && !peer.destroyed) peer.push(null);
        done(error);
      },
    });
    (duplex as Duplex & { wait: (next: () => void) => void }).wait = (next) => (resume = next);
    return duplex;
  };
  ends.push(
    end(() => ends[1] as Duplex),
    end(() => ends[0] as Duplex),
  );
  return [ends[0] as Duplex, ends[1] as Duplex];
}

const frame = (type: number, flags: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
};
const dataFrame = (id: number, flags: number, body: Buffer | string): Buffer => {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id);
  head[4] = flags;
  head.writeUIntBE(bytes.length, 5, 3);
  return Buffer.concat([head, bytes]);
};
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

function headersOf(): (pairs: Readonly<Record<string, string>>) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
  return (pairs) => {
    const text = (value: string): Buffer => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);
    const entries = Object.entries(pairs);
    const block = Buffer.concat([
      number(entries.length),
      ...entries.flatMap(([name, value]) => [text(name), text(value)]),
    ]);
    return new Promise((resolve) => deflate.write(block, () => resolve(deflate.read() as Buffer)));
  };
}
const open = (id: number, block: Buffer, flags = 0): Buffer =>
  frame(1, flags, Buffer.concat([number(id), number(0), Buffer.from([0, 0]), block]));

/** A server that collects its streams, and everything it sends. */
function served(): { client: Duplex; streams: SpdyStream[]; sent: Buffer[]; closed: Promise<void> } {
  const [client, server] = pair();
  const streams: SpdyStream[] = [];
  const sent: Buffer[] = [];
  client.on('data', (chunk: Buffer) => sent.push(chunk));
  client.on('error', () => undefined);
  const session = serveSpdy(server, (stream) => {
    stream.on('error', () => undefined);
    streams.push(stream);
  });
  return { client, streams, sent, closed: new Promise((resolve) => session.onClose(resolve)) };
}
const until = async (holds: () => boolean): Promise<void> => {
  for (let turn = 0; !holds(); turn++) {
    assert.ok(turn < 10_000, `still waiting for ${holds}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test('streams carry their headers and bytes both ways, byte by byte if need be', async () => {
  const { client, streams, sent } = served();
  const block = headersOf();
  const bytes = Buffer.concat([
    open(1, await block({ StreamType: 'data', port: '80' })),
    open(3, await block({ streamtype: 'error' })),
    dataFrame(1, 0, 'hello '),
    dataFrame(1, 1, 'world'),
  ]);
  for (const byte of bytes) client.write(Buffer.from([byte]));
  await until(() => streams.length === 2);
  assert.deepEqual(
    [...(streams[0]?.headers ?? [])],
    [
      ['streamtype', 'data'],
      ['port', '80'],
    ],
  );
  let text = '';
  for await (const chunk of streams[0] as SpdyStream) text += String(chunk);
  assert.equal(text, 'hello world');
  streams[0]?.end('answer');
  await until(() => Buffer.concat(sent).includes('answer'));
  assert.ok(Buffer.concat(sent).includes(Buffer.concat([dataFrame(1, 0, 'answer'), dataFrame(1, 1, '')])));
  client.destroy();
});

test('a ping is answered, a reset ends its stream', async () => {
  const { client, streams, sent, closed } = served();
  client.write(frame(6, 0, number(7)));
  await until(() => Buffer.concat(sent).includes(frame(6, 0, number(7))));
  client.write(open(1, await headersOf()({ a: 'b' })));
  await until(() => streams.length === 1);
  client.write(frame(3, 0, Buffer.concat([number(1), number(5)])));
  await until(() => streams[0]?.destroyed === true);
  client.end();
  await closed;
});

const bomb = deflateSync(Buffer.concat([number(1), number(5_000_000), Buffer.alloc(5_000_000)]), {
  dictionary: spdyDictionary,
  finishFlush: constants.Z_SYNC_FLUSH,
});
const hostile: Readonly<Record<string, Buffer>> = {
  'a frame longer than allowed': Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]),
  'a header block that is no zlib': open(1, Buffer.from('not compressed at all')),
  'a header block that unpacks without end': open(1, bomb),
  'an opening frame without a body': frame(1, 0, Buffer.alloc(2)),
  'a frame type that does not exist': frame(77, 0, Buffer.alloc(4)),
  'a reset without a stream id': frame(3, 0, Buffer.alloc(1)),
};
for (const [what, bytes] of Object.entries(hostile)) {
  test(`${what} ends the session`, async () => {
    const { client, streams, closed } = served();
    client.write(bytes);
    await closed;
    assert.deepEqual(streams, []);
  });
}

test('a header that claims more bytes than there are ends the session', async () => {
  const { client, closed } = served();
  const block = deflateSync(Buffer.concat([number(4_000_000_000), number(9), Buffer.from('short')]), {
    dictionary: spdyDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  client.write(open(1, block));
  await closed;
});

test('bytes for a stream that is not there are dropped', async () => {
  const { client, sent } = served();
  client.write(Buffer.concat([dataFrame(9, 0, 'lost'), frame(6, 0, number(1))]));
  await until(() => sent.length > 0);
  client.destroy();
});

test('a client that goes away ends all streams', async () => {
  const { client, streams, closed } = served();
  client.write(open(1, await headersOf()({ a: 'b' })));
  await until(() => streams.length === 1);
  client.destroy();
  await closed;
  assert.equal(streams[0]?.destroyed, true);
});
