/**
 * JSON from clients: bytes or text to a value, with limits on depth, clear errors for what is no JSON, and the paths of fields that stand twice (which
 * JSON.parse drops in silence). JSON.parse does the work; the text is scanned once beside it, and read slowly only when something is wrong.
 * A key `__proto__` is data: it becomes an own property and never a prototype. Whole numbers keep 64 bits: those that a double cannot hold become bigints, and
 * a bigint knows its JSON. Halves of surrogate pairs become U+FFFD, as in Go.
 */
import { isUtf8 } from 'node:buffer';
import { badRequest } from './status.ts';

/** Deeper text is refused: walkers of parsed values recurse, and nothing in the API nests past 100. */
export const jsonDepthMax = 1000;
/** Duplicates reported; upstream stops at the same number. */
const duplicatesMax = 100;

export interface ParsedJson {
  readonly value: unknown;
  /** Paths such as `spec.containers[0].image`, in the order of the text. */
  readonly duplicates: readonly string[];
}

const none: readonly string[] = Object.freeze([]);

/** Throws BadRequest with Go's wording of what is wrong. With `duplicates: false` none are looked for. */
export function parseJson(input: Uint8Array | string, options: { duplicates: boolean }): ParsedJson {
  const text = typeof input === 'string' ? input : textOf(input);
  const { keys, exponents } = scan(text);
  if (exponents || longRun.test(text) || surrogate.test(text)) {
    const reader = new Reader(text);
    const value = reader.read();
    return { value, duplicates: options.duplicates ? reader.duplicates : none };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The slow reader says it in upstream's words; should it accept the text, the engine's words must do.
    new Reader(text).read();
    throw badRequest(error.message);
  }
  if (!options.duplicates || keys === countKeys(value)) return { value, duplicates: none };
  const reader = new Reader(text);
  reader.read();
  return { value, duplicates: reader.duplicates };
}

/** JSON that this server has written itself: no duplicates, no limits, but every whole number as it is. */
export function parseOwnJson(text: string): unknown {
  return longRun.test(text) && longNumber.test(text) ? new Reader(text).read() : JSON.parse(text);
}

/** Sixteen digits are the least that a number beyond 2^53 has. An engine skips through text without them in strides. */
const longRun = /\d{16}/;
/** The same outside of words: hashes in strings are not worth a slow reading. */
const longNumber = /(?:^|[:,[\s])-?\d{16}/;
/** An escape that may be half of a surrogate pair. */
const surrogate = /\\u[dD][89a-fA-F]/;

const int64Max = 9_223_372_036_854_775_807n;
const int64Min = -9_223_372_036_854_775_808n;

/**
 * A number as it stood in the text. Whole numbers of 64 bits that a double cannot hold are bigints, always: equal values are of one type. Beyond 64 bits
 * they are doubles, as in Go. undefined when even a double cannot hold it.
 */
export function numberOf(token: string): number | bigint | undefined {
  const number = Number(token);
  if (Number.isSafeInteger(number) || !Number.isInteger(number)) return Number.isFinite(number) ? number : undefined;
  if (number > 1e19 || number < -1e19) return number;
  const exact = /^-?\d+$/.test(token) ? BigInt(token) : BigInt(number);
  return exact >= int64Min && exact <= int64Max ? exact : number;
}

// A bigint's own JSON: the language asks the value for it, everywhere. It is the number's digits and not a text.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  writable: true,
  value(this: bigint): unknown {
    return rawJson(this.toString());
  },
});

const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw badRequest('invalid UTF-8 in JSON text');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/**
 * The number of keys in the text (each colon outside of strings follows one), and whether a number has an exponent. Throws when brackets nest too deep.
 */
function scan(text: string): { keys: number; exponents: boolean } {
  let keys = 0;
  let depth = 0;
  let exponents = false;
  const end = text.length;
  for (let at = 0; at < end; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        for (;;) {
          at = text.indexOf('"', at + 1);
          if (at === -1) return { keys, exponents };
          let slashes = at - 1;
          while (text.charCodeAt(slashes) === 0x5c) slashes--;
          if ((at - slashes) % 2 === 1) break;
        }
        break;
      }
      case 0x3a:
        keys++;
        break;
      case 0x7b:
      case 0x5b:
        if (++depth > jsonDepthMax) throw badRequest('exceeded max depth');
        break;
      case 0x7d:
      case 0x5d:
        depth--;
        break;
      case 0x45:
      case 0x65: {
        // The e of true and false follows a letter.
        const before = text.charCodeAt(at - 1);
        if (before >= 0x30 && before <= 0x39) exponents = true;
        break;
      }
      default:
    }
  }
  return { keys, exponents };
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countKeys(item);
    return count;
  }
  const record = value as Record<string, unknown>;
  for (const key in record) {
    count++;
    const inner = record[key];
    if (typeof inner === 'object') count += countKeys(inner);
  }
  return count;
}

/** Reads slowly and exactly: every number as it stands, the paths of duplicates, the words of an error. */
class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  readonly duplicates: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    this.#space();
    const value = this.#value('');
    this.#space();
    if (this.#at < this.#text.length) throw this.#invalid('after top-level value');
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #invalid(where: string): Error {
    const char = this.#text.charAt(this.#at);
    if (char === '') return badRequest('unexpected end of JSON input');
    const code = char.charCodeAt(0);
    const shown = char === "'" ? `'\\''` : code < 0x20 ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${char}'`;
    const named: Record<string, string> = { '\n': "'\\n'", '\t': "'\\t'", '\r': "'\\r'", '\\': "'\\\\'" };
    return badRequest(`invalid character ${named[char] ?? shown} ${where}`);
  }

  #value(path: string): unknown {
    const char = this.#text.charAt(this.#at);
    if (char === '{') return this.#object(path);
    if (char === '[') return this.#array(path);
    if (char === '"') return this.#string();
    if (char === '-' || (char >= '0' && char <= '9')) return this.#number();
    return this.#word();
  }

  #word(): boolean | null {
    for (const [word, value] of words) {
      if (this.#text.charAt(this.#at) !== word.charAt(0)) continue;
      for (const expected of word) {
        if (this.#text.charAt(this.#at) !== expected)
          throw this.#invalid(`in literal ${word} (expecting '${expected}')`);
        this.#at++;
      }
      return value;
    }
    throw this.#invalid('looking for beginning of value');
  }

  #number(): number | bigint {
    numeric.lastIndex = this.#at;
    const found = numeric.exec(this.#text);
    if (found === null) {
      this.#at++;
      throw this.#invalid('in numeric literal');
    }
    this.#at += found[0].length;
    const number = numberOf(found[0]);
    if (number === undefined)
      throw badRequest(`json: cannot unmarshal number ${found[0].slice(0, 64)} into Go value of type float64`);
    return number;
  }

  #string(): string {
    const from = this.#at++;
    let plain = true;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      // NaN at the end of the text is no number above 31 either.
      if (!(code >= 0x20)) throw this.#invalid('in string literal');
      this.#at++;
      if (code === 0x22) break;
      if (code !== 0x5c) continue;
      plain = false;
      escape.lastIndex = this.#at;
      const found = escape.exec(this.#text);
      if (found === null) throw this.#invalid('in string escape code');
      this.#at += found[0].length;
    }
    if (plain) return this.#text.slice(from + 1, this.#at - 1);
    return (JSON.parse(this.#text.slice(from, this.#at)) as string).toWellFormed();
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > jsonDepthMax) throw badRequest('exceeded max depth');
    this.#space();
  }

  #object(path: string): Record<string, unknown> {
    this.#enter();
    const object: Record<string, unknown> = {};
    const seen = new Set<string>();
    if (this.#text.charAt(this.#at) === '}') this.#at++;
    else {
      for (;;) {
        if (this.#text.charAt(this.#at) !== '"') {
          throw this.#invalid('looking for beginning of object key string');
        }
        const key = this.#string();
        const inner = path === '' ? key : `${path}.${key}`;
        if (seen.has(key) && this.duplicates.length < duplicatesMax && !this.duplicates.includes(inner))
          this.duplicates.push(inner);
        seen.add(key);
        this.#space();
        if (this.#text.charAt(this.#at) !== ':') throw this.#invalid('after object key');
        this.#at++;
        this.#space();
        const value = this.#value(inner);
        if (key === '__proto__')
          Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
        else object[key] = value;
        this.#space();
        const next = this.#text.charAt(this.#at);
        if (next !== ',' && next !== '}') throw this.#invalid('after object key:value pair');
        this.#at++;
        if (next === '}') break;
        this.#space();
      }
    }
    this.#depth--;
    return object;
  }

  #array(path: string): unknown[] {
    this.#enter();
    const items: unknown[] = [];
    if (this.#text.charAt(this.#at) === ']') this.#at++;
    else {
      for (let index = 0; ; index++) {
        items.push(this.#value(`${path}[${index}]`));
        this.#space();
        const next = this.#text.charAt(this.#at);
        if (next !== ',' && next !== ']') throw this.#invalid('after array element');
        this.#at++;
        if (next === ']') break;
        this.#space();
      }
    }
    this.#depth--;
    return items;
  }
}

const words: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const numeric = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const escape = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
