/**
 * WebSocket as kubectl speaks it: `v5.channel.k8s.io` (and v4) with a channel number before each message for exec and attach, and SPDY frames inside
 * messages for port-forward (https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets).
 */
import { Duplex, PassThrough, Writable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { HttpUpgrade } from '#world/world.ts';
import type { RemoteOptions, RemoteStreams } from './remote-command.ts';

/** What `ws` reads of a request: method, URL and headers. */
type UpgradeRequest = Parameters<WebSocketServer['handleUpgrade']>[0];

export const isWebSocket = ({ headers }: HttpUpgrade): boolean =>
  String(headers['upgrade'] ?? '').toLowerCase() === 'websocket';

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** A message from a client; kubectl sends at most 32 kB. */
const messageBytesMax = 16 * 1024 * 1024;
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const tunnel = 'SPDY/3.1+portforward.k8s.io';

function accept(upgrade: HttpUpgrade, choose: (offered: ReadonlySet<string>) => string | false): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    handleProtocols: choose,
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    upgrade.socket.once('error', reject);
    const request = {
      method: upgrade.method,
      url: upgrade.url,
      headers: { ...upgrade.headers },
    } as unknown as UpgradeRequest;
    server.handleUpgrade(request, upgrade.socket, upgrade.head, (socket) => resolve(socket));
  });
}

/** Streams of a remote command. Throws when the client offers no protocol of ours. */
export async function webSocketStreams(upgrade: HttpUpgrade, options: RemoteOptions): Promise<RemoteStreams> {
  const socket = await accept(upgrade, (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false);
  if (!protocols.includes(socket.protocol)) {
    socket.close(1002, 'no supported subprotocol');
    throw new Error(`unable to upgrade: no supported subprotocol; one of ${protocols.join(', ')} is needed`);
  }
  const stdin = options.stdin ? new PassThrough() : undefined;
  // The first size often comes before the command stands.
  let size: readonly [columns: number, rows: number] | undefined;
  let resize: (columns: number, rows: number) => void = (...first) => (size = first);
  const output = (channel: number): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (socket.readyState !== socket.OPEN) return done();
        const message = Buffer.allocUnsafe(chunk.length + 1);
        message[0] = channel;
        chunk.copy(message, 1);
        // The callback comes when the message has left: a slow client slows the command.
        socket.send(message, { binary: true }, () => done());
        return undefined;
      },
    });
  socket.on('message', (data: Buffer, binary: boolean) => {
    const message = Buffer.isBuffer(data) ? data : Buffer.from(data as unknown as ArrayBuffer);
    const channel = binary ? message[0] : undefined;
    const content = message.subarray(1);
    if (channel === channels.stdin && stdin && !stdin.writableEnded) {
      if (!stdin.write(content)) {
        socket.pause();
        stdin.once('drain', () => socket.resume());
      }
    } else if (channel === channels.resize) sized(content, (columns, rows) => resize(columns, rows));
    else if (channel === channels.close && content[0] === channels.stdin) stdin?.end();
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => stdin?.end());
  const stdout = options.stdout ? output(channels.stdout) : undefined;
  const stderr = options.stderr ? output(channels.stderr) : undefined;
  // An empty message tells the client that the streams stand.
  socket.send(Buffer.from([stdout ? channels.stdout : stderr ? channels.stderr : channels.error]), { binary: true });
  return {
    stdin,
    stdout,
    stderr,
    onResize(listener) {
      resize = listener;
      if (size) listener(...size);
    },
    onClose: (listener) => socket.on('close', listener),
    finish: (status) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN) {
          resolve();
          return;
        }
        socket.send(Buffer.concat([Buffer.from([channels.error]), Buffer.from(status)]), { binary: true }, () => {
          socket.close(1000);
          resolve();
        });
      }),
  };
}

/** `{"Width":80,"Height":24}`. */
export function sized(content: Buffer, resize: (columns: number, rows: number) => void): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString('utf8'));
  } catch {
    return; // A size that cannot be read changes nothing.
  }
  const { Width, Height } = (parsed ?? {}) as { Width?: unknown; Height?: unknown };
  if (Number.isInteger(Width) && Number.isInteger(Height)) resize(Width as number, Height as number);
}

/** True when the client wants SPDY frames inside WebSocket messages. */
export const isTunnel = ({ headers }: HttpUpgrade): boolean =>
  String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .some((protocol) => protocol.trim() === tunnel);

/** The tunnel as a plain stream of bytes. */
export async function webSocketTunnel(upgrade: HttpUpgrade): Promise<Duplex> {
  // The name has a slash, which RFC 6455 forbids and ws refuses: it is taken out of the request and put into the answer.
  const { 'sec-websocket-protocol': _protocol, ...headers } = upgrade.headers;
  const server = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax, perMessageDeflate: false });
  server.on('headers', (lines) => void lines.push(`Sec-WebSocket-Protocol: ${tunnel}`));
  const request = { method: upgrade.method, url: upgrade.url, headers } as unknown as UpgradeRequest;
  const socket = await new Promise<WebSocket>((resolve, reject) => {
    upgrade.socket.once('error', reject);
    server.handleUpgrade(request, upgrade.socket, upgrade.head, (each) => resolve(each));
  });
  const stream: Duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      if (socket.readyState !== socket.OPEN) return done();
      socket.send(chunk, { binary: true }, () => done());
      return undefined;
    },
    final: (done) => {
      socket.close(1000);
      done();
    },
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  socket.on('message', (data: Buffer) => {
    if (!stream.push(data)) socket.pause();
  });
  socket.on('close', () => {
    stream.push(null);
    stream.destroy();
  });
  socket.on('error', () => socket.terminate());
  return stream;
}
