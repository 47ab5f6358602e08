/**
 * Several streams over one WebSocket, as Kubernetes numbers them: a channel's number stands before each message, as a byte (`channel.k8s.io`) or as a digit before
 * base64 text (`base64.channel.k8s.io`, for browsers). Messages are hostile: an unknown channel or form is dropped, never an error of ours.
 */
import { Writable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { badRequest } from '#meta/status.ts';
import type { HttpUpgrade } from '#world/world.ts';

/** What `ws` reads of a request: method, URL and headers. */
type UpgradeRequest = Parameters<WebSocketServer['handleUpgrade']>[0];

export const isWebSocket = ({ headers }: HttpUpgrade): boolean =>
  String(headers['upgrade'] ?? '').toLowerCase() === 'websocket';

/** A message from a client; kubectl sends at most 32 kB. */
export const messageBytesMax = 16 * 1024 * 1024;

export interface Channels {
  /** The subprotocol that was agreed on; empty when the client named none. */
  readonly protocol: string;
  readonly socket: WebSocket;
  /** Resolves when the message has left, or can no longer. */
  send(channel: number, content: Uint8Array): Promise<void>;
  /** Called with every message; what cannot be read is dropped. */
  onMessage(listener: (channel: number, content: Buffer) => void): void;
}

/** The handshake's answer. Throws BadRequest when the client offers only what is not known; offering nothing is the first protocol's form. */
export async function acceptChannels(upgrade: HttpUpgrade, known: readonly string[]): Promise<Channels> {
  const offered = String(upgrade.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const protocol = offered.find((each) => known.includes(each)) ?? '';
  if (protocol === '' && offered.length > 0)
    throw badRequest(`unable to upgrade: no supported subprotocol; one of ${known.join(', ')} is needed`);
  const socket = await accept(upgrade, protocol);
  const base64 = protocol.includes('base64');
  socket.on('error', () => socket.terminate());
  return {
    protocol,
    socket,
    send: (channel, content) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN) return resolve();
        if (base64)
          return socket.send(
            `${String.fromCharCode(0x30 + channel)}${Buffer.from(content).toString('base64')}`,
            { binary: false },
            () => resolve(),
          );
        const message = Buffer.allocUnsafe(content.length + 1);
        message[0] = channel;
        message.set(content, 1);
        return socket.send(message, { binary: true }, () => resolve());
      }),
    onMessage: (listener) =>
      void socket.on('message', (data: Buffer, binary: boolean) => {
        const message = Buffer.isBuffer(data) ? data : Buffer.from(data as unknown as ArrayBuffer);
        const [first] = message;
        if (first === undefined || binary === base64) return;
        if (base64) listener(first - 0x30, Buffer.from(message.toString('latin1', 1), 'base64'));
        else listener(first, message.subarray(1));
      }),
  };
}

function accept(upgrade: HttpUpgrade, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    handleProtocols: () => protocol || false,
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    upgrade.socket.once('error', reject);
    const { method, url, headers } = upgrade;
    const request = { method, url, headers: { ...headers } } as unknown as UpgradeRequest;
    server.handleUpgrade(request, upgrade.socket, upgrade.head, (socket) => resolve(socket));
  });
}

/** A channel that is written to; a slow client slows the writer. */
export const outputChannel = (channels: Channels, channel: number): Writable =>
  new Writable({ write: (chunk: Buffer, _encoding, done) => void channels.send(channel, chunk).then(() => done()) });

/** Writes what came over a channel, and reads no more from the client until it is taken. */
export function feed(channels: Channels, target: Writable, content: Buffer): void {
  if (target.writableEnded || target.destroyed || target.write(content)) return;
  channels.socket.pause();
  const on = (): void => {
    target.off('drain', on).off('close', on);
    channels.socket.resume();
  };
  target.on('drain', on).on('close', on);
}
