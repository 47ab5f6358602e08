/**
 * Kubernetes' protobuf wire form, derived from the declarations: tags, inline messages, and the few types that have a shape of their own (quantities, times,
 * int-or-string, raw JSON). Objects travel in the `k8s\0` envelope of runtime.Unknown
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Bytes are hostile: every length is checked, depth is bounded.
 */
import { formatMicroTime, formatTime, parseTime } from '#meta/time.ts';
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

/** Wraps a message. */
export function sealEnvelope({ apiVersion, kind, raw }: Envelope): Buffer {
  const meta = new Writer();
  meta.bytes(1, Buffer.from(apiVersion));
  meta.bytes(2, Buffer.from(kind));
  const unknown = new Writer();
  unknown.bytes(1, meta.done());
  unknown.bytes(2, raw);
  unknown.bytes(3, Buffer.alloc(0));
  unknown.bytes(4, Buffer.alloc(0));
  return Buffer.concat([magic, unknown.done()]);
}

/** A message of a struct, as the JSON value it stands for. Unknown tags are skipped, as protobuf asks. Throws ProtobufError. */
export function decodeMessage(type: StructType, bytes: Buffer): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  readInto(object, layoutOf(type), bytes, 0);
  return object;
}

/** The message of an object that fits the struct. */
export function encodeMessage(type: StructType, object: Readonly<Record<string, unknown>>): Buffer {
  return writeStruct(layoutOf(type), object);
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
    if (field.presence !== 'required' && isZero(field.type, object[name])) delete object[name];
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
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new ProtobufError('a raw field does not hold JSON');
      }
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

function readIntOrString(bytes: Buffer): number | string {
  const reader = new Reader(bytes);
  let isText = false;
  let number = 0;
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

/** Seconds and nanoseconds; the zero time is absent. */
function readTime(bytes: Buffer, format: 'time' | 'microTime'): string | null {
  const reader = new Reader(bytes);
  let seconds: number | undefined;
  let nanos = 0;
  while (reader.more) {
    const { tag, wire } = reader.key();
    if (tag === 1 && wire === 0) seconds = reader.integer();
    else if (tag === 2 && wire === 0) nanos = reader.integer();
    else reader.skip(wire);
  }
  if (seconds === undefined) return null;
  const ms = seconds * 1000 + nanos / 1e6;
  return format === 'time' ? formatTime(ms) : formatMicroTime(ms);
}

function writeStruct(layout: Layout, object: Readonly<Record<string, unknown>>): Buffer {
  const writer = new Writer();
  for (const [tag, inner] of layout.inlined) {
    const bytes = writeStruct(inner, object);
    if (bytes.length > 0) writer.bytes(tag, bytes);
  }
  for (const [tag, { name, field }] of layout.fields) {
    const value = object[name];
    if (value === undefined || value === null) continue;
    if (field.type.is === 'list')
      for (const item of value as readonly unknown[]) writeValue(writer, tag, field.type.items, item);
    else if (field.type.is === 'map') {
      for (const [key, each] of Object.entries(value as Record<string, unknown>)) {
        const entry = new Writer();
        entry.bytes(1, Buffer.from(key));
        writeValue(entry, 2, field.type.values, each);
        writer.bytes(tag, entry.done());
      }
    } else writeValue(writer, tag, field.type, value);
  }
  return writer.done();
}

function writeValue(writer: Writer, tag: number, type: AnyTypeData, value: unknown): void {
  switch (type.is) {
    case 'integer':
      writer.integer(tag, value as number);
      return;
    case 'boolean':
      writer.integer(tag, value ? 1 : 0);
      return;
    case 'number':
      writer.double(tag, value as number);
      return;
    case 'string':
      if (type.format === 'byte') writer.bytes(tag, Buffer.from(value as string, 'base64'));
      else if (type.format === 'time' || type.format === 'microTime') writer.bytes(tag, timeMessage(value as string));
      else writer.bytes(tag, Buffer.from(value as string));
      return;
    case 'quantity':
      writer.bytes(tag, single(String(value)));
      return;
    case 'any':
      writer.bytes(tag, single(JSON.stringify(value)));
      return;
    case 'intOrString': {
      const inner = new Writer();
      inner.integer(1, typeof value === 'string' ? 1 : 0);
      inner.integer(2, typeof value === 'number' ? value : 0);
      inner.bytes(3, Buffer.from(typeof value === 'string' ? value : ''));
      writer.bytes(tag, inner.done());
      return;
    }
    case 'either': {
      const inner = new Writer();
      if (typeof value === 'object' && !Array.isArray(value)) {
        // As Go has it: where a schema is given, something is allowed.
        if (type.other.is === 'boolean') inner.integer(type.tags.other, 1);
        writeValue(inner, type.tags.struct, type.struct, value);
      } else if (type.other.is === 'list')
        for (const item of value as readonly unknown[]) writeValue(inner, type.tags.other, type.other.items, item);
      else writeValue(inner, type.tags.other, type.other, value);
      writer.bytes(tag, inner.done());
      return;
    }
    case 'struct':
      writer.bytes(tag, writeStruct(layoutOf(type), value as Record<string, unknown>));
      return;
    case 'list': {
      const inner = new Writer();
      for (const item of value as readonly unknown[]) writeValue(inner, 1, type.items, item);
      writer.bytes(tag, inner.done());
      return;
    }
    case 'map':
      throw new ProtobufError('a map stands where none can be');
    default:
      (type) satisfies never;
  }
}

function single(text: string): Buffer {
  const writer = new Writer();
  writer.bytes(1, Buffer.from(text));
  return writer.done();
}

function timeMessage(text: string): Buffer {
  const writer = new Writer();
  const ms = parseTime(text);
  if (ms === undefined) return writer.done();
  const seconds = Math.floor(ms / 1000);
  writer.integer(1, seconds);
  writer.integer(2, Math.round((ms - seconds * 1000) * 1e6));
  return writer.done();
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
    const key = this.integer();
    if (key < 8) throw new ProtobufError('a tag is not positive');
    return { tag: Math.floor(key / 8), wire: key % 8 };
  }
  /** A varint as a signed 64-bit number; beyond 2^53 it loses its low digits. */
  integer(): number {
    let low = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ProtobufError('the message ends inside a number');
      if (shift === 0n && byte < 0x80) return byte;
      low |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, low));
    }
    throw new ProtobufError('a number is longer than ten bytes');
  }
  double(): number {
    if (this.#at + 8 > this.#bytes.length) throw new ProtobufError('the message ends inside a number');
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }
  bytes(): Buffer {
    const length = this.integer();
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

class Writer {
  readonly #parts: Buffer[] = [];

  #varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.#parts.push(Buffer.from([value]));
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    const out: number[] = [];
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      out.push(rest > 0n ? low | 0x80 : low);
    } while (rest > 0n);
    this.#parts.push(Buffer.from(out));
  }
  integer(tag: number, value: number): void {
    this.#varint(tag * 8);
    this.#varint(value);
  }
  double(tag: number, value: number): void {
    this.#varint(tag * 8 + 1);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(bytes);
  }
  bytes(tag: number, value: Buffer): void {
    this.#varint(tag * 8 + 2);
    this.#varint(value.length);
    this.#parts.push(value);
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
