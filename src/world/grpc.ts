/**
 * gRPC as a client, over the World's HTTP/2: calls with one message each way, and streams both ways. It knows frames and
 * status codes (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), no message's content: those are bytes here.
 * It must never retry; whoever calls knows what a second try would do.
 */
import { PassThrough } from 'node:stream';
import { NetworkError, type HttpClientRequest, type HttpClientResponse, type Millis, type World } from './world.ts';

/** A peer's message is refused past this: a range of 500,000 objects of a kilobyte. */
const messageBytesMax = 512 * 1024 * 1024;
export const frameHeaderBytes = 5;

/** https://grpc.io/docs/guides/status-codes/: those that callers tell apart. */
export const grpcCode = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const;

/** The peer answered with a status other than OK. */
export class GrpcError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

export interface GrpcPeer {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string;
  readonly socketPath?: string;
  readonly tls?: NonNullable<HttpClientRequest['tls']>;
}

export interface GrpcStream extends Disposable {
  send(message: Uint8Array): void;
  /** Ends when the peer ends with OK; throws GrpcError or NetworkError otherwise. To be read once. */
  readonly messages: AsyncIterable<Buffer>;
}

/** One request, one answer. `method` is `/package.Service/Method`. Throws GrpcError, NetworkError. */
export async function grpcCall(
  world: World,
  peer: GrpcPeer,
  call: {
    readonly method: string;
    readonly message: Uint8Array;
    readonly timeoutMs: Millis;
    readonly signal?: AbortSignal;
  },
): Promise<Buffer> {
  const late = new AbortController();
  const timer = world.clock.after(call.timeoutMs, () =>
    late.abort(new NetworkError('ETIMEDOUT', `${peer.url}${call.method}: no answer within ${call.timeoutMs} ms`)),
  );
  try {
    const response = await world.network.request({
      ...requestOf(peer, call.method, { 'grpc-timeout': `${Math.ceil(call.timeoutMs)}m` }),
      body: frame(call.message),
      signal: call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal,
    });
    const body = await response.bytes(messageBytesMax);
    await requireOk(response);
    if (body.length < frameHeaderBytes) throw new GrpcError(grpcCode.internal, 'the answer has no message');
    const length = lengthOf(body, answerLimits);
    if (body.length !== frameHeaderBytes + length)
      throw new GrpcError(grpcCode.internal, `the answer is no single message`);
    return body.subarray(frameHeaderBytes);
  } catch (error) {
    throw brokenOff(error);
  } finally {
    timer.cancel();
  }
}

/** Opens a stream with its first message; resolves when the peer has begun to answer. */
export async function grpcStream(
  world: World,
  peer: GrpcPeer,
  call: {
    readonly method: string;
    readonly first: Uint8Array;
    readonly headers?: Readonly<Record<string, string>>;
    /** Until the peer begins to answer. */
    readonly timeoutMs: Millis;
    readonly signal?: AbortSignal;
  },
): Promise<GrpcStream> {
  const outgoing = new PassThrough();
  // A broken stream is told through `messages`; the event itself must only not go unheard.
  outgoing.on('error', () => undefined);
  outgoing.write(frame(call.first));
  let response: HttpClientResponse;
  try {
    response = await world.network.request({
      ...requestOf(peer, call.method, call.headers),
      body: outgoing,
      timeoutMs: call.timeoutMs,
      ...(call.signal ? { signal: call.signal } : {}),
    });
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
  response.body.on('error', () => undefined);
  return {
    send(message) {
      if (!outgoing.destroyed && !outgoing.writableEnded) outgoing.write(frame(message));
    },
    messages: messagesOf(response),
    [Symbol.dispose]() {
      outgoing.destroy();
      response.body.destroy();
    },
  };
}

async function* messagesOf(response: HttpClientResponse): AsyncGenerator<Buffer, void, undefined> {
  const rest = yield* messagesIn(chunksOf(response), answerLimits);
  await requireOk(response);
  if (rest > 0) throw new GrpcError(grpcCode.internal, 'the stream ended inside a message');
}

/** The messages in a body as it comes; returns how many bytes of an unfinished one were left at its end. */
export async function* messagesIn(
  body: AsyncIterable<Buffer>,
  limits: MessageLimits,
): AsyncGenerator<Buffer, number, undefined> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  /** Of the whole next frame, once its header is here. */
  let wanted = frameHeaderBytes;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) continue;
    let rest = chunks.length === 1 ? chunk : Buffer.concat(chunks, bytes);
    wanted = frameHeaderBytes;
    while (rest.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + lengthOf(rest, limits);
      if (rest.length < end) {
        wanted = end;
        break;
      }
      yield rest.subarray(frameHeaderBytes, end);
      rest = rest.subarray(end);
    }
    chunks = rest.length > 0 ? [rest] : [];
    bytes = rest.length;
  }
  return bytes;
}

/** The body as it comes; what the stream says of its own death is told as what it is, a broken connection. */
async function* chunksOf({ body }: HttpClientResponse): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* body as AsyncIterable<Buffer>;
  } catch (error) {
    throw brokenOff(error);
  }
}

/** What a connection says of its own death in the middle of an answer is told as a NetworkError. */
function brokenOff(error: unknown): unknown {
  if (error instanceof NetworkError || error instanceof GrpcError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? new NetworkError(code, message, { cause: error }) : error;
}

function requestOf(
  peer: GrpcPeer,
  method: string,
  headers: Readonly<Record<string, string>> | undefined,
): HttpClientRequest {
  return {
    method: 'POST',
    url: `${peer.url}${method}`,
    headers: { te: 'trailers', 'content-type': 'application/grpc', 'user-agent': 'k8ts', ...headers },
    protocol: 'h2',
    ...(peer.socketPath === undefined ? {} : { socketPath: peer.socketPath }),
    ...(peer.tls ? { tls: peer.tls } : {}),
  };
}

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(frameHeaderBytes + message.length);
  framed.writeUInt8(0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, frameHeaderBytes);
  return framed;
}

export interface MessageLimits {
  readonly bytesMax: number;
  readonly compressed: () => GrpcError;
  readonly tooLong: (length: number) => GrpcError;
}

/** We never offer a compression, so that none may be used. */
const answerLimits: MessageLimits = {
  bytesMax: messageBytesMax,
  compressed: () => new GrpcError(grpcCode.internal, 'the peer compressed a message unasked'),
  tooLong: (length) => new GrpcError(grpcCode.resourceExhausted, `the peer sent a message of ${length} bytes`),
};

/** The length of the message whose header this is. Throws GrpcError for what may not be. */
export function lengthOf(header: Buffer, { bytesMax, compressed, tooLong }: MessageLimits): number {
  if (header[0] !== 0) throw compressed();
  const length = header.readUInt32BE(1);
  if (length > bytesMax) throw tooLong(length);
  return length;
}

async function requireOk(response: HttpClientResponse): Promise<void> {
  if (response.status !== 200)
    throw new GrpcError(grpcCode.unavailable, `the peer answered with HTTP status ${response.status}`);
  // An answer without messages has its status where the headers are.
  const end = response.headers['grpc-status'] === undefined ? await response.trailers() : response.headers;
  const status = end['grpc-status'];
  if (status === '0') return;
  if (typeof status !== 'string') throw new GrpcError(grpcCode.unavailable, 'the answer ended without a status');
  throw new GrpcError(Number(status), decoded(end['grpc-message']));
}

/** Messages are percent-encoded; one that is not is shown as it came. */
function decoded(message: string | readonly string[] | undefined): string {
  if (typeof message !== 'string' || message === '') return 'no message';
  return /%(?![0-9A-Fa-f]{2})/.test(message)
    ? message
    : Buffer.from(
        message.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      ).toString();
}
