/**
 * Answers that their clients have asked for and do not take: a client that opens streams and reads nothing would otherwise fill this process with them, and a handler has long
 * forgotten what it sent. All connections of a server share one allowance; beyond it, whoever has stood still the longest is cut off, so that clients that read do not notice.
 * Streamed answers wait for their client and are not counted.
 */
import type { Writable } from 'node:stream';

/** Smaller answers are as cheap as the stream that carries them. */
const countedBytesMin = 64 * 1024;
/** Of all clients together: 170 of the largest objects, in the form that costs the most. */
export const unsentBytesMax = 256 * 1024 * 1024;

export class UnsentAnswers {
  /** In the order in which they were sent. */
  readonly #standing = new Map<Writable, { readonly bytes: number; readonly cut: () => void }>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = unsentBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** The answer has been written to the stream. `cut` ends the stream without it. */
  add(stream: Writable, bytes: number, cut: () => void): void {
    if (bytes < countedBytesMin || stream.writableFinished || stream.destroyed) return;
    this.#standing.set(stream, { bytes, cut });
    this.#bytes += bytes;
    const gone = (): void => this.#forget(stream);
    stream.once('finish', gone);
    stream.once('close', gone);
    for (const [oldest, { cut: cutOldest }] of this.#standing) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#forget(oldest);
      cutOldest();
    }
  }

  /** Bytes that are waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  #forget(stream: Writable): void {
    this.#bytes -= this.#standing.get(stream)?.bytes ?? 0;
    this.#standing.delete(stream);
  }
}
