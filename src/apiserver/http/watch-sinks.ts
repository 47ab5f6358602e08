/**
 * What carries a watch: the body of an HTTP response, or WebSocket messages for browsers and for clients behind proxies that buffer bodies
 * (one message per event; text for JSON, binary for the other encodings, as upstream).
 */
import { WebSocketServer, type WebSocket } from 'ws';
import { badRequest } from '#meta/status.ts';
import type { HttpExchange, HttpHeaders, HttpUpgrade } from '#world/world.ts';
import { offeredProtocols } from '../authn/websocket-token.ts';
import { messageOf } from './encode.ts';
import { mediaTypes, streamTypes, type Encoding } from './negotiate.ts';
import type { FrameSink } from './watch-stream.ts';

const typeOf = (encoding: Encoding): string => (encoding === 'yaml' ? mediaTypes.yaml : streamTypes[encoding]);

/** Frames as the body of a response. */
export function bodySink(exchange: HttpExchange, encoding: Encoding, headers: HttpHeaders): FrameSink {
  const out = exchange.stream(200, { ...headers, 'content-type': typeOf(encoding) });
  return {
    signal: exchange.signal,
    write: (frames) => (frames.length === 1 ? out.write(frames[0] as Buffer) : out.writeAll(frames)),
    drained: () => out.drained(),
    end: () => out.end(),
    destroy: () => void out.writable.destroy(),
  };
}

/** What `ws` reads of a request. */
type UpgradeRequest = Parameters<WebSocketServer['handleUpgrade']>[0];

export const isWebSocket = ({ headers }: HttpUpgrade): boolean =>
  String(headers['upgrade'] ?? '').toLowerCase() === 'websocket';

/** Clients of a watch say nothing but close and pong. */
const messageBytesMax = 4096;
/** Unsent bytes from which a client counts as slow. */
const bufferedBytesMax = 256 * 1024;

/** Frames as messages. Throws BadRequest for a handshake that is none. */
export async function webSocketSink(upgrade: HttpUpgrade, encoding: Encoding): Promise<FrameSink> {
  const offered = offeredProtocols(upgrade.headers);
  if (offered.length > 1) throw badRequest('bad websocket protocol: a watch takes one at most');
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => offered[0] ?? false,
  });
  const { method, url, headers } = upgrade;
  const request = { method, url, headers: { ...headers } } as unknown as UpgradeRequest;
  const socket = await new Promise<WebSocket>((resolve, reject) => {
    const refused = (): void => reject(badRequest('the WebSocket handshake failed'));
    upgrade.socket.once('close', refused);
    server.handleUpgrade(request, upgrade.socket, upgrade.head, (made) => {
      upgrade.socket.off('close', refused);
      resolve(made);
    });
  });
  return sinkOf(socket, upgrade, encoding);
}

function sinkOf(socket: WebSocket, upgrade: HttpUpgrade, encoding: Encoding): FrameSink {
  const gone = new AbortController();
  socket.on('error', () => socket.terminate());
  socket.on('close', () => gone.abort(new Error('the client went away')));
  // What clients say is read and thrown away.
  socket.on('message', () => undefined);
  let caughtUp: (() => void) | undefined;
  const sent = (): void => {
    if (socket.bufferedAmount > bufferedBytesMax && socket.readyState === socket.OPEN) return;
    caughtUp?.();
    caughtUp = undefined;
  };
  socket.on('close', sent);
  return {
    signal: gone.signal,
    write(frames) {
      for (const frame of frames) {
        if (socket.readyState !== socket.OPEN) return true;
        socket.send(messageOf(frame, encoding), { binary: encoding !== 'json' }, sent);
      }
      return socket.bufferedAmount <= bufferedBytesMax;
    },
    drained() {
      if (socket.bufferedAmount <= bufferedBytesMax || socket.readyState !== socket.OPEN) return Promise.resolve();
      return new Promise((resolve) => (caughtUp = resolve));
    },
    end: () => socket.close(1000),
    destroy: () => {
      socket.terminate();
      upgrade.socket.destroy();
    },
  };
}
