/**
 * One request and answer on an HTTP/2 stream. This is the hottest object of the API server: it allocates nothing that a
 * plain GET does not need (no AbortController, no listeners beyond one for errors).
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import type { HttpAnswerOptions, HttpExchange, HttpHeaders, HttpRequestHead, HttpResponseStream } from '../world.ts';
import type { Connection } from './http-peer.ts';
import { failWhenBrokenOff, readBody } from './http-body.ts';

const empty = Buffer.alloc(0);
/** A client measures at most so often: each frame of an answer is no longer. */
const measuredBytes = 16 * 1024;
const endAtOnce = { endStream: true };
const withTrailers = { waitForTrailers: true };

/** A reset or broken stream is told through `signal` and `drained`; the event itself must only not go unheard. */
function ignoreStreamError(): void {}

export class Http2Exchange implements HttpExchange {
  readonly httpVersion = '2' as const;
  readonly headers: HttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Connection;
  #abort: AbortController | undefined;
  #overflowed = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Connection) {
    this.#stream = stream;
    this.#connection = connection;
    if (headers.host === undefined && headers[':authority'] !== undefined) headers.host = headers[':authority'];
    this.headers = headers;
    stream.on('error', ignoreStreamError);
    if (!stream.endAfterHeaders) failWhenBrokenOff(stream, 'the body');
  }

  get method(): string {
    return this.headers[':method'] as string;
  }

  get url(): string {
    return this.headers[':path'] as string;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  // `peer` must be absent, not undefined, for the type; the getter is on the prototype and the difference is not visible.
  get peer(): NonNullable<HttpRequestHead['peer']> {
    return this.#connection.peer as NonNullable<HttpRequestHead['peer']>;
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = (this.#abort = new AbortController());
      const stream = this.#stream;
      const onClose = (): void => {
        if (!stream.writableFinished || stream.aborted) abort.abort(new Error('the client went away'));
      };
      if (stream.destroyed || stream.closed) onClose();
      else stream.once('close', onClose);
    }
    return this.#abort.signal;
  }

  get bodyStream(): Readable {
    return this.#stream;
  }

  get hasBody(): boolean {
    return !this.#stream.endAfterHeaders;
  }

  body(limitBytes: number): Promise<Buffer> {
    if (this.#stream.endAfterHeaders) return Promise.resolve(empty);
    return readBody(this.#stream, {
      declared: this.headers['content-length'],
      limitBytes,
      timeoutMs: this.#connection.bodyTimeoutMs,
      onRefused: () => {
        // Flow control holds the rest back: the stream is paused and closed after the answer; its neighbours go on.
        this.#overflowed = true;
        this.#stream.pause();
      },
    });
  }

  respond(status: number, headers: HttpHeaders, body?: Uint8Array | string, options?: HttpAnswerOptions): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const out = outgoing(status, headers);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    countAnswer(this.#connection, bytes?.length ?? 0);
    if (bytes !== undefined && out['content-length'] === undefined) out['content-length'] = bytes.length;
    if (bytes === undefined || bytes.length === 0 || this.method === 'HEAD') {
      stream.respond(out, endAtOnce);
    } else {
      if (options?.trailers) sendTrailers(stream, options.trailers);
      stream.respond(out, options?.trailers ? withTrailers : undefined);
      if (!stream.writableEnded) stream.end(bytes);
      this.#connection.unsent.add(stream, bytes.length, () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM));
    }
    if (this.#overflowed) closeWhenSent(stream);
    // As in Go: "Connection: close" has no place in HTTP/2, but its meaning has. Other streams run to their end.
    if (headers['connection'] === 'close') stream.session?.close();
  }

  stream(status: number, headers: HttpHeaders, options?: HttpAnswerOptions): HttpResponseStream {
    const stream = this.#stream;
    const trailers = options?.trailers;
    if (!stream.destroyed && !stream.closed) {
      if (trailers) sendTrailers(stream, trailers);
      stream.respond(
        outgoing(status, headers),
        this.method === 'HEAD' ? endAtOnce : trailers ? withTrailers : undefined,
      );
    }
    if (this.#overflowed) closeWhenSent(stream);
    return new ResponseStream(stream, this.#connection);
  }
}

/** Of one answer or a part of it, which a client may measure. */
function countAnswer(connection: Connection, bytes: number): void {
  connection.answered += 1 + bytes / measuredBytes;
}

function sendTrailers(stream: ServerHttp2Stream, trailers: () => HttpHeaders): void {
  stream.once('wantTrailers', () => {
    // A stream that broke meanwhile takes none.
    if (!stream.destroyed && !stream.closed) stream.sendTrailers(trailers() as OutgoingHttpHeaders);
  });
}

function outgoing(status: number, headers: HttpHeaders): OutgoingHttpHeaders {
  const out = { ':status': status, ...headers } as OutgoingHttpHeaders;
  // Proxied answers bring what belongs to an HTTP/1.1 connection and has no place here (RFC 9113, 8.2.2).
  if (out.connection !== undefined) delete out.connection;
  if (out['transfer-encoding'] !== undefined) delete out['transfer-encoding'];
  if (out['keep-alive'] !== undefined) delete out['keep-alive'];
  if (out.upgrade !== undefined) delete out.upgrade;
  return out;
}

function closeWhenSent(stream: ServerHttp2Stream): void {
  const close = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
  if (stream.writableFinished) close();
  else stream.once('finish', close);
}

/** Both protocols' streamed answer: a thin face over a Writable that is never written to after its end. */
export class ResponseStream implements HttpResponseStream {
  readonly writable: Writable;
  readonly #connection: Connection | undefined;

  constructor(writable: Writable, connection?: Connection) {
    this.writable = writable;
    this.#connection = connection;
  }

  get bufferedBytes(): number {
    return this.writable.writableLength;
  }

  write(chunk: Uint8Array | string): boolean {
    const { writable } = this;
    if (writable.destroyed || writable.writableEnded) return false;
    if (this.#connection) countAnswer(this.#connection, chunk.length);
    return writable.write(chunk);
  }

  writeAll(chunks: readonly Uint8Array[]): boolean {
    const { writable } = this;
    if (writable.destroyed || writable.writableEnded) return false;
    // Corked writes reach the socket as one vector.
    writable.cork();
    let taken = true;
    for (const chunk of chunks) {
      if (this.#connection) countAnswer(this.#connection, chunk.length);
      taken = writable.write(chunk);
    }
    writable.uncork();
    return taken;
  }

  drained(): Promise<void> {
    const { writable } = this;
    if (writable.destroyed || writable.writableEnded || !writable.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        writable.removeListener('drain', done);
        writable.removeListener('close', done);
        resolve();
      };
      writable.on('drain', done);
      writable.on('close', done);
    });
  }

  end(chunk?: Uint8Array | string): void {
    const { writable } = this;
    if (writable.destroyed || writable.writableEnded) return;
    if (this.#connection) countAnswer(this.#connection, chunk?.length ?? 0);
    if (chunk === undefined) writable.end();
    else writable.end(chunk);
  }
}
