/**
 * Objects to Kubernetes' protobuf, derived from the declarations. Messages are written from their end to their beginning, as Go's generated code does it: the
 * length of a part is known when its head is written, so one buffer and one walk suffice. Each struct is compiled once. Fields go in the order of their tags, maps in
 * the order of their keys: equal objects are equal bytes. What is absent is not written; a Go reader sees the zero value that upstream would have sent.
 */
import { parseMicros } from '#meta/time.ts';
import type { AnyTypeData, EitherType, FieldData, StructType } from './type.ts';

/** The message of an object that fits the struct. */
export function encodeMessage(type: StructType, object: Readonly<Record<string, unknown>>): Buffer {
  const writer = shared ?? new ReverseWriter();
  // An encoder that is called from inside an encoder gets a buffer of its own.
  shared = undefined;
  try {
    messageOf(type)(writer, object);
    return writer.take();
  } finally {
    writer.reset();
    shared = writer;
  }
}

const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/** `k8s\0` and runtime.Unknown around a message that is given in parts, which are copied once. */
export function sealEnvelope(
  of: { readonly apiVersion: string; readonly kind: string },
  ...raw: readonly Buffer[]
): Buffer {
  let length = 0;
  for (const part of raw) length += part.length;
  return Buffer.concat([envelopeHead(of, length), ...raw, envelopeEnd]);
}

/** What stands before a message of this length; `envelopeEnd` stands after it. */
export function envelopeHead(of: { readonly apiVersion: string; readonly kind: string }, length: number): Buffer {
  const writer = new ReverseWriter(64);
  writer.text(2, of.kind);
  writer.text(1, of.apiVersion);
  const typeMeta = writer.take();
  return Buffer.concat([magic, headOf(1, typeMeta.length), typeMeta, headOf(2, length)]);
}

/** The envelope's contentEncoding and contentType, both empty. */
export const envelopeEnd = Buffer.from([0x1a, 0x00, 0x22, 0x00]);

/** The key and length of a length-delimited field: for messages that are put together from finished parts. */
export function headOf(tag: number, length: number): Buffer {
  const writer = new ReverseWriter(16);
  writer.varint(length);
  writer.varint(tag * 8 + 2);
  return writer.take();
}

/** A kept buffer beyond this is given back: one huge object must not cost memory for ever. */
const keptBytesMax = 4 * 1024 * 1024;

class ReverseWriter {
  #bytes: Buffer;
  /** Everything from here on is written. */
  #at: number;
  readonly #size: number;

  constructor(size = 64 * 1024) {
    this.#size = size;
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#at = size;
  }

  /** Bytes written so far: the difference of two is the length of what came between. */
  get written(): number {
    return this.#bytes.length - this.#at;
  }

  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#at));
  }

  reset(): void {
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(this.#size);
    this.#at = this.#bytes.length;
  }

  #room(more: number): void {
    if (more <= this.#at) return;
    const written = this.written;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, written + more));
    this.#bytes.copy(larger, larger.length - written, this.#at);
    this.#bytes = larger;
    this.#at = larger.length - written;
  }

  varint(value: number): void {
    this.#room(10);
    if (value < 0x80) {
      this.#bytes[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
    let at = (this.#at -= size);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[at] = rest;
  }

  integer(tag: number, value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) this.varint(value);
    else this.#signed(BigInt(value));
    this.varint(tag * 8);
  }

  /** Two's complement over 64 bits. */
  #signed(value: bigint): void {
    this.#room(10);
    const out: number[] = [];
    let rest = BigInt.asUintN(64, value);
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      out.push(rest > 0n ? low | 0x80 : low);
    } while (rest > 0n);
    this.#at -= out.length;
    for (const [index, byte] of out.entries()) this.#bytes[this.#at + index] = byte;
  }

  double(tag: number, value: number): void {
    this.#room(8);
    this.#at -= 8;
    this.#bytes.writeDoubleLE(value, this.#at);
    this.varint(tag * 8 + 1);
  }

  text(tag: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.#room(length);
    this.#at -= length;
    this.#bytes.write(value, this.#at, length, 'utf8');
    this.varint(length);
    this.varint(tag * 8 + 2);
  }

  bytes(tag: number, value: Buffer): void {
    this.#room(value.length);
    this.#at -= value.length;
    value.copy(this.#bytes, this.#at);
    this.varint(value.length);
    this.varint(tag * 8 + 2);
  }

  /** Closes a message that was written since `before`. */
  head(tag: number, before: number): void {
    this.varint(this.written - before);
    this.varint(tag * 8 + 2);
  }
}

let shared: ReverseWriter | undefined;

type Write = (writer: ReverseWriter, value: unknown) => void;
type WriteMessage = (writer: ReverseWriter, object: Readonly<Record<string, unknown>>) => void;

const compiled = new WeakMap<StructType, WriteMessage>();

function messageOf(type: StructType): WriteMessage {
  let write = compiled.get(type);
  if (!write) {
    // Registered before its fields are compiled: a struct may contain itself.
    let ready: WriteMessage | undefined;
    compiled.set(type, (writer, object) => (ready as WriteMessage)(writer, object));
    write = ready = partsOf(placed(type));
    compiled.set(type, write);
  }
  return write;
}

/** The tags of one message: fields, and inline messages whose fields are flat in JSON. */
interface Placed {
  readonly fields: Map<number, { readonly name: string; readonly field: FieldData }>;
  readonly inlined: Map<number, Placed>;
}

function placed(type: StructType): Placed {
  const top: Placed = { fields: new Map(), inlined: new Map() };
  for (const [name, field] of Object.entries(type.fields)) {
    if (field.tag === 0) continue;
    let at = top;
    for (const tag of field.via ?? []) {
      let next = at.inlined.get(tag);
      if (!next) at.inlined.set(tag, (next = { fields: new Map(), inlined: new Map() }));
      at = next;
    }
    at.fields.set(field.tag, { name, field });
  }
  return top;
}

function partsOf({ fields, inlined }: Placed): WriteMessage {
  const parts: { tag: number; write: WriteMessage }[] = [];
  for (const [tag, { name, field }] of fields) {
    const write = fieldWriter(tag, field.type);
    parts.push({
      tag,
      write(writer, object) {
        const value = object[name];
        if (value !== undefined && value !== null) write(writer, value);
      },
    });
  }
  for (const [tag, inner] of inlined) {
    const write = partsOf(inner);
    parts.push({
      tag,
      write(writer, object) {
        const before = writer.written;
        write(writer, object);
        if (writer.written > before) writer.head(tag, before);
      },
    });
  }
  const writes = parts.sort((a, b) => b.tag - a.tag).map(({ write }) => write);
  return (writer, object) => {
    for (const write of writes) write(writer, object);
  };
}

function fieldWriter(tag: number, type: AnyTypeData): Write {
  if (type.is === 'list') {
    const write = valueWriter(tag, type.items);
    return (writer, value) => {
      const items = value as readonly unknown[];
      for (let index = items.length - 1; index >= 0; index--) write(writer, items[index]);
    };
  }
  if (type.is === 'map') {
    const write = valueWriter(2, type.values);
    return (writer, value) => {
      const entries = value as Readonly<Record<string, unknown>>;
      const keys = Object.keys(entries).sort();
      for (let index = keys.length - 1; index >= 0; index--) {
        const key = keys[index] as string;
        const before = writer.written;
        const inner = entries[key];
        if (inner !== null && inner !== undefined) write(writer, inner);
        writer.text(1, key);
        writer.head(tag, before);
      }
    };
  }
  return valueWriter(tag, type);
}

function valueWriter(tag: number, type: AnyTypeData): Write {
  switch (type.is) {
    case 'integer':
      return (writer, value) => writer.integer(tag, value as number | bigint);
    case 'boolean':
      return (writer, value) => writer.integer(tag, value === true ? 1 : 0);
    case 'number':
      return (writer, value) => writer.double(tag, Number(value));
    case 'string':
      switch (type.format) {
        case 'byte':
          return (writer, value) => writer.bytes(tag, Buffer.from(value as string, 'base64'));
        case 'time':
        case 'microTime':
          return message(tag, writeTime);
        default:
          return (writer, value) => writer.text(tag, value as string);
      }
    case 'quantity':
      return message(tag, (writer, value) => writer.text(1, String(value)));
    case 'any':
      return message(tag, (writer, value) => writer.text(1, JSON.stringify(value)));
    case 'intOrString':
      return message(tag, (writer, value) => {
        const isText = typeof value === 'string';
        writer.text(3, isText ? value : '');
        writer.integer(2, isText ? 0 : (value as number));
        writer.integer(1, isText ? 1 : 0);
      });
    case 'struct': {
      const write = messageOf(type);
      return message(tag, (writer, value) => write(writer, value as Readonly<Record<string, unknown>>));
    }
    case 'list':
      // Only inside a map: a message with the repeated field 1 (ExtraValue).
      return message(tag, fieldWriter(1, type));
    case 'either':
      return message(tag, eitherWriter(type));
    case 'map':
      throw new TypeError('a map stands where none can be');
    default:
      return type satisfies never;
  }
}

/** One of two tags. As Go has it: where a schema is given, something is allowed. */
function eitherWriter({ struct, other, tags }: EitherType): Write {
  const object = valueWriter(tags.struct, struct);
  const rest = fieldWriter(tags.other, other);
  return (writer, value) => {
    if (typeof value !== 'object' || Array.isArray(value)) {
      rest(writer, value);
      return;
    }
    object(writer, value);
    if (other.is === 'boolean') writer.integer(tags.other, 1);
  };
}

function message(tag: number, write: Write): Write {
  return (writer, value) => {
    const before = writer.written;
    write(writer, value);
    writer.head(tag, before);
  };
}

/** google.protobuf.Timestamp's shape: seconds and nanoseconds. */
const writeTime: Write = (writer, value) => {
  const instant = parseMicros(value as string);
  if (instant === undefined) return;
  writer.integer(2, instant.micros * 1000);
  writer.integer(1, instant.seconds);
};
