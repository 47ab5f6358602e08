/**
 * DNS messages as bytes (RFC 1035, EDNS RFC 6891): reads one question, writes an answer with compressed names. Whatever arrives is hostile: reading
 * never goes past the end, never follows a loop, and answers undefined for what it does not understand. A name is lower-case text here, with
 * its labels' bytes as latin1; the question itself goes back exactly as it came.
 */

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const codes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;
export type Code = (typeof codes)[keyof typeof codes];

export interface Question {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question as it was sent. */
  readonly bytes: Buffer;
  /** What the client takes over UDP; undefined without EDNS. */
  readonly ednsBytes: number | undefined;
}

export type Record = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA'; readonly address: Uint8Array }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly type: 'TXT'; readonly text: string }
  | {
      readonly type: 'SOA';
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      readonly negativeTtl: number;
    }
);

export interface Answer {
  readonly code: Code;
  readonly authoritative: boolean;
  readonly answers: readonly Record[];
  readonly authorities: readonly Record[];
  readonly additionals: readonly Record[];
}

export const headerBytes = 12;
const nameBytesMax = 255;
/** Fits every path without fragments: https://www.dnsflagday.net/2020/ */
const ednsBytesOurs = 1232;

/** 'ignore': an answer or less than a header, which gets no reply. 'malformed': FORMERR. */
export function readQuestion(message: Buffer): Question | 'ignore' | 'malformed' {
  if (message.length < headerBytes || (message.readUInt8(2) & 0x80) !== 0) return 'ignore';
  if (message.readUInt16BE(4) !== 1) return 'malformed';
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // Pointers in a first question have nothing to point to.
    if (length === undefined || length > 63) return 'malformed';
    at++;
    if (length === 0) break;
    if (at + length > message.length || at - headerBytes + length > nameBytesMax) return 'malformed';
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return 'malformed';
  return {
    id: message.readUInt16BE(0),
    opcode: (message.readUInt8(2) >> 3) & 15,
    recursionDesired: (message.readUInt8(2) & 1) !== 0,
    // A dot inside a label must not look like the end of one.
    name: labels.map((label) => label.toLowerCase().replaceAll('.', '\\.')).join('.'),
    type: message.readUInt16BE(at),
    class: message.readUInt16BE(at + 2),
    bytes: message.subarray(headerBytes, at + 4),
    ednsBytes: ednsOf(message, at + 4),
  };
}

function ednsOf(message: Buffer, from: number): number | undefined {
  let found: number | undefined;
  walkRecords(message, from, ({ type, at }) => {
    if (type === types.OPT) found = Math.max(512, message.readUInt16BE(at + 2));
  });
  return found;
}

/** Calls for each record after the question with the place of its type field (its data follow 10 bytes later); false when the message ends too early. */
export function walkRecords(
  message: Buffer,
  from: number,
  visit: (record: { readonly type: number; readonly at: number; readonly index: number }) => void,
): boolean {
  let at = from;
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let i = 0; i < count; i++) {
    for (;;) {
      const length = message[at];
      if (length === undefined) return false;
      if (length >= 0xc0) {
        at += 2;
        break;
      }
      at += length + 1;
      if (length === 0) break;
    }
    if (at + 10 > message.length) return false;
    visit({ type: message.readUInt16BE(at), at, index: i });
    at += 10 + message.readUInt16BE(at + 8);
    if (at > message.length) return false;
  }
  return true;
}

/** The whole reply; over UDP one that is too long says so (TC) and holds no records, so that the client asks over TCP. */
export function writeAnswer(question: Question, answer: Answer, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? 65_535 : Math.min(question.ednsBytes ?? 512, ednsBytesOurs);
  const whole = write(question, answer, false);
  if (whole.length <= limit) return whole;
  // Additional records are a courtesy, not the answer.
  const bare = write(question, { ...answer, additionals: [] }, false);
  if (bare.length <= limit) return bare;
  return write(question, { ...answer, answers: [], authorities: [], additionals: [] }, true);
}

/** A reply without records, also to a message whose question could not be read. */
export function writeFailure(message: Buffer, code: Code): Buffer {
  const reply = Buffer.alloc(headerBytes);
  message.copy(reply, 0, 0, 2);
  reply.writeUInt8(0x80 | (message.readUInt8(2) & 0x79), 2);
  reply.writeUInt8(code, 3);
  return reply;
}

function write(question: Question, answer: Answer, truncated: boolean): Buffer {
  const writer = new Writer(question);
  for (const record of answer.answers) writer.record(record);
  for (const record of answer.authorities) writer.record(record);
  for (const record of answer.additionals) writer.record(record);
  const edns = question.ednsBytes !== undefined;
  if (edns) writer.bytes(Buffer.from([0, 0, types.OPT, ednsBytesOurs >> 8, ednsBytesOurs & 255, 0, 0, 0, 0, 0, 0]));
  const flags =
    0x8000 |
    (question.opcode << 11) |
    (answer.authoritative ? 0x0400 : 0) |
    (truncated ? 0x0200 : 0) |
    (question.recursionDesired ? 0x0100 : 0) |
    0x0080 |
    answer.code;
  const header = [
    question.id,
    flags,
    1,
    answer.answers.length,
    answer.authorities.length,
    answer.additionals.length + (edns ? 1 : 0),
  ];
  return writer.finish(header);
}

class Writer {
  readonly #parts: Buffer[];
  #length: number;
  /** Where a name (or the end of one) stands already. */
  readonly #places = new Map<string, number>();

  constructor({ name, bytes }: Question) {
    this.#parts = [Buffer.alloc(headerBytes), bytes];
    this.#length = headerBytes + bytes.length;
    let at = headerBytes;
    let rest = name;
    // A label with a dot of its own is left out: its text has another length than its bytes.
    if (name.includes('\\')) return;
    while (rest !== '') {
      this.#places.set(rest, at);
      const dot = rest.indexOf('.');
      at += (dot < 0 ? rest.length : dot) + 1;
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
  }

  bytes(part: Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  record(record: Record): void {
    this.#name(record.name);
    const head = Buffer.alloc(10);
    head.writeUInt16BE(types[record.type], 0);
    head.writeUInt16BE(1, 2);
    head.writeUInt32BE(record.ttl, 4);
    this.bytes(head);
    const from = this.#length;
    this.#data(record);
    head.writeUInt16BE(this.#length - from, 8);
  }

  finish(header: readonly number[]): Buffer {
    for (const [index, value] of header.entries()) this.#parts[0]?.writeUInt16BE(value, index * 2);
    return Buffer.concat(this.#parts, this.#length);
  }

  #data(record: Record): void {
    switch (record.type) {
      case 'A':
      case 'AAAA':
        this.bytes(Buffer.from(record.address));
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(record.target);
        return;
      case 'SRV': {
        const head = Buffer.alloc(6);
        head.writeUInt16BE(record.priority, 0);
        head.writeUInt16BE(record.weight, 2);
        head.writeUInt16BE(record.port, 4);
        this.bytes(head);
        // RFC 2782: the target is not compressed.
        this.#name(record.target, false);
        return;
      }
      case 'TXT':
        this.bytes(Buffer.concat([Buffer.from([record.text.length]), Buffer.from(record.text, 'latin1')]));
        return;
      case 'SOA': {
        this.#name(record.primary);
        this.#name(record.mailbox);
        const numbers = Buffer.alloc(20);
        const values = [record.serial, 7200, 1800, 86_400, record.negativeTtl];
        for (const [index, value] of values.entries()) numbers.writeUInt32BE(value, index * 4);
        this.bytes(numbers);
        return;
      }
      default:
        record satisfies never;
    }
  }

  #name(name: string, compress = true): void {
    const pieces: Buffer[] = [];
    let rest = name;
    let at = this.#length;
    while (rest !== '') {
      const known = compress ? this.#places.get(rest) : undefined;
      if (known !== undefined) {
        pieces.push(Buffer.from([0xc0 | (known >> 8), known & 255]));
        this.bytes(Buffer.concat(pieces));
        return;
      }
      // A pointer has 14 bits.
      if (compress && at < 0x4000) this.#places.set(rest, at);
      const dot = rest.indexOf('.');
      const label = dot < 0 ? rest : rest.slice(0, dot);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
      const bytes = Buffer.from(label.slice(0, 63), 'latin1');
      pieces.push(Buffer.from([bytes.length]), bytes);
      at += bytes.length + 1;
    }
    pieces.push(Buffer.from([0]));
    this.bytes(Buffer.concat(pieces));
  }
}
