/**
 * Reads tar streams (ustar, pax, GNU long names) entry by entry, without touching the disk. Written here because npm's
 * tar-stream decodes pax values as UTF-8, which destroys binary ones (`security.capability`) and names in other encodings:
 * here every string is "latin1", one character a byte, and goes out exactly as it came in. It must never trust a size,
 * a number or a name: all of them come from strangers.
 */

export type TarEntryType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarHeader {
  /** Bytes as latin1 characters. */
  readonly name: string;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Seconds since the epoch. */
  readonly modifiedAt: number;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Extended attributes (`SCHILY.xattr.*` of pax), values as latin1 characters. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TarEntry {
  readonly header: TarHeader;
  /** The content; what the reader of the entry leaves is skipped. */
  readonly body: AsyncIterable<Buffer>;
}

/** A damaged or unsupported archive. */
export class TarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TarError';
  }
}

const blockBytes = 512;
const extendedHeaderBytesMax = 1024 * 1024; // pax records of one entry; a capability or an ACL is far below 64 KiB
const typeOfFlag: Readonly<Record<string, TarEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
};

/** The entries of an uncompressed tar, in order. Throws TarError where it is damaged, ends early or is GNU sparse. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const input = new ByteSource(source);
  try {
    yield* entriesOf(input);
  } finally {
    // Whoever stops early must not leave a file or a connection open.
    await input.close();
  }
}

async function* entriesOf(input: ByteSource): AsyncGenerator<TarEntry, void, undefined> {
  let globals: Map<string, string> = new Map();
  let local: Map<string, string> = new Map();
  let longName: string | undefined;
  let longLink: string | undefined;
  for (;;) {
    const block = await input.exactly(blockBytes, true);
    if (block === undefined) {
      if (input.consumed === 0) throw new TarError('the archive is empty');
      // Many writers leave out the two closing blocks of zeros; the data is complete all the same.
      return;
    }
    if (isZero(block)) {
      await input.drain();
      return;
    }
    verifyChecksum(block);
    const flag = String.fromCharCode(block[156] ?? 0);
    const sizeField = number(block, 124, 12);
    switch (flag) {
      case 'x':
      case 'g': {
        const records = parsePax(await extended(input, sizeField));
        if (flag === 'x') local = new Map([...local, ...records]);
        else globals = new Map([...globals, ...records]);
        continue;
      }
      case 'L':
        longName = cString(await extended(input, sizeField));
        continue;
      case 'K':
        longLink = cString(await extended(input, sizeField));
        continue;
      case 'S':
        throw new TarError('the archive uses GNU sparse files, which are not supported; create it without --sparse');
      default:
    }
    const pax = new Map([...globals, ...local]);
    if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
      throw new TarError('the archive uses GNU sparse files, which are not supported; create it without --sparse');
    }
    const header = entryHeader(block, flag, { pax, sizeField, longName, longLink });
    local = new Map();
    longName = longLink = undefined;
    const body = new EntryBody(input, header.type === 'file' ? header.sizeBytes : 0);
    yield { header, body };
    await body.skip();
    await input.skip(padding(header.type === 'file' ? header.sizeBytes : 0));
  }
}

function entryHeader(
  block: Buffer,
  flag: string,
  context: { pax: Map<string, string>; sizeField: number; longName: string | undefined; longLink: string | undefined },
): TarHeader {
  const { pax } = context;
  const isUstar = block.toString('latin1', 257, 262) === 'ustar';
  const isPosix = isUstar && block[262] === 0;
  const prefix = isPosix ? cString(block.subarray(345, 500)) : '';
  const ownName = cString(block.subarray(0, 100));
  const name = pax.get('path') ?? context.longName ?? (prefix ? `${prefix}/${ownName}` : ownName);
  let type = typeOfFlag[flag];
  if (!type) throw new TarError(`${JSON.stringify(name)}: unknown entry type ${JSON.stringify(flag)}`);
  if (type === 'file' && name.endsWith('/')) type = 'directory';
  const attributes: Record<string, string> = {};
  for (const [key, value] of pax) {
    if (key.startsWith('SCHILY.xattr.')) attributes[key.slice('SCHILY.xattr.'.length)] = value;
  }
  return {
    name,
    type,
    mode: number(block, 100, 8) & 0o7777,
    uid: paxNumber(pax, 'uid') ?? number(block, 108, 8),
    gid: paxNumber(pax, 'gid') ?? number(block, 116, 8),
    sizeBytes: paxNumber(pax, 'size') ?? context.sizeField,
    modifiedAt: Math.trunc(Number(pax.get('mtime') ?? number(block, 136, 12))) || 0,
    linkName: pax.get('linkpath') ?? context.longLink ?? cString(block.subarray(157, 257)),
    deviceMajor: type === 'character' || type === 'block' ? number(block, 329, 8) : 0,
    deviceMinor: type === 'character' || type === 'block' ? number(block, 337, 8) : 0,
    attributes,
  };
}

async function extended(input: ByteSource, sizeBytes: number): Promise<Buffer> {
  if (sizeBytes > extendedHeaderBytesMax) throw new TarError(`an extended header of ${sizeBytes} bytes is too large`);
  const content = await input.exactly(sizeBytes, false);
  await input.skip(padding(sizeBytes));
  return content ?? Buffer.alloc(0);
}

/** Records are `<length> <key>=<value>\n`; the length counts the whole record in bytes. */
function parsePax(content: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(content.toString('latin1', at, space));
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > content.length) {
      throw new TarError('damaged pax header');
    }
    const equals = content.indexOf(0x3d, space);
    if (equals < 0 || equals >= at + length) throw new TarError('damaged pax header');
    records.set(content.toString('latin1', space + 1, equals), content.toString('latin1', equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

function paxNumber(pax: Map<string, string>, key: string): number | undefined {
  const text = pax.get(key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value))
    throw new TarError(`pax header ${key}=${JSON.stringify(text)}`);
  return value;
}

/** Octal text, or GNU's base-256 when the first bit is set. */
function number(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    if (first !== 0x80) {
      // Negative numbers occur in times only; they mean "before 1970", which no file of an image needs.
      if (first === 0xff && start === 136) return 0;
      throw new TarError('a number in a header is out of range');
    }
    let value = 0;
    for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
    if (!Number.isSafeInteger(value)) throw new TarError('a number in a header is out of range');
    return value;
  }
  const text = cString(block.subarray(start, start + length)).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new TarError('a number in a header is damaged');
  return Number.parseInt(text, 8);
}

function verifyChecksum(block: Buffer): void {
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  const claimed = cString(block.subarray(148, 156)).trim();
  if (!/^[0-7]+$/.test(claimed) || sum !== Number.parseInt(claimed, 8))
    throw new TarError('this is not a tar archive, or it is damaged (header checksum)');
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function padding(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

class EntryBody implements AsyncIterable<Buffer> {
  readonly #input: ByteSource;
  #left: number;

  constructor(input: ByteSource, sizeBytes: number) {
    this.#input = input;
    this.#left = sizeBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    while (this.#left > 0) {
      const chunk = await this.#input.some(this.#left);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    const left = this.#left;
    this.#left = 0;
    await this.#input.skip(left);
  }
}

/** Pulls exact amounts out of a stream of chunks. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current: Buffer = Buffer.alloc(0);
  #ended = false;
  consumed = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `limit`. Throws TarError at the end. */
  async some(limit: number): Promise<Buffer> {
    if (!(await this.#fill())) throw new TarError('the archive ends in the middle of an entry');
    const chunk = this.#current.subarray(0, limit);
    this.#current = this.#current.subarray(chunk.length);
    this.consumed += chunk.length;
    return chunk;
  }

  /** Exactly `count` bytes; undefined at the very end when `mayEnd`. */
  async exactly(count: number, mayEnd: boolean): Promise<Buffer | undefined> {
    if (mayEnd && !(await this.#fill())) return undefined;
    const first = count === 0 ? Buffer.alloc(0) : await this.some(count);
    if (first.length === count) return first;
    const parts = [first];
    for (let left = count - first.length; left > 0;) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) left -= (await this.some(left)).length;
  }

  /** Reads to the end, so that whoever hashes the stream has seen all of it. */
  async drain(): Promise<void> {
    while (await this.#fill()) this.#current = Buffer.alloc(0);
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.();
    this.#ended = true;
  }

  async #fill(): Promise<boolean> {
    while (this.#current.length === 0 && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done) this.#ended = true;
      else this.#current = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return this.#current.length > 0;
  }
}
