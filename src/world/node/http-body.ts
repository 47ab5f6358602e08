/**
 * Reads a whole body within a limit, for requests and responses alike. Never buffers more than the limit, whatever the
 * peer declared or sent.
 */
import { constants, type Http2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import { NetworkError, type Millis } from '../world.ts';
import { networkError } from './tcp.ts';

export interface BodyLimits {
  /** The Content-Length, if there was one. */
  readonly declared: string | readonly string[] | undefined;
  readonly limitBytes: number;
  /** For the whole body; without it, it may take for ever. */
  readonly timeoutMs?: Millis;
  /** Called when the rest will not be read. */
  readonly onRefused: () => void;
}

/**
 * Rejects with RangeError past the limit and with NetworkError ETIMEDOUT past the time (both after `onRefused`), with NetworkError when the peer breaks off.
 */
export function readBody(body: Readable, { declared, limitBytes, timeoutMs, onRefused }: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => {
      onRefused();
      reject(new RangeError(`the body is larger than ${limitBytes} bytes`));
    };
    if (typeof declared === 'string' && Number(declared) > limitBytes) {
      tooLarge();
      return;
    }
    const brokenOff = (cause: unknown): void =>
      reject(
        cause
          ? networkError(cause, 'the body broke off')
          : new NetworkError('ECONNRESET', 'the body broke off: the peer closed it'),
      );
    if (body.destroyed && !body.readableEnded) {
      brokenOff(body.errored);
      return;
    }
    if (body.readableEnded) {
      resolve(Buffer.alloc(0));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            done();
            onRefused();
            reject(new NetworkError('ETIMEDOUT', `the body did not come within ${timeoutMs} ms`));
          }, timeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      body.removeListener('data', onData);
      body.removeListener('end', onEnd);
      body.removeListener('error', onError);
      body.removeListener('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      done();
      tooLarge();
    };
    const onEnd = (): void => {
      done();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    };
    const onError = (error: Error): void => {
      done();
      brokenOff(error);
    };
    const onClose = (): void => {
      done();
      brokenOff(body.errored);
    };
    body.on('end', onEnd);
    body.on('error', onError);
    body.on('close', onClose);
    body.on('data', onData);
  });
}

/**
 * Node ends the readable side of an HTTP/2 stream in good order when its connection dies or the peer resets it: half a list would pass for a whole one, and a deletion whose
 * preconditions were still on the way for one without any. An end that comes with a reset becomes an error here.
 */
export function failWhenBrokenOff(stream: Http2Stream & Readable, what: string): void {
  const push = stream.push.bind(stream);
  let isWhole = false;
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !isWhole) {
      if (stream.aborted || (stream.rstCode !== undefined && stream.rstCode !== constants.NGHTTP2_NO_ERROR)) {
        // Node still looks at the stream after this call.
        process.nextTick(() => stream.destroy(new NetworkError('ECONNRESET', `${what} broke off`)));
        return false;
      }
      isWhole = true;
    }
    return push(chunk, encoding);
  };
}
