/**
 * Connections that the caller makes (`HttpClientRequest.via`): the bytes go through another machine, TLS is spoken inside. Kept and reused like
 * connections of our own, but never across different `via` keys.
 */
import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { NetworkError, type HttpClientRequest, type HttpVia } from '../world.ts';
import { tlsOptions, type Target } from './http-target.ts';
import { networkError } from './tcp.ts';

/** The machine in between may have gone without a word: an unused connection is not kept long. */
const idleTimeoutMs = 30_000;
const handshakeTimeoutMs = 10_000;

/** One connection to the target, ready for HTTP/1.1. */
export async function connectVia(via: HttpVia, target: Target, tls: HttpClientRequest['tls']): Promise<Duplex> {
  const socket = await via.dial();
  // Whoever uses the connection sees its end; the event itself must only not go unheard.
  socket.on('error', () => undefined);
  if (!target.secure) return socket;
  return new Promise<TLSSocket>((resolve, reject) => {
    const secure = connectTls({ ...tlsOptions(target, tls), ALPNProtocols: ['http/1.1'], socket });
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      secure.destroy();
      socket.destroy();
      reject(networkError(error, target.label));
    };
    const timer = setTimeout(
      () => fail(new NetworkError('ETIMEDOUT', `${target.label}: no TLS handshake within ${handshakeTimeoutMs} ms`)),
      handshakeTimeoutMs,
    );
    const closed = (): void => fail(new NetworkError('ECONNRESET', `${target.label}: the connection was closed`));
    secure.once('error', fail);
    secure.once('close', closed);
    secure.once('secureConnect', () => {
      clearTimeout(timer);
      secure.off('error', fail).off('close', closed);
      secure.on('error', () => undefined);
      resolve(secure);
    });
  });
}

/** Keeps connections to one target through one `via`. */
export class ViaAgent extends Agent {
  readonly #via: HttpVia;
  readonly #target: Target;
  readonly #tls: HttpClientRequest['tls'];

  constructor(via: HttpVia, target: Target, tls: HttpClientRequest['tls']) {
    super({ keepAlive: true, maxSockets: 64, maxFreeSockets: 4, timeout: idleTimeoutMs });
    this.#via = via;
    this.#target = target;
    this.#tls = tls;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    connectVia(this.#via, this.#target, this.#tls).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
