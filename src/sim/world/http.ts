/**
 * One HTTP exchange between two simulated machines: the server's handlers are the real ones, the wire is a promise for every packet. It carries what gRPC needs, one body or
 * a stream each way, in order, with trailers. What happens to a packet is for the `Way` to say; this must never lose or reorder one itself.
 */
import { Readable } from 'node:stream';
import {
  NetworkError,
  type Clock,
  type HttpAnswerOptions,
  type HttpClientRequest,
  type HttpClientResponse,
  type HttpExchange,
  type HttpHeaders,
} from '#world/world.ts';

/** What a packet goes through. */
export interface Way {
  /** Resolves when it has arrived; rejects when the connection breaks on its way. */
  there(): Promise<void>;
  back(): Promise<void>;
}

export interface Exchange {
  readonly response: Promise<HttpClientResponse>;
  /** The connection breaks, for both. */
  reset(error: Error): void;
  /** The server's side ends it with these trailers, behind everything it has said; one that was never answered is answered with them. */
  finish(trailers: HttpHeaders): void;
  /** Resolves when nothing more is said. */
  readonly over: Promise<void>;
}

/** A write past this tells the server that its client is slow. */
const bufferedBytesMax = 64 * 1024;

export function exchangeOver(
  clock: Clock,
  request: HttpClientRequest,
  { way, handle }: { readonly way: Way; readonly handle: (exchange: HttpExchange) => void },
): Exchange {
  const answered = Promise.withResolvers<HttpClientResponse>();
  const over = Promise.withResolvers<void>();
  const gone = new AbortController();
  const [toServer, toClient] = [lane(() => way.there()), lane(() => way.back())];
  const url = new URL(request.url);
  let trailers: HttpHeaders = {};
  let isOver = false;

  const end = (): boolean => {
    if (isOver) return false;
    isOver = true;
    timer?.cancel();
    request.signal?.removeEventListener('abort', onAbort);
    over.resolve();
    return true;
  };
  const reset = (error: Error): void => {
    if (!end()) return;
    answered.reject(error);
    toClient.body.destroy(error);
    toServer.body.push(null);
    gone.abort(error);
  };
  /** The client has had enough. What it asked is on its way or done all the same; a stream learns of it later. */
  const leave = (reason: unknown): void => {
    if (!end()) return;
    const error = reason instanceof Error ? reason : new NetworkError('ECONNRESET', String(reason));
    answered.reject(error);
    toClient.body.destroy(error);
    if (!isStream) return;
    void toServer.send(() => {
      toServer.body.push(null);
      gone.abort(error);
    }, ignore);
  };
  const onAbort = (): void => leave(request.signal?.reason);
  const late = (): void => leave(new NetworkError('ETIMEDOUT', `no answer within ${request.timeoutMs} ms`));
  request.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = request.timeoutMs === undefined ? undefined : clock.after(request.timeoutMs, late);

  let isAnswered = false;
  const answer = (status: number, headers: HttpHeaders): void => {
    isAnswered = true;
    timer?.cancel();
    answered.resolve({
      status,
      headers,
      body: toClient.body,
      async bytes() {
        const chunks: Buffer[] = [];
        for await (const chunk of toClient.body) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks);
      },
      trailers: async () => trailers,
    });
  };
  const say = (work: () => void): void => void toClient.send(() => void (isOver || work()), reset);
  const finish = (last: HttpHeaders): void =>
    say(() => {
      // Nothing was said before: then it is said where the headers are.
      if (!isAnswered) answer(200, last);
      trailers = last;
      toClient.body.push(null);
      end();
      toServer.body.push(null);
      gone.abort();
    });
  const { body } = request;
  const isStream = body instanceof Readable;
  const exchange: HttpExchange = {
    method: request.method,
    url: url.pathname + url.search,
    headers: request.headers ?? {},
    httpVersion: '2',
    remoteAddress: '192.0.2.1',
    signal: gone.signal,
    body: async () => (isStream || body === undefined ? Buffer.alloc(0) : Buffer.from(body)),
    bodyStream: toServer.body,
    hasBody: body !== undefined,
    respond(status, headers, content, options) {
      const last = options?.trailers?.() ?? {};
      say(() => {
        if (content !== undefined) toClient.body.push(Buffer.from(content));
        trailers = last;
        toClient.body.push(null);
        answer(status, headers);
        end();
      });
    },
    stream(status, headers, options: HttpAnswerOptions = {}) {
      let buffered = 0;
      say(() => answer(status, headers));
      const write = (chunk: Uint8Array | string): boolean => {
        const bytes = Buffer.from(chunk);
        buffered += bytes.length;
        say(() => {
          buffered -= bytes.length;
          toClient.body.push(bytes);
        });
        return buffered < bufferedBytesMax;
      };
      return {
        write,
        writeAll: (chunks) => chunks.map(write).at(-1) ?? true,
        drained: () => Promise.race([toClient.sent(), over.promise]),
        end(chunk) {
          if (chunk !== undefined) write(chunk);
          finish(options.trailers?.() ?? {});
        },
        get bufferedBytes() {
          return buffered;
        },
        get writable(): never {
          throw new Error('a simulated answer is written in pieces');
        },
      };
    },
  };
  if (isStream) {
    body.on('data', (chunk: Buffer) => void toServer.send(() => void toServer.body.push(chunk), reset));
    body.on('error', ignore);
    body.on('close', () => leave(new NetworkError('ECONNRESET', 'the client closed the stream')));
  }
  void toServer.send(() => handle(exchange), reset);
  return { response: answered.promise, reset, finish, over: over.promise };
}

/** One direction: packets are under way together and arrive in order. */
function lane(pass: () => Promise<void>) {
  const body = new Readable({ read: ignore });
  // What breaks is told through the exchange; the event itself must only not go unheard.
  body.on('error', ignore);
  let tail: Promise<void> = Promise.resolve();
  return {
    body,
    sent: (): Promise<void> => tail,
    send(arrive: () => void, broken: (error: Error) => void): Promise<void> {
      const before = tail;
      const way = pass();
      tail = (async () => {
        // Heard at once, though its turn comes later.
        const [, passed] = await Promise.allSettled([before, way]);
        if (passed.status === 'rejected') broken(passed.reason as Error);
        else arrive();
      })();
      return tail;
    },
  };
}

function ignore(): void {}
