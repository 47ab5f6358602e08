/**
 * gRPC as a server, over the World's HTTP/2: the other half of `grpc.ts`. It knows frames, deadlines and status codes
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), no message's content: those are bytes here. It must survive
 * whatever a client sends, and never hold more of it than one message.
 */
import { frame, frameHeaderBytes, grpcCode, GrpcError, lengthOf, messagesIn, type MessageLimits } from './grpc.ts';
import type { HttpExchange, HttpHeaders, HttpResponseStream, Log, Millis, Timer, World } from './world.ts';

/** What is known of a call besides its messages. */
export interface GrpcContext {
  /** Aborted when the client went away or its deadline passed. */
  readonly signal: AbortSignal;
  readonly metadata: HttpHeaders;
}

/** A call with messages both ways, in any order. */
export interface GrpcServerStream extends GrpcContext {
  /** Ends when the client has said everything; throws GrpcError for what is no message. To be read once. */
  readonly messages: AsyncIterable<Buffer>;
  /** False when the client is slow to take what it was sent: `drained` resolves when it has caught up, or is gone. */
  send(message: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: number;
}

/** Throwing a GrpcError ends the call with that status; any other error is a bug of ours and told as "internal". */
export type GrpcMethod =
  | { readonly kind: 'unary'; handle(message: Buffer, context: GrpcContext): Promise<Uint8Array> | Uint8Array }
  | { readonly kind: 'stream'; handle(stream: GrpcServerStream): Promise<void> };

export interface GrpcServerOptions {
  /** The method at `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  /** Of one message of a client's. */
  readonly messageBytesMax: number;
}

const contentType = 'application/grpc';
const answerHeaders: HttpHeaders = { 'content-type': contentType, 'grpc-accept-encoding': 'identity' };
/** Timers take no more: 24 days are as good as none. */
const timeoutMsMax = 2_147_483_647;

/** Whether an exchange is for a gRPC server: others may share its port. */
export const isGrpc = ({ headers }: HttpExchange): boolean =>
  String(headers['content-type'] ?? '').startsWith(contentType);

/** What answers gRPC's exchanges; hand it those only. */
export function grpcHandler(world: World, { methods, messageBytesMax }: GrpcServerOptions) {
  return (exchange: HttpExchange): void => {
    if (exchange.method !== 'POST') {
      exchange.respond(405, { allow: 'POST' });
      return;
    }
    const { headers } = exchange;
    const limits: MessageLimits = {
      bytesMax: messageBytesMax,
      compressed: () =>
        new GrpcError(
          grpcCode.unimplemented,
          `grpc: Decompressor is not installed for grpc-encoding "${String(headers['grpc-encoding'] ?? '')}"`,
        ),
      tooLong: (length) =>
        new GrpcError(
          grpcCode.resourceExhausted,
          `grpc: received message larger than max (${length} vs. ${messageBytesMax})`,
        ),
    };
    const method = methods.get(exchange.url);
    if (!method) {
      const [, service = '', name = ''] = exchange.url.split('/');
      fail(
        exchange,
        new GrpcError(
          grpcCode.unimplemented,
          [...methods.keys()].some((path) => path.startsWith(`/${service}/`))
            ? `unknown method ${name} for service ${service}`
            : `unknown service ${service}`,
        ),
      );
      return;
    }
    const call = new Call(world, exchange);
    if (method.kind === 'unary') void unary(world.log, call, { method, limits });
    else void streamed(world.log, call, { method, limits });
  };
}

/** One call: its deadline, and that it is answered once. */
class Call implements GrpcContext {
  readonly exchange: HttpExchange;
  readonly #late: AbortController | undefined;
  readonly #timer: Timer | undefined;
  #onLate: (() => void) | undefined;
  #signal: AbortSignal | undefined;

  constructor(world: World, exchange: HttpExchange) {
    this.exchange = exchange;
    const timeoutMs = timeoutOf(exchange.headers['grpc-timeout']);
    if (timeoutMs === undefined) return;
    this.#late = new AbortController();
    this.#timer = world.clock.after(timeoutMs, () => this.#expire(), { unref: true });
  }

  get metadata(): HttpHeaders {
    return this.exchange.headers;
  }

  get signal(): AbortSignal {
    const { signal } = this.exchange;
    return (this.#signal ??= this.#late ? AbortSignal.any([signal, this.#late.signal]) : signal);
  }

  get expired(): boolean {
    return this.#late?.signal.aborted ?? false;
  }

  /** Calls `answer` when the deadline passes before `done`. */
  whenLate(answer: () => void): void {
    this.#onLate = answer;
  }

  done(): void {
    this.#timer?.cancel();
  }

  #expire(): void {
    this.#late?.abort(deadlineExceeded());
    this.#onLate?.();
  }
}

const deadlineExceeded = (): GrpcError => new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded');

interface Work<K extends GrpcMethod['kind']> {
  readonly method: Extract<GrpcMethod, { kind: K }>;
  readonly limits: MessageLimits;
}

async function unary(log: Log, call: Call, { method, limits }: Work<'unary'>): Promise<void> {
  const { exchange } = call;
  call.whenLate(() => fail(exchange, deadlineExceeded()));
  let answer: Uint8Array;
  try {
    const body = await exchange.body(frameHeaderBytes + limits.bytesMax).catch((error: unknown) => {
      throw error instanceof RangeError
        ? limits.tooLong(Number(exchange.headers['content-length'] ?? Infinity))
        : error;
    });
    if (body.length < frameHeaderBytes || body.length !== frameHeaderBytes + lengthOf(body, limits))
      throw new GrpcError(grpcCode.internal, 'the request is no single message');
    answer = await method.handle(body.subarray(frameHeaderBytes), call);
  } catch (error) {
    call.done();
    if (!call.expired) fail(exchange, statusOf(log, exchange, error));
    return;
  }
  call.done();
  if (call.expired) return;
  exchange.respond(200, answerHeaders, frame(answer), { trailers: () => ({ 'grpc-status': '0' }) });
}

async function streamed(log: Log, call: Call, { method, limits }: Work<'stream'>): Promise<void> {
  const { exchange } = call;
  let status: GrpcError | undefined;
  let out: HttpResponseStream | undefined;
  // The headers go out at once: a client may wait for them before it says more.
  out = exchange.stream(200, answerHeaders, { trailers: () => trailersOf(status) });
  const end = (error?: GrpcError): void => {
    if (!out) return;
    status = error;
    out.end();
    out = undefined;
  };
  call.whenLate(() => end(deadlineExceeded()));
  const stream: GrpcServerStream = {
    get signal() {
      return call.signal;
    },
    metadata: call.metadata,
    // Who stops reading may still have something to say: the stream is not to be destroyed then.
    messages: messagesIn(exchange.bodyStream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>, limits),
    send: (message) => out?.write(frame(message)) ?? false,
    drained: async () => out?.drained(),
    get bufferedBytes() {
      return out?.bufferedBytes ?? 0;
    },
  };
  try {
    await method.handle(stream);
    end();
  } catch (error) {
    end(statusOf(log, exchange, error));
  } finally {
    call.done();
    // What the client still says is not read any more.
    exchange.bodyStream.resume();
  }
}

/** An answer without messages: the status stands where the headers are. */
function fail(exchange: HttpExchange, error: GrpcError): void {
  exchange.respond(200, { ...answerHeaders, ...trailersOf(error) });
}

function statusOf(log: Log, { url, signal }: HttpExchange, error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  // Whatever breaks when the client is gone concerns nobody.
  if (!signal.aborted) log.error('a gRPC call failed', { method: url, error });
  return new GrpcError(grpcCode.internal, 'internal error');
}

function trailersOf(error: GrpcError | undefined): HttpHeaders {
  return error ? { 'grpc-status': String(error.code), 'grpc-message': encoded(error.message) } : { 'grpc-status': '0' };
}

/** Percent-encoded as the protocol wants it: everything but printable ASCII. */
const encoded = (message: string): string =>
  [...Buffer.from(message)]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');

const unitMs: Readonly<Record<string, Millis>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** A deadline that cannot be read is none. */
function timeoutOf(header: HttpHeaders[string]): Millis | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(typeof header === 'string' ? header : '');
  if (!match) return undefined;
  return Math.min(timeoutMsMax, Math.ceil(Number(match[1]) * (unitMs[match[2] as string] as number)));
}
