/**
 * SPDY/3.1 as far as Kubernetes needs it: a server session of streams over one connection
 * (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/). Every kubectl's port-forward speaks it, inside WebSocket messages or after an HTTP upgrade. Flow
 * control is TCP's: clients neither send nor expect window updates. Frames are hostile: sizes and counts are bounded.
 */
import { Duplex } from 'node:stream';
import { constants, createDeflate, createInflate } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';

const types = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
const finFlag = 1;
/** Clients write 32 kB at a time; the format allows 16 MiB. */
const frameBytesMax = 1024 * 1024;
const streamsMax = 4_096;
const headerBytesMax = 64 * 1024;
const dataBytesMax = 32 * 1024;

export interface SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
}

export interface SpdySession {
  /** Ends the session and all its streams. */
  close(): void;
  /** Called when the connection is gone. */
  onClose(listener: () => void): void;
}

/** Serves one connection; every stream that the client opens is accepted and handed over. */
export function serveSpdy(connection: Duplex, onStream: (stream: SpdyStream) => void): SpdySession {
  const session = new Session(connection, onStream);
  return { close: () => session.close(), onClose: (listener) => session.closers.push(listener) };
}

class Session {
  readonly #connection: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, Stream>();
  readonly #inflate = createInflate({ dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
  readonly #deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
  readonly closers: (() => void)[] = [];
  #input: Buffer = Buffer.alloc(0);
  /** Frames are handled one after the other: header blocks share one compression state. */
  #tail: Promise<void> = Promise.resolve();
  #closed = false;
  #drained: Promise<void> | undefined;

  constructor(connection: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#connection = connection;
    this.#onStream = onStream;
    this.#inflate.on('error', () => this.close());
    this.#deflate.on('error', () => this.close());
    connection.on('error', () => this.close());
    connection.on('close', () => this.close());
    connection.on('end', () => this.close());
    connection.on('data', (chunk: Buffer) => {
      connection.pause();
      this.#tail = this.#tail
        .then(() => this.#receive(chunk))
        .then(() => void connection.resume())
        .catch(() => this.close());
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
    this.#connection.destroy();
    this.#inflate.close();
    this.#deflate.close();
    for (const listener of this.closers) listener();
  }

  async #receive(chunk: Buffer): Promise<void> {
    this.#input = this.#input.length > 0 ? Buffer.concat([this.#input, chunk]) : chunk;
    for (;;) {
      if (this.#closed || this.#input.length < 8) return;
      const length = this.#input.readUIntBE(5, 3);
      if (length > frameBytesMax) throw new Error('a SPDY frame is too long');
      if (this.#input.length < 8 + length) return;
      const first = this.#input.readUInt32BE(0);
      const flags = this.#input[4] as number;
      const body = this.#input.subarray(8, 8 + length);
      this.#input = this.#input.subarray(8 + length);
      if (first & 0x80000000) await this.#control(first & 0xffff, flags, body);
      else await this.#data(first & 0x7fffffff, flags, body);
    }
  }

  async #control(type: number, flags: number, body: Buffer): Promise<void> {
    switch (type) {
      case types.synStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        const headers = await this.#headers(body.subarray(10));
        if (this.#streams.size >= streamsMax || this.#streams.has(id)) throw new Error('too many SPDY streams');
        const stream = new Stream(id, headers, this);
        this.#streams.set(id, stream);
        await this.#reply(id);
        if (flags & finFlag) stream.finishReading();
        this.#onStream(stream);
        return;
      }
      case types.rstStream: {
        const stream = this.#streams.get(body.readUInt32BE(0) & 0x7fffffff);
        stream?.destroy();
        return;
      }
      case types.ping:
        // A ping of the client's is sent back as it is.
        if (body.readUInt32BE(0) % 2 === 1) this.write(control(types.ping, 0, body));
        return;
      case types.headers:
        // They must be read, for the compression state's sake.
        await this.#headers(body.subarray(4));
        return;
      case types.goAway:
      case types.settings:
      case types.windowUpdate:
      case types.synReply:
        return;
      default:
        throw new Error(`SPDY frame type ${type} is not known`);
    }
  }

  async #data(id: number, flags: number, body: Buffer): Promise<void> {
    const stream = this.#streams.get(id);
    // What comes behind a stream's end is nobody's: its reader is gone and would never want more.
    if (!stream || stream.destroyed || stream.ended) return;
    if (body.length > 0 && !stream.push(Buffer.from(body))) await stream.wanted();
    if (flags & finFlag) stream.finishReading();
  }

  /** Decompressed pairs: count, then length and bytes of each name and value. */
  async #headers(block: Buffer): Promise<ReadonlyMap<string, string>> {
    const bytes = await this.#inflated(block);
    if (bytes.length < 4) throw new Error('a SPDY header block is too short');
    const headers = new Map<string, string>();
    let at = 4;
    const text = (): string => {
      const length = bytes.readUInt32BE(at);
      if (length > headerBytesMax || at + 4 + length > bytes.length) throw new Error('a SPDY header is too long');
      const found = bytes.toString('utf8', at + 4, at + 4 + length);
      at += 4 + length;
      return found;
    };
    for (let count = bytes.readUInt32BE(0); count > 0; count--) {
      const name = text();
      headers.set(name.toLowerCase(), text());
    }
    return headers;
  }

  /** A small block may unpack to a large one: it is read while it grows, and cut off. */
  #inflated(block: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      let size = 0;
      const collect = (): void => {
        for (
          let part = this.#inflate.read() as Buffer | null;
          part !== null;
          part = this.#inflate.read() as Buffer | null
        ) {
          size += part.length;
          if (size > headerBytesMax) {
            this.#inflate.off('readable', collect);
            reject(new Error('a SPDY header block is too long'));
            return;
          }
          parts.push(part);
        }
      };
      this.#inflate.on('readable', collect);
      const ended = (): void => reject(new Error('the session ended'));
      this.#inflate.once('close', ended);
      this.#inflate.write(block, (error) => {
        this.#inflate.off('readable', collect).off('close', ended);
        if (error) return reject(error);
        collect();
        return resolve(Buffer.concat(parts));
      });
    });
  }

  async #reply(id: number): Promise<void> {
    const none = Buffer.alloc(4);
    const block = await new Promise<Buffer>((resolve, reject) => {
      this.#deflate.write(none, (error) => {
        if (error) reject(error);
        else resolve(drain(this.#deflate));
      });
    });
    const head = Buffer.alloc(4);
    head.writeUInt32BE(id);
    this.write(control(types.synReply, 0, Buffer.concat([head, block])));
  }

  /** False when the connection is full: `drained` tells when to go on. */
  write(bytes: Buffer): boolean {
    return this.#closed || this.#connection.write(bytes);
  }

  /** One wait for all streams. */
  drained(): Promise<void> {
    this.#drained ??= new Promise((resolve) => {
      const on = (): void => {
        this.#connection.off('drain', on).off('close', on);
        this.#drained = undefined;
        resolve();
      };
      this.#connection.on('drain', on).on('close', on);
    });
    return this.#drained;
  }

  forget(id: number): void {
    this.#streams.delete(id);
  }
}

class Stream extends Duplex implements SpdyStream {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #session: Session;
  #resume: (() => void) | undefined;
  #finished = false;
  /** The client has said that nothing more comes. */
  ended = false;

  constructor(id: number, headers: ReadonlyMap<string, string>, session: Session) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#session = session;
  }

  /** Resolves when the reader wants more, or is gone. */
  wanted(): Promise<void> {
    return this.destroyed ? Promise.resolve() : new Promise((resolve) => (this.#resume = resolve));
  }

  finishReading(): void {
    this.ended = true;
    this.push(null);
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const send = async (): Promise<void> => {
      for (let start = 0; start < chunk.length; start += dataBytesMax) {
        if (!this.#session.write(data(this.id, 0, chunk.subarray(start, start + dataBytesMax))))
          await this.#session.drained();
      }
    };
    send().then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#finished = true;
    this.#session.write(data(this.id, finFlag, Buffer.alloc(0)));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#resume?.();
    if (!this.#finished) {
      const body = Buffer.alloc(8);
      body.writeUInt32BE(this.id);
      body.writeUInt32BE(5, 4); // CANCEL
      this.#session.write(control(types.rstStream, 0, body));
    }
    this.#session.forget(this.id);
    done(error);
  }
}

function drain(stream: { read(): Buffer | null }): Buffer {
  const parts: Buffer[] = [];
  for (let part = stream.read(); part !== null; part = stream.read()) parts.push(part);
  return Buffer.concat(parts);
}

function control(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function data(id: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}
