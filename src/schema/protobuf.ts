/**
 * From Kubernetes' protobuf wire form to objects (`protobuf-encode.ts` is the way back), derived from the declarations: tags, inline messages, and the few types that have a shape of their own (quantities, times,
 * int-or-string, raw JSON). Objects travel in the `k8s\0` envelope of runtime.Unknown
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Bytes are hostile: every length is checked, depth is bounded.
 */
import { parseJson } from '#meta/json.ts';
import { formatTime } from '#meta/time.ts';
import type { AnyTypeData, EitherType, FieldData, StructType } from './type.ts';

const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const depthMax = 64;

/** The bytes are no Kubernetes protobuf. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtobufError';
  }
}

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** Opens `k8s\0` + runtime.Unknown. Throws ProtobufError. */
export function openEnvelope(bytes: Buffer): Envelope {
  if (bytes.length < 4 || !bytes.subarray(0, 4).equals(magic))
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix k8s\\0');
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  const reader = new Reader(bytes.subarray(4));
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === 1 && wire === 2) {
      const inner = new Reader(reader.bytes());
      while (inner.more) {
        const field = inner.key();
        if (field.tag === 1 && field.wire === 2) apiVersion = inner.text();
        else if (field.tag === 2 && field.wire === 2) kind = inner.text();
        else inner.skip(field.wire);
      }
    } else if (tag === 2 && wire === 2) raw = reader.bytes();
    else reader.skip(wire);
  }
  return { apiVersion, kind, raw };
}

/** A message of a struct, as the JSON value it stands for. Unknown tags are skipped, as protobuf asks. Throws ProtobufError. */
export function decodeMessage(type: StructType, bytes: Buffer): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  readInto(object, layoutOf(type), bytes, 0);
  return object;
}

/** Tags of one message: a field, or a message whose fields are flat in JSON. */
interface Layout {
  readonly fields: Map<number, { readonly name: string; readonly field: FieldData }>;
  readonly inlined: Map<number, Layout>;
}

const layouts = new WeakMap<StructType, Layout>();

function layoutOf(type: StructType): Layout {
  let layout = layouts.get(type);
  if (!layout) {
    layout = { fields: new Map(), inlined: new Map() };
    for (const [name, field] of Object.entries(type.fields)) {
      if (field.tag === 0) continue;
      let at = layout;
      for (const tag of field.via ?? []) {
        let next = at.inlined.get(tag);
        if (!next) at.inlined.set(tag, (next = { fields: new Map(), inlined: new Map() }));
        at = next;
      }
      at.fields.set(field.tag, { name, field });
    }
    layouts.set(type, layout);
  }
  return layout;
}

function readInto(object: Record<string, unknown>, layout: Layout, bytes: Buffer, depth: number): void {
  if (depth > depthMax) throw new ProtobufError(`messages are nested deeper than ${depthMax}`);
  const reader = new Reader(bytes);
  while (reader.more) {
    const { tag, wire } = reader.key();
    const inner = layout.inlined.get(tag);
    if (inner) {
      if (wire !== 2) throw new ProtobufError(`tag ${tag} is no message`);
      readInto(object, inner, reader.bytes(), depth + 1);
      continue;
    }
    const found = layout.fields.get(tag);
    if (!found) {
      reader.skip(wire);
      continue;
    }
    const { name, field } = found;
    if (field.type.is === 'list') {
      const items = (object[name] ??= []) as unknown[];
      if (wire === 2 && (field.type.items.is === 'integer' || field.type.items.is === 'boolean')) {
        const packed = new Reader(reader.bytes());
        while (packed.more) items.push(readValue(field.type.items, packed, 0, depth));
      } else items.push(readValue(field.type.items, reader, wire, depth) ?? null);
    } else if (field.type.is === 'map') {
      const entries = (object[name] ??= {}) as Record<string, unknown>;
      const [key, value] = readEntry(field.type.values, reader.bytes(), depth);
      Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
    } else object[name] = readValue(field.type, reader, wire, depth);
    // Go writes zero values of plain fields; in JSON they are left out where the field may be absent.
    if (field.presence !== 'required' && field.keepsZero !== true && isZero(field.type, object[name]))
      delete object[name];
  }
}

/** An empty string of an optional field; pointers to zero numbers and booleans mean something and stay. */
const isZero = (type: AnyTypeData, value: unknown): boolean => value === '' && type.is === 'string';

function readEntry(type: AnyTypeData, bytes: Buffer, depth: number): [string, unknown] {
  const reader = new Reader(bytes);
  let key = '';
  let value: unknown = zeroOf(type);
  while (reader.more) {
    const field = reader.key();
    if (field.tag === 1 && field.wire === 2) key = reader.text();
    else if (field.tag === 2)
      value =
        type.is === 'list' ? readItems(type.items, reader.bytes(), depth) : readValue(type, reader, field.wire, depth);
    else reader.skip(field.wire);
  }
  return [key, value];
}

/** A list inside a map is a message with the repeated field 1 (ExtraValue). */
function readItems(type: AnyTypeData, bytes: Buffer, depth: number): unknown[] {
  const reader = new Reader(bytes);
  const items: unknown[] = [];
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === 1) items.push(readValue(type, reader, wire, depth));
    else reader.skip(wire);
  }
  return items;
}

function zeroOf(type: AnyTypeData): unknown {
  switch (type.is) {
    case 'string':
    case 'quantity':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'list':
      return [];
    default:
      return {};
  }
}

function readValue(type: AnyTypeData, reader: Reader, wire: number, depth: number): unknown {
  switch (type.is) {
    case 'integer':
      return wire === 0 ? reader.integer() : mismatch(type, wire);
    case 'boolean':
      return wire === 0 ? reader.integer() !== 0 : mismatch(type, wire);
    case 'number':
      return wire === 1 ? reader.double() : mismatch(type, wire);
    default:
  }
  if (wire !== 2) return mismatch(type, wire);
  switch (type.is) {
    case 'string':
      if (type.format === 'byte') return reader.bytes().toString('base64');
      if (type.format === 'time' || type.format === 'microTime') return readTime(reader.bytes(), type.format);
      return reader.text();
    case 'quantity':
      return readSingle(reader.bytes(), 1);
    case 'intOrString':
      return readIntOrString(reader.bytes());
    case 'any': {
      const text = readSingle(reader.bytes(), 1);
      if (text === '') return undefined;
      return parseJson(text, { duplicates: false }).value;
    }
    case 'either':
      return readEither(type, reader.bytes(), depth + 1);
    case 'struct': {
      const object: Record<string, unknown> = {};
      readInto(object, layoutOf(type), reader.bytes(), depth + 1);
      return object;
    }
    case 'list':
      return readItems(type.items, reader.bytes(), depth + 1);
    case 'map':
      throw new ProtobufError('a map stands where none can be');
    default:
      (type) satisfies never;
      return undefined;
  }
}

/** The struct when its tag is there, else the other value; nothing at all is the other's zero value. */
function readEither(type: EitherType, bytes: Buffer, depth: number): unknown {
  if (depth > depthMax) throw new ProtobufError(`messages are nested deeper than ${depthMax}`);
  const reader = new Reader(bytes);
  let object: unknown;
  let other = zeroOf(type.other);
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === type.tags.struct) object = readValue(type.struct, reader, wire, depth);
    else if (tag !== type.tags.other) reader.skip(wire);
    else if (type.other.is === 'list') (other as unknown[]).push(readValue(type.other.items, reader, wire, depth));
    else other = readValue(type.other, reader, wire, depth);
  }
  return object ?? other;
}

function mismatch(type: AnyTypeData, wire: number): never {
  throw new ProtobufError(`wire type ${wire} does not fit a ${type.is}`);
}

function readSingle(bytes: Buffer, wanted: number): string {
  const reader = new Reader(bytes);
  let text = '';
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === wanted && wire === 2) text = reader.text();
    else reader.skip(wire);
  }
  return text;
}

function readIntOrString(bytes: Buffer): number | bigint | string {
  const reader = new Reader(bytes);
  let isText = false;
  let number: number | bigint = 0;
  let text = '';
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === 1 && wire === 0) isText = reader.integer() === 1;
    else if (tag === 2 && wire === 0) number = reader.integer();
    else if (tag === 3 && wire === 2) text = reader.text();
    else reader.skip(wire);
  }
  return isText ? text : number;
}

const secondsMin = -62_135_596_800;
const secondsMax = 253_402_300_799;

/** Seconds and nanoseconds; the zero time is absent. */
function readTime(bytes: Buffer, format: 'time' | 'microTime'): string | null {
  const reader = new Reader(bytes);
  let seconds: number | undefined;
  let nanos = 0;
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === 1 && wire === 0) seconds = Number(reader.integer());
    else if (tag === 2 && wire === 0) nanos = Number(reader.integer());
    else reader.skip(wire);
  }
  if (seconds === undefined) return null;
  if (seconds < secondsMin || seconds > secondsMax || nanos < 0 || nanos > 999_999_999)
    throw new ProtobufError('a time is not between the years 1 and 9999');
  const whole = formatTime(seconds * 1000);
  if (format === 'time') return whole;
  return `${whole.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get more(): boolean {
    return this.#at < this.#bytes.length;
  }
  key(): { tag: number; wire: number } {
    const key = Number(this.integer());
    if (key < 8) throw new ProtobufError('a tag is not positive');
    return { tag: Math.floor(key / 8), wire: key % 8 };
  }
  /** A varint as a signed 64-bit number; a bigint where a double cannot hold it. */
  integer(): number | bigint {
    let value = 0;
    let scale = 1;
    // Seven bytes are 49 bits: all lengths, tags and most numbers end before.
    for (let index = 0; index < 7; index++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let wide = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const signed = BigInt.asIntN(64, wide);
      const number = Number(signed);
      return Number.isSafeInteger(number) ? number : signed;
    }
    throw new ProtobufError('a number is longer than ten bytes');
  }
  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ProtobufError('the message ends inside a number');
    return byte;
  }
  double(): number {
    if (this.#at + 8 > this.#bytes.length) throw new ProtobufError('the message ends inside a number');
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }
  bytes(): Buffer {
    const length = Number(this.integer());
    if (length < 0 || this.#at + length > this.#bytes.length)
      throw new ProtobufError('a length points outside the message');
    const found = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return found;
  }
  text(): string {
    return this.bytes().toString('utf8');
  }
  skip(wire: number): void {
    if (wire === 0) this.integer();
    else if (wire === 1) this.#at += 8;
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#at += 4;
    else throw new ProtobufError(`wire type ${wire} is not known`);
    if (this.#at > this.#bytes.length) throw new ProtobufError('the message ends inside a field');
  }
}
