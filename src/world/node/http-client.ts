/**
 * The HTTP client: requests over shared HTTP/2 sessions or kept-alive HTTP/1.1 connections, and HTTP/1.1 upgrades. It retries
 * only what certainly was not processed (a stream refused by the peer, a kept connection that was closed before the
 * request); anything else is the caller's decision.
 */
import {
  Agent as PlainAgent,
  request as plainRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { constants, type ClientHttp2Stream } from 'node:http2';
import { Agent as TlsAgent, request as tlsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { Readable, pipeline, type Duplex } from 'node:stream';
import { NetworkError, type HttpClientRequest, type HttpClientResponse, type HttpHeaders } from '../world.ts';
import { Http2Pool, type Lease } from './http2-pool.ts';
import { failWhenBrokenOff, readBody } from './http-body.ts';
import { targetOf, tlsOptions, type Target } from './http-target.ts';
import { connectVia, ViaAgent } from './http-via.ts';
import { networkError } from './tcp.ts';

/** Per target; a busy HTTP/1.1 peer gets no more connections than this, further requests wait. */
const http1SocketsMax = 256;
const http1IdleSocketsMax = 16;
/** Targets with an HTTP/1.1 agent kept: probes reach thousands of addresses, each agent is an object of some hundred bytes. */
const agentsMax = 1_024;
const connectionHeaders = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
const bodyBytesDefaultMax = 256 * 1024 * 1024;

export class HttpClient {
  readonly #pool = new Http2Pool();
  readonly #agents = new Map<string, PlainAgent | TlsAgent>();

  async request(request: HttpClientRequest): Promise<HttpClientResponse> {
    request.signal?.throwIfAborted();
    const target = targetOf(request);
    for (let attempt = 0; ; attempt++) {
      try {
        const startedAt = performance.now();
        const session = await this.#pool.session(target, request);
        const rest =
          request.timeoutMs === undefined
            ? {}
            : { timeoutMs: Math.max(1, request.timeoutMs - (performance.now() - startedAt)) };
        const left = { ...request, ...rest };
        return session ? await overHttp2(session, target, left) : await this.#overHttp1(target, left);
      } catch (error) {
        if (attempt >= 2 || !(error instanceof NotProcessed) || request.body instanceof Readable) {
          throw error instanceof NotProcessed ? networkError(error.cause, `${request.method} ${target.label}`) : error;
        }
      }
    }
  }

  async upgrade(
    request: HttpClientRequest,
  ): Promise<{ socket: Duplex; head: Buffer; headers: HttpHeaders } | HttpClientResponse> {
    request.signal?.throwIfAborted();
    const target = targetOf(request);
    const headers = { connection: 'Upgrade', ...request.headers };
    const connection = request.via && (await connectVia(request.via, target, request.tls));
    return new Promise((resolve, reject) => {
      const outgoing = this.#open(target, { ...request, headers }, { pooled: false, connection });
      const settle = watchOver(outgoing, request, target, reject);
      outgoing.once('upgrade', (response: IncomingMessage, socket: Socket, head: Buffer) => {
        settle();
        socket.setTimeout(0);
        socket.on('error', () => {});
        if (request.signal) abortWith(request.signal, socket);
        resolve({ socket, head, headers: response.headers });
      });
      outgoing.once('response', (response) => {
        settle();
        resolve(http1Response(response, request));
      });
      outgoing.end(request.body instanceof Readable ? undefined : request.body);
    });
  }

  #overHttp1(target: Target, request: HttpClientRequest): Promise<HttpClientResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#open(target, request, { pooled: true });
      const fail = (error: unknown): void => {
        const { code } = error as NodeJS.ErrnoException;
        const stale = outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
        reject(stale ? new NotProcessed(error) : error);
      };
      const settle = watchOver(outgoing, request, target, fail);
      let answered = false;
      outgoing.once('response', (response) => {
        answered = true;
        settle();
        resolve(http1Response(response, request));
      });
      const { body } = request;
      if (body instanceof Readable) {
        pipeline(body, outgoing, (error) => {
          // An answer that came before the body's end (413, 401) is an answer; the rest of the upload is nobody's business.
          if (error && !answered) outgoing.destroy(error);
        });
      } else {
        outgoing.end(body);
      }
    });
  }

  #open(
    target: Target,
    request: HttpClientRequest,
    { pooled, connection }: { readonly pooled: boolean; readonly connection?: Duplex | undefined },
  ): ClientRequest {
    // Whoever brings connections has spoken TLS already.
    const secure = target.secure && !request.via;
    const options: RequestOptions = {
      method: request.method,
      path: target.path,
      host: target.host,
      port: target.port,
      headers: http1Headers(target, request),
      // Node asks for a connection only where there is no agent at all.
      ...(connection === undefined
        ? { agent: pooled ? this.#agent(target, request) : false }
        : { createConnection: () => connection }),
      ...(target.socketPath === undefined ? {} : { socketPath: target.socketPath }),
      ...(secure ? { ...tlsOptions(target, request.tls), ALPNProtocols: ['http/1.1'] } : {}),
    };
    try {
      return secure ? tlsRequest(options) : plainRequest(options);
    } catch (error) {
      throw networkError(error, `${request.method} ${target.label}`);
    }
  }

  #agent(target: Target, { via, tls }: HttpClientRequest): PlainAgent | TlsAgent {
    let agent = this.#agents.get(target.key);
    if (agent) {
      this.#agents.delete(target.key);
    } else if (via) {
      agent = new ViaAgent(via, target, tls);
    } else {
      const options = {
        keepAlive: true,
        maxSockets: http1SocketsMax,
        maxFreeSockets: http1IdleSocketsMax,
        noDelay: true,
      };
      agent = target.secure ? new TlsAgent(options) : new PlainAgent(options);
    }
    this.#agents.set(target.key, agent);
    if (this.#agents.size > agentsMax) {
      const [oldest] = this.#agents.keys();
      // Sockets in use finish on their own; without an agent nobody would reuse the idle ones.
      const dropped = this.#agents.get(oldest as string);
      this.#agents.delete(oldest as string);
      for (const list of Object.values(dropped?.freeSockets ?? {})) for (const socket of list ?? []) socket.destroy();
    }
    return agent;
  }
}

/** The request certainly had no effect: the peer refused it, or closed the connection before it was sent. */
class NotProcessed extends Error {
  constructor(cause: unknown) {
    super('the request was not processed', { cause });
  }
}

function overHttp2(session: Lease, target: Target, request: HttpClientRequest): Promise<HttpClientResponse> {
  const { body, signal, timeoutMs } = request;
  return new Promise((resolve, reject) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(http2Headers(target, request, bytes), { endStream: bytes === undefined });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const gone = code === 'ERR_HTTP2_INVALID_SESSION' || code === 'ERR_HTTP2_GOAWAY_SESSION';
      reject(gone ? new NotProcessed(error) : error);
      return;
    }
    failWhenBrokenOff(stream, `${request.method} ${target.label}: the answer`);
    let answered = false;
    const onError = (error: Error): void => {
      if (answered) return;
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      settle();
      reject(
        signal?.aborted
          ? signal.reason
          : refused
            ? new NotProcessed(error)
            : networkError(error, `${request.method} ${target.label}`),
      );
    };
    const onClose = (): void => {
      if (!answered)
        onError(new NetworkError('ECONNRESET', `${request.method} ${target.label}: the connection was closed`));
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            stream.destroy(
              new NetworkError('ETIMEDOUT', `${request.method} ${target.label}: no answer within ${timeoutMs} ms`),
            );
          }, timeoutMs);
    const settle = (): void => {
      answered = true;
      clearTimeout(timer);
    };
    // Stays for the body's life: its errors are seen by whoever reads it and must not stop the process when nobody does.
    stream.on('error', onError);
    stream.once('close', onClose);
    if (signal) abortWith(signal, stream);
    stream.once('response', (headers) => {
      settle();
      const status = headers[':status'] as number;
      resolve(
        responseOf(status, headers, { body: stream, trailers: () => trailersOf(stream, () => trailers), request }),
      );
    });
    let trailers: HttpHeaders | undefined;
    stream.once('trailers', (received) => (trailers = received));
    if (bytes instanceof Readable) {
      pipeline(bytes, stream, (error) => {
        if (error && !answered) stream.destroy(error);
      });
    } else if (bytes !== undefined) {
      stream.end(bytes);
    }
  });
}

function http2Headers(
  target: Target,
  request: HttpClientRequest,
  body: Uint8Array | Readable | undefined,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ':method': request.method,
    ':path': target.path,
    ':scheme': target.secure ? 'https' : 'http',
    ':authority': target.authority,
  };
  for (const name in request.headers) {
    const lower = name.toLowerCase();
    const value = request.headers[name] as string | string[] | undefined;
    if (lower === 'host') headers[':authority'] = value as string;
    // What belongs to one HTTP/1.1 connection has no place in HTTP/2 (RFC 9113, 8.2.2).
    else if (!connectionHeaders.has(lower)) headers[lower] = value;
  }
  if (body instanceof Uint8Array && headers['content-length'] === undefined) headers['content-length'] = body.length;
  return headers;
}

function http1Headers(target: Target, request: HttpClientRequest): OutgoingHttpHeaders {
  const headers = { host: target.authority, ...request.headers } as OutgoingHttpHeaders;
  const { body } = request;
  if (typeof body === 'string' || body instanceof Uint8Array) headers['content-length'] ??= Buffer.byteLength(body);
  return headers;
}

/** Errors, time-out and abort of a request until `settle` is called; afterwards abort destroys the body. */
function watchOver(
  outgoing: ClientRequest,
  request: HttpClientRequest,
  target: Target,
  reject: (error: unknown) => void,
): () => void {
  const { signal, timeoutMs } = request;
  const label = `${request.method} ${target.label}`;
  let settled = false;
  const fail = (error: unknown): void => {
    if (settled) return;
    settle();
    reject(signal?.aborted ? signal.reason : networkError(error, label));
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          fail(new NetworkError('ETIMEDOUT', `${label}: no answer within ${timeoutMs} ms`));
          outgoing.destroy();
        }, timeoutMs);
  const onAbort = (): void => {
    fail(signal?.reason);
    outgoing.destroy();
  };
  const settle = (): void => {
    settled = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  outgoing.on('error', fail);
  outgoing.once('close', () => fail(new NetworkError('ECONNRESET', `${label}: the connection was closed`)));
  return settle;
}

function http1Response(message: IncomingMessage, request: HttpClientRequest): HttpClientResponse {
  message.on('error', () => {});
  if (request.signal) abortWith(request.signal, message);
  const trailers = (): Promise<HttpHeaders> =>
    trailersOf(message, () => (message.complete ? message.trailers : undefined));
  return responseOf(message.statusCode as number, message.headers, { body: message, trailers, request });
}

/** Trailers that have come, or will until the stream closes. */
function trailersOf(stream: Readable, received: () => HttpHeaders | undefined): Promise<HttpHeaders> {
  const now = received();
  if (now !== undefined || stream.closed) return Promise.resolve(now ?? {});
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('trailers', done).off('close', done);
      resolve(received() ?? {});
    };
    stream.once('trailers', done);
    stream.once('close', done);
  });
}

function responseOf(
  status: number,
  headers: HttpHeaders,
  rest: {
    readonly body: Readable;
    readonly trailers: () => Promise<HttpHeaders>;
    readonly request: HttpClientRequest;
  },
): HttpClientResponse {
  const { body, trailers, request } = rest;
  return {
    status,
    headers,
    body,
    trailers,
    async bytes(limitBytes = bodyBytesDefaultMax) {
      try {
        const declared = request.method === 'HEAD' ? undefined : headers['content-length'];
        return await readBody(body, { declared, limitBytes, onRefused: () => void body.destroy() });
      } catch (error) {
        throw request.signal?.aborted ? request.signal.reason : error;
      }
    },
  };
}

/** Destroys the stream with the signal's reason, and forgets the signal when the stream closes first. */
function abortWith(signal: AbortSignal, stream: Duplex | Readable): void {
  const onAbort = (): void => {
    if ('rstCode' in stream) (stream as ClientHttp2Stream).close(constants.NGHTTP2_CANCEL);
    stream.destroy(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
  };
  if (signal.aborted) {
    onAbort();
    return;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', onAbort));
}
