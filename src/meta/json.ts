/**
 * JSON from clients: bytes or text to a value, with limits on depth, clear errors for what is no JSON, and the paths of fields that stand twice (which
 * JSON.parse drops in silence). JSON.parse does the work; the text is scanned once beside it, and read slowly only when something is wrong.
 * A key `__proto__` is data: it becomes an own property and never a prototype. Whole numbers beyond 2^53 are rounded, as JSON.parse does.
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
  const keys = scan(text);
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

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw badRequest('invalid UTF-8 in JSON text');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** The number of keys in the text: each colon outside of strings follows one. Throws when brackets nest too deep. */
function scan(text: string): number {
  let colons = 0;
  let depth = 0;
  const end = text.length;
  for (let at = 0; at < end; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        for (;;) {
          at = text.indexOf('"', at + 1);
          if (at === -1) return colons;
          let slashes = at - 1;
          while (text.charCodeAt(slashes) === 0x5c) slashes--;
          if ((at - slashes) % 2 === 1) break;
        }
        break;
      }
      case 0x3a:
        colons++;
        break;
      case 0x7b:
      case 0x5b:
        if (++depth > jsonDepthMax) throw badRequest('exceeded max depth');
        break;
      case 0x7d:
      case 0x5d:
        depth--;
        break;
      default:
    }
  }
  return colons;
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

/** Reads without building values: for the paths of duplicates, and for the words of an error. */
class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  readonly duplicates: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    this.#space();
    this.#value('');
    this.#space();
    if (this.#at < this.#text.length) throw this.#invalid('after top-level value');
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #invalid(where: string): Error {
    const char = this.#text.charAt(this.#at);
    if (char === '') return badRequest('unexpected end of JSON input');
    const code = char.charCodeAt(0);
    const shown = char === "'" ? `'\\''` : code < 0x20 ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${char}'`;
    const named: Record<string, string> = { '\n': "'\\n'", '\t': "'\\t'", '\r': "'\\r'", '\\': "'\\\\'" };
    return badRequest(`invalid character ${named[char] ?? shown} ${where}`);
  }

  #value(path: string): void {
    const char = this.#text.charAt(this.#at);
    if (char === '{') this.#object(path);
    else if (char === '[') this.#array(path);
    else if (char === '"') this.#string();
    else if (char === '-' || (char >= '0' && char <= '9')) this.#number();
    else this.#word();
  }

  #word(): void {
    for (const word of ['true', 'false', 'null']) {
      if (this.#text.charAt(this.#at) !== word.charAt(0)) continue;
      for (const expected of word) {
        if (this.#text.charAt(this.#at) !== expected)
          throw this.#invalid(`in literal ${word} (expecting '${expected}')`);
        this.#at++;
      }
      return;
    }
    throw this.#invalid('looking for beginning of value');
  }

  #number(): void {
    const match = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) {
      this.#at++;
      throw this.#invalid('in numeric literal');
    }
    this.#at += found[0].length;
  }

  #string(): string {
    const from = this.#at++;
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char === '' || char < ' ') throw this.#invalid('in string literal');
      this.#at++;
      if (char === '"') break;
      if (char !== '\\') continue;
      const escape = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
      escape.lastIndex = this.#at;
      const found = escape.exec(this.#text);
      if (found === null) throw this.#invalid('in string escape code');
      this.#at += found[0].length;
    }
    return JSON.parse(this.#text.slice(from, this.#at)) as string;
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > jsonDepthMax) throw badRequest('exceeded max depth');
    this.#space();
  }

  #object(path: string): void {
    this.#enter();
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
        this.#value(inner);
        this.#space();
        const next = this.#text.charAt(this.#at);
        if (next !== ',' && next !== '}') throw this.#invalid('after object key:value pair');
        this.#at++;
        if (next === '}') break;
        this.#space();
      }
    }
    this.#depth--;
  }

  #array(path: string): void {
    this.#enter();
    if (this.#text.charAt(this.#at) === ']') this.#at++;
    else {
      for (let index = 0; ; index++) {
        this.#value(`${path}[${index}]`);
        this.#space();
        const next = this.#text.charAt(this.#at);
        if (next !== ',' && next !== ']') throw this.#invalid('after array element');
        this.#at++;
        if (next === ']') break;
        this.#space();
      }
    }
    this.#depth--;
  }
}
