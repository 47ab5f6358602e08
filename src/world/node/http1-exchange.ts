/**
 * One request and answer over HTTP/1.1, with the same face as over HTTP/2. Old clients, WebSocket handshakes and probes use
 * it; the hot path is HTTP/2.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { HttpExchange, HttpHeaders, HttpRequestHead, HttpResponseStream } from '../world.ts';
import type { Connection } from './http-peer.ts';
import { readBody } from './http-body.ts';
import { ResponseStream } from './http2-exchange.ts';

/** A refused body up to this size is read and thrown away, so that the connection can serve the next request. */
const discardBytesMax = 16 * 1024 * 1024;
/** A longer one is discarded for this long, so that the client reads our answer before the connection is reset. */
const lingerMs = 1_000;

export class Http1Exchange implements HttpExchange {
  readonly httpVersion = '1.1' as const;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  #abort: AbortController | undefined;
  #linger = false;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection) {
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    // Broken connections are told through `signal`; the events themselves must only not go unheard.
    request.on('error', () => {});
    response.on('error', () => {});
  }

  get method(): string {
    return this.#request.method as string;
  }

  get url(): string {
    return this.#request.url as string;
  }

  get headers(): HttpHeaders {
    return this.#request.headers;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get peer(): NonNullable<HttpRequestHead['peer']> {
    return this.#connection.peer as NonNullable<HttpRequestHead['peer']>;
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = (this.#abort = new AbortController());
      const response = this.#response;
      const onClose = (): void => {
        if (!response.writableFinished) abort.abort(new Error('the client went away'));
      };
      if (response.closed || response.destroyed) onClose();
      else response.once('close', onClose);
    }
    return this.#abort.signal;
  }

  get bodyStream(): Readable {
    return this.#request;
  }

  get hasBody(): boolean {
    const { headers } = this.#request;
    return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  }

  body(limitBytes: number): Promise<Buffer> {
    const declared = this.#request.headers['content-length'];
    const { bodyTimeoutMs } = this.#connection;
    const startedAt = performance.now();
    return readBody(this.#request, {
      declared,
      limitBytes,
      timeoutMs: bodyTimeoutMs,
      onRefused: () => {
        const slow = performance.now() - startedAt >= bodyTimeoutMs;
        if (slow || declared === undefined || Number(declared) > discardBytesMax) this.#linger = true;
        this.#request.resume();
      },
    });
  }

  respond(status: number, headers: HttpHeaders, body?: Uint8Array | string): void {
    const response = this.#response;
    if (response.destroyed || response.headersSent) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const out = { ...headers } as OutgoingHttpHeaders;
    if (status !== 204 && status !== 304 && status >= 200 && out['content-length'] === undefined) {
      if (bytes !== undefined || this.method !== 'HEAD') out['content-length'] = bytes?.length ?? 0;
    }
    if (this.#linger) out.connection = 'close';
    response.writeHead(status, out);
    if (!this.#linger) {
      response.end(bytes);
      if (bytes) this.#connection.unsent.add(response, bytes.length, () => response.destroy());
      return;
    }
    if (bytes) response.write(bytes);
    else response.flushHeaders();
    this.#endLater();
  }

  stream(status: number, headers: HttpHeaders): HttpResponseStream {
    const response = this.#response;
    if (!response.destroyed && !response.headersSent) {
      response.writeHead(status, { ...headers } as OutgoingHttpHeaders);
      response.flushHeaders();
    }
    return new ResponseStream(response);
  }

  #endLater(): void {
    const request = this.#request;
    const end = (): void => {
      clearTimeout(timer);
      request.removeListener('end', end);
      request.removeListener('close', end);
      this.#response.end();
    };
    const timer = setTimeout(end, lingerMs);
    request.on('end', end);
    request.on('close', end);
  }
}
