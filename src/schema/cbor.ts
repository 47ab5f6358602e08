/**
 * CBOR (RFC 8949) as Kubernetes speaks it (KEP-4222): objects are their JSON values, texts are byte strings, bytes of a declared type are tag 22, whole answers open with
 * the self-described tag. Encoding is deterministic: shortest heads, keys in the order of their bytes. Decoding takes what upstream takes and refuses what it refuses:
 * duplicate keys, NaN and infinities, big numbers, unknown simple values, text that is no UTF-8. Bytes are hostile: every length is checked, depth is bounded.
 */
import { isUtf8 } from 'node:buffer';
import { jsonDepthMax } from '#meta/json.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import type { AnyTypeData, StructType } from './type.ts';

/** What every answer and, by custom, every body begins with. */
export const selfDescribed = Buffer.from([0xd9, 0xd9, 0xf7]);

/** The bytes are no CBOR that Kubernetes takes. */
export class CborError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CborError';
  }
}

/** An object that fits the struct, without the self-described tag. Without a struct every text stays text, which readers take for base64 where bytes belong. */
export function encodeCbor(value: unknown, type?: StructType): Buffer {
  const writer = new Writer();
  writer.value(value, type);
  return writer.take();
}

/** The head of a map or array whose items are put together from finished parts. */
export function cborHead(of: 'map' | 'array', length: number): Buffer {
  const writer = new Writer(16);
  writer.head(of === 'map' ? 5 : 4, length);
  return writer.take();
}

class Writer {
  #bytes: Buffer;
  #at = 0;

  constructor(size = 4096) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  head(major: number, value: number | bigint): void {
    this.#room(9);
    const first = major << 5;
    if (typeof value === 'bigint' || value > 0xffff_ffff) {
      this.#bytes[this.#at] = first | 27;
      this.#bytes.writeBigUInt64BE(BigInt(value), this.#at + 1);
      this.#at += 9;
    } else if (value < 24) this.#bytes[this.#at++] = first | value;
    else if (value < 0x100) {
      this.#bytes[this.#at++] = first | 24;
      this.#bytes[this.#at++] = value;
    } else if (value < 0x1_0000) {
      this.#bytes[this.#at++] = first | 25;
      this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    } else {
      this.#bytes[this.#at++] = first | 26;
      this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    }
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.head(2, length);
    this.#room(length);
    this.#at += this.#bytes.write(value, this.#at, length, 'utf8');
  }

  value(value: unknown, type: AnyTypeData | undefined): void {
    switch (typeof value) {
      case 'string':
        if (type?.is === 'string' && type.format === 'byte') {
          const bytes = Buffer.from(value, 'base64');
          this.head(6, 22);
          this.head(2, bytes.length);
          this.#room(bytes.length);
          this.#at += bytes.copy(this.#bytes, this.#at);
        } else this.text(value);
        return;
      case 'number':
        if (type?.is !== 'number' && Number.isSafeInteger(value)) this.#integer(value);
        else this.#float(value);
        return;
      case 'bigint':
        if (type?.is === 'number') this.#float(Number(value));
        else this.#integer(value);
        return;
      case 'boolean':
        this.head(7, value ? 21 : 20);
        return;
      case 'undefined':
        this.head(7, 22);
        return;
      case 'object':
        if (value === null) this.head(7, 22);
        else if (Array.isArray(value)) this.#array(value, type);
        else this.#map(value as Readonly<Record<string, unknown>>, type);
        return;
      default:
        throw new TypeError(`a ${typeof value} has no CBOR`);
    }
  }

  #integer(value: number | bigint): void {
    if (value >= 0) this.head(0, value);
    else if (typeof value === 'bigint') this.head(1, -1n - value);
    else this.head(1, -1 - value);
  }

  /** In the smallest width that keeps the value. */
  #float(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no CBOR here`);
    this.#room(9);
    const half = halfOf(value);
    if (half !== undefined) {
      this.#bytes[this.#at++] = 0xf9;
      this.#at = this.#bytes.writeUInt16BE(half, this.#at);
    } else if (Math.fround(value) === value) {
      this.#bytes[this.#at++] = 0xfa;
      this.#at = this.#bytes.writeFloatBE(value, this.#at);
    } else {
      this.#bytes[this.#at++] = 0xfb;
      this.#at = this.#bytes.writeDoubleBE(value, this.#at);
    }
  }

  #array(items: readonly unknown[], type: AnyTypeData | undefined): void {
    const inner =
      type?.is === 'list'
        ? type.items
        : type?.is === 'either' && type.other.is === 'list'
          ? type.other.items
          : undefined;
    this.head(4, items.length);
    for (const item of items) this.value(item, inner);
  }

  #map(object: Readonly<Record<string, unknown>>, type: AnyTypeData | undefined): void {
    const keys = sortedKeys(object);
    const struct = type?.is === 'struct' ? type : type?.is === 'either' ? type.struct : undefined;
    this.head(5, keys.length);
    for (const key of keys) {
      this.text(key);
      const inner = struct
        ? Object.hasOwn(struct.fields, key)
          ? struct.fields[key]?.type
          : undefined
        : type?.is === 'map'
          ? type.values
          : undefined;
      this.value(object[key], inner);
    }
  }
}

/** Bytewise order of the encoded keys: the shorter first, for the length stands in front. */
function sortedKeys(object: Readonly<Record<string, unknown>>): string[] {
  const keys: string[] = [];
  let ascii = true;
  for (const key in object) {
    if (object[key] === undefined) continue;
    keys.push(key);
    // oxlint-disable-next-line no-control-regex -- ASCII is what is asked for
    if (ascii && !/^[\x00-\x7f]*$/.test(key)) ascii = false;
  }
  if (ascii) return keys.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return keys
    .map((key) => ({ key, bytes: Buffer.from(key) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
    .map(({ key }) => key);
}

/** The bits of a number that half a precision holds. */
function halfOf(value: number): number | undefined {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  if (size > 65_504) return undefined;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const fraction = size / 2 ** (exponent - 10);
  if (!Number.isInteger(fraction) || fraction >= 2048) return undefined;
  return fraction < 1024 ? sign | fraction : sign | ((exponent + 15) << 10) | (fraction - 1024);
}

/** One CBOR item as the JSON value it stands for. Throws CborError. */
export function decodeCbor(bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const value = reader.item();
  if (reader.more)
    throw new CborError(`cbor: ${bytes.length - reader.at} bytes of extraneous data starting at index ${reader.at}`);
  return value;
}

const int64Max = 9_223_372_036_854_775_807n;
const indefinite = -1;
/** The byte that ends what has no length. */
const breakByte = 0xff;

class Reader {
  readonly #bytes: Buffer;
  #depth = 0;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.at < this.#bytes.length;
  }

  #need(count: number): number {
    const from = this.at;
    if (count > this.#bytes.length - from) throw new CborError('unexpected EOF');
    this.at += count;
    return from;
  }

  /** The number that follows the first byte. */
  #argument(info: number): number | bigint {
    if (info < 24) return info;
    switch (info) {
      case 24:
        return this.#bytes[this.#need(1)] as number;
      case 25:
        return this.#bytes.readUInt16BE(this.#need(2));
      case 26:
        return this.#bytes.readUInt32BE(this.#need(4));
      case 27: {
        const wide = this.#bytes.readBigUInt64BE(this.#need(8));
        return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
      }
      case 31:
        return indefinite;
      default:
        throw new CborError(`cbor: invalid additional information ${info}`);
    }
  }

  item(): unknown {
    const first = this.#bytes[this.#need(1)] as number;
    const major = first >> 5;
    const info = first & 0x1f;
    if (major === 7) return this.#simple(info);
    const argument = this.#argument(info);
    if (argument === indefinite && (major < 2 || major === 6))
      throw new CborError(`cbor: invalid additional information ${info} for type ${major}`);
    switch (major) {
      case 0:
        if (argument > int64Max)
          throw new CborError(
            `cbor: cannot unmarshal positive integer into Go value of type int64 (${argument} overflows)`,
          );
        return argument;
      case 1: {
        if (argument > int64Max)
          throw new CborError(`cbor: cannot unmarshal negative integer into Go value of type int64 (overflow)`);
        if (typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER) return -1 - argument;
        return -1n - BigInt(argument);
      }
      case 2:
        return this.#string(argument, 2);
      case 3:
        return this.#string(argument, 3);
      case 4:
        return this.#array(argument);
      case 5:
        return this.#map(argument);
      default:
        return this.#tagged(argument);
    }
  }

  #simple(info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 25:
        return this.#finite(fromHalf(this.#bytes.readUInt16BE(this.#need(2))));
      case 26:
        return this.#finite(this.#bytes.readFloatBE(this.#need(4)));
      case 27:
        return this.#finite(this.#bytes.readDoubleBE(this.#need(8)));
      case 31:
        throw new CborError('cbor: unexpected "break" code');
      default:
        throw new CborError(`cbor: simple value ${info === 24 ? this.#bytes[this.#need(1)] : info} is not recognized`);
    }
  }

  #finite(value: number): number | bigint {
    if (!Number.isFinite(value))
      throw new CborError(`cbor: floating-point ${Number.isNaN(value) ? 'NaN' : 'infinity'} is not accepted`);
    if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= 2 ** 63) return value;
    return BigInt(value);
  }

  /** The bytes of a string, in one piece or many. */
  #raw(argument: number | bigint, major: 2 | 3): Buffer {
    if (argument !== indefinite) {
      if (typeof argument === 'bigint') throw new CborError('unexpected EOF');
      const from = this.#need(argument);
      return this.#bytes.subarray(from, from + argument);
    }
    const parts: Buffer[] = [];
    while (this.#bytes[this.at] !== breakByte) {
      const first = this.#bytes[this.#need(1)] as number;
      if (first >> 5 !== major || (first & 0x1f) === 31)
        throw new CborError('cbor: wrong chunk in an indefinite-length string');
      parts.push(this.#raw(this.#argument(first & 0x1f), major));
    }
    this.at++;
    return Buffer.concat(parts);
  }

  #string(argument: number | bigint, major: 2 | 3): string {
    const raw = this.#raw(argument, major);
    if (major === 3 && !isUtf8(raw)) throw new CborError('cbor: invalid UTF-8 string');
    return raw.toString('utf8');
  }

  #enter(): void {
    if (++this.#depth > jsonDepthMax) throw new CborError(`cbor: exceeded max nested level ${jsonDepthMax}`);
  }

  /** True while there is another item. An item takes a byte at least: a length beyond the bytes is a lie and is told before anything is made. */
  #bounded(argument: number | bigint, perItem: number): number {
    if (argument === indefinite) return Number.POSITIVE_INFINITY;
    if (argument > (this.#bytes.length - this.at) / perItem) throw new CborError('unexpected EOF');
    return Number(argument);
  }

  #ends(index: number, length: number): boolean {
    if (length !== Number.POSITIVE_INFINITY) return index >= length;
    if (this.#bytes[this.at] !== breakByte) return false;
    this.at++;
    return true;
  }

  #array(argument: number | bigint): unknown[] {
    const length = this.#bounded(argument, 1);
    this.#enter();
    const items: unknown[] = [];
    while (!this.#ends(items.length, length)) items.push(this.item());
    this.#depth--;
    return items;
  }

  #map(argument: number | bigint): Record<string, unknown> {
    const length = this.#bounded(argument, 2);
    this.#enter();
    const object: Record<string, unknown> = {};
    for (let index = 0; !this.#ends(index, length); index++) {
      const key = this.#key();
      if (Object.hasOwn(object, key))
        throw new CborError(`cbor: found duplicate map key ${JSON.stringify(key)} at map element index ${index}`);
      // Defined, not assigned: a key __proto__ is data.
      Object.defineProperty(object, key, { value: this.item(), enumerable: true, configurable: true, writable: true });
    }
    this.#depth--;
    return object;
  }

  #key(): string {
    const first = this.#bytes[this.#need(1)] as number;
    const major = first >> 5;
    if (major !== 2 && major !== 3) throw new CborError('cbor: a map key is neither a text nor a byte string');
    return this.#string(this.#argument(first & 0x1f), major);
  }

  #tagged(tag: number | bigint): unknown {
    this.#enter();
    const value = this.#content(tag);
    this.#depth--;
    return value;
  }

  #content(tag: number | bigint): unknown {
    switch (tag) {
      case 0: {
        const text = this.item();
        if (typeof text !== 'string' || parseTime(text) === undefined)
          throw new CborError('cbor: tag 0 is no RFC 3339 time');
        return text;
      }
      case 1: {
        const seconds = Number(this.item());
        if (!(Math.abs(seconds) < 62_135_596_800)) throw new CborError('cbor: tag 1 is no time that can be written');
        return formatTime(Math.floor(seconds) * 1000);
      }
      case 2:
      case 3:
        throw new CborError('cbor: big numbers are not accepted');
      case 21:
      case 22:
      case 23: {
        const first = this.#bytes[this.at] as number;
        if (first >> 5 !== 2) return this.item();
        this.at++;
        const raw = this.#raw(this.#argument(first & 0x1f), 2);
        return raw.toString(tag === 21 ? 'base64url' : tag === 22 ? 'base64' : 'hex');
      }
      default:
        return this.item();
    }
  }
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (fraction + 1024) * 2 ** (exponent - 25);
}
