/** Frames: SPDY and WebSocket as the kubelet serves them, DNS questions, gRPC answers, etcd's and a KMS' messages. */
import assert from 'node:assert/strict';
import { Duplex, Readable } from 'node:stream';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { codes, readQuestion, walkRecords, writeAnswer, writeFailure } from '#dns/message.ts';
import { planAnswer } from '#dns/plan.ts';
import { portForward } from '#kubelet/server/port-forward.ts';
import { spdyStreams } from '#kubelet/server/spdy-streams.ts';
import { webSocketStreams } from '#kubelet/server/websocket.ts';
import type { ContainerRuntime } from '#kubelet/container-runtime.ts';
import { Compacted } from '#store/store.ts';
import { decode, entryOf, eventOf } from '#store/etcd/messages.ts';
import { RangeResponseSchema, TxnResponseSchema, WatchResponseSchema } from '#store/etcd/gen/etcd_pb.ts';
import { grpcCall, grpcStream, GrpcError } from '#world/grpc.ts';
import type { HttpClientResponse, HttpUpgrade } from '#world/world.ts';
import { NetworkError } from '#world/world.ts';
import { halves, type Target } from '../target.ts';
import { machineWith } from './images.ts';

/** A client that has sent these bytes in pieces and hangs up; what it is told is counted. */
function client(bytes: Buffer): Duplex & { readonly told: () => number } {
  let at = 0;
  let told = 0;
  const duplex = new Duplex({
    read() {
      const piece = bytes.subarray(at, at + 61);
      at += piece.length;
      // Not all at once: what is read must find its reader.
      setImmediate(() => duplex.destroyed || duplex.push(piece.length > 0 ? piece : null));
    },
    write(chunk: Buffer, _encoding, done) {
      told += chunk.length;
      done();
    },
  });
  // A broken connection is the client's own affair.
  duplex.on('error', () => undefined);
  return Object.assign(duplex, { told: () => told });
}

const upgradeOf = (socket: Duplex, headers: HttpUpgrade['headers']): HttpUpgrade =>
  ({ method: 'GET', url: '/', headers, remoteAddress: '192.0.2.1', socket, head: Buffer.alloc(0) }) as never;

const handshake = (protocol: string): HttpUpgrade['headers'] => ({
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'sec-websocket-protocol': protocol,
});

/** Ports of the pod: each is an echo. */
const runtime = {
  dial: async () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }),
} as unknown as ContainerRuntime;

/** Every window of time in which a late event may still break something. */
async function settled(socket: Duplex): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The answer of a gRPC peer: a body of these bytes and trailers. */
function answerOf(body: Buffer, trailers: Readonly<Record<string, string>>): HttpClientResponse {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += 13) pieces.push(body.subarray(at, at + 13));
  return {
    status: 200,
    headers: {},
    body: Readable.from(pieces),
    bytes: async () => body,
    trailers: async () => trailers,
  };
}

const facts = {
  clusterDomain: 'cluster.local',
  serial: 1,
  hasNamespace: (name: string) => name === 'default',
  service: () => undefined,
  slicesOf: () => [],
  servicesAt: () => [],
  slicesAt: () => [],
};

export const wireTargets: readonly Target[] = [
  {
    name: 'spdy-exec',
    refuses: [Error],
    async run(bytes) {
      const socket = client(bytes);
      const options = { stdin: true, stdout: true, stderr: false, tty: true };
      const upgrade = upgradeOf(socket, { 'x-stream-protocol-version': 'v4.channel.k8s.io' });
      try {
        const streams = await spdyStreams(upgrade, options);
        streams.stdin?.resume();
        streams.onResize((columns, rows) => assert.ok(Number.isInteger(columns + rows)));
        streams.stdout?.write('output');
      } finally {
        await settled(socket);
      }
      assert.ok(socket.told() < 64 * 1024 + bytes.length * 16);
    },
  },
  {
    name: 'spdy-port-forward',
    refuses: [],
    async run(bytes) {
      const socket = client(bytes);
      await portForward(upgradeOf(socket, {}), runtime, { sandboxId: 'a', ports: [] });
      await settled(socket);
    },
  },
  {
    name: 'websocket-exec',
    refuses: [],
    async run(bytes) {
      const socket = client(bytes);
      const options = { stdin: true, stdout: true, stderr: true, tty: true };
      const streams = await webSocketStreams(upgradeOf(socket, handshake('v5.channel.k8s.io')), options);
      streams.stdin?.resume();
      streams.onResize((columns, rows) => assert.ok(Number.isInteger(columns + rows)));
      await settled(socket);
    },
  },
  {
    name: 'websocket-port-forward',
    refuses: [],
    async run(bytes) {
      const socket = client(bytes);
      const protocol = (bytes[0] ?? 0) % 2 === 0 ? 'v4.base64.channel.k8s.io' : 'v4.channel.k8s.io';
      await portForward(upgradeOf(socket, handshake(protocol)), runtime, { sandboxId: 'a', ports: ['80', '81'] });
      await settled(socket);
    },
  },
  {
    name: 'websocket-tunnel',
    refuses: [],
    async run(bytes) {
      const socket = client(bytes);
      const upgrade = upgradeOf(socket, handshake('SPDY/3.1+portforward.k8s.io'));
      await portForward(upgrade, runtime, { sandboxId: 'a', ports: [] });
      await settled(socket);
    },
  },
  {
    name: 'dns',
    refuses: [],
    run(bytes) {
      const question = readQuestion(bytes);
      if (question === 'ignore') return;
      if (question === 'malformed') {
        assert.equal(writeFailure(bytes, codes.formatError).length, 12);
        return;
      }
      walkRecords(bytes, 12 + question.bytes.length, () => undefined);
      const answer = planAnswer(question, facts);
      if (!answer) return;
      for (const transport of ['udp', 'tcp'] as const) {
        const reply = writeAnswer(question, answer, transport);
        assert.ok(transport === 'tcp' || reply.length <= Math.max(512, question.ednsBytes ?? 0));
      }
    },
  },
  {
    name: 'grpc',
    refuses: [GrpcError, NetworkError],
    async run(bytes) {
      const [body, status] = halves(bytes);
      const trailers = { 'grpc-status': status.length > 0 ? '2' : '0', 'grpc-message': status.toString('latin1') };
      const machine = await machineWith({});
      const network = { ...machine.network, request: async () => answerOf(body, trailers) };
      const world = { ...machine, network };
      const peer = { url: 'http://127.0.0.1:1' };
      using stream = await grpcStream(world, peer, { method: '/a/B', first: Buffer.alloc(0), timeoutMs: 1000 });
      let length = 0;
      for await (const message of stream.messages) length += message.length + 5;
      assert.equal(length, body.length);
      await grpcCall(world, peer, { method: '/a/B', message: Buffer.alloc(0), timeoutMs: 1000 });
    },
  },
  {
    name: 'etcd-messages',
    // The protobuf library's own word for bytes that are no message; whoever reads them treats it as a broken peer.
    refuses: [Error, RangeError, Compacted, GrpcError],
    run(bytes) {
      const read = <M extends DescMessage>(schema: M): MessageShape<M> => {
        try {
          return decode(schema, bytes);
        } catch (cause) {
          // A text that is no UTF-8 is refused with the decoder's TypeError; ours would be a finding.
          if (cause instanceof TypeError && cause.message.includes('utf-8')) throw new Error(cause.message, { cause });
          throw cause;
        }
      };
      for (const kv of read(RangeResponseSchema).kvs) entryOf(kv);
      read(TxnResponseSchema);
      const { events } = read(WatchResponseSchema);
      for (const event of events) eventOf(event);
    },
  },
];
