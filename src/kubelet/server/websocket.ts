/**
 * WebSocket as clients speak it: for exec and attach `v5.channel.k8s.io` (kubectl), v4 (Python, JavaScript) and the older and base64 forms (browsers); SPDY frames
 * inside messages for port-forward (https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets).
 */
import { Duplex, PassThrough } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { HttpUpgrade } from '#world/world.ts';
import { acceptChannels, feed, messageBytesMax, outputChannel } from './channels.ts';
import type { RemoteOptions, RemoteStreams } from './remote-command.ts';

/** What `ws` reads of a request: method, URL and headers. */
type UpgradeRequest = Parameters<WebSocketServer['handleUpgrade']>[0];

const numbers = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const withStatus = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
/** Before v4 the error channel had plain text, and nothing for success. */
const withText = ['channel.k8s.io', 'base64.channel.k8s.io'];
const tunnel = 'SPDY/3.1+portforward.k8s.io';

/** Streams of a remote command. Throws when the client offers no protocol of ours. */
export async function webSocketStreams(upgrade: HttpUpgrade, options: RemoteOptions): Promise<RemoteStreams> {
  const channels = await acceptChannels(upgrade, [...withStatus, ...withText]);
  const { socket, protocol } = channels;
  const stdin = options.stdin ? new PassThrough() : undefined;
  // The first size often comes before the command stands.
  let size: readonly [columns: number, rows: number] | undefined;
  let resize: (columns: number, rows: number) => void = (...first) => (size = first);
  channels.onMessage((channel, content) => {
    if (channel === numbers.stdin && stdin) feed(channels, stdin, content);
    else if (channel === numbers.resize) sized(content, (columns, rows) => resize(columns, rows));
    // The end of stdin can be told since v5 only; before, it is the end of the connection.
    else if (channel === numbers.close && protocol === withStatus[0] && content[0] === numbers.stdin) stdin?.end();
  });
  socket.on('close', () => stdin?.end());
  const stdout = options.stdout ? outputChannel(channels, numbers.stdout) : undefined;
  const stderr = options.stderr ? outputChannel(channels, numbers.stderr) : undefined;
  // An empty message tells the client that the streams stand.
  void channels.send(stdout ? numbers.stdout : stderr ? numbers.stderr : numbers.error, Buffer.alloc(0));
  return {
    stdin,
    stdout,
    stderr,
    onResize(listener) {
      resize = listener;
      if (size) listener(...size);
    },
    onClose: (listener) => socket.on('close', listener),
    finish: async (status) => {
      const text = withStatus.includes(protocol) ? status : textOf(status);
      if (text !== '') await channels.send(numbers.error, Buffer.from(text));
      socket.close(1000);
    },
  };
}

function textOf(status: string): string {
  const { status: outcome, message } = JSON.parse(status) as { status: string; message?: string };
  return outcome === 'Success' ? '' : (message ?? '');
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
