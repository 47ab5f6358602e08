/** The values of literals from their texts, with upstream's words for those that have none. */
import type { Constant } from './ast.ts';

export type Literal = { readonly constant: Constant } | { readonly fault: string };

const int64 = 2n ** 63n;

/** `12`, `-12`, `0x1f`. */
export function intLiteral(text: string): Literal {
  const value = integer(text);
  if (value === undefined || value < -int64 || value >= int64) return { fault: 'invalid int literal' };
  return { constant: { type: 'int', value } };
}

/** `12u`, `0x1fU`. */
export function uintLiteral(text: string): Literal {
  const value = integer(text.slice(0, -1));
  return value === undefined || value >= 2n * int64
    ? { fault: 'invalid uint literal' }
    : { constant: { type: 'uint', value } };
}

function integer(text: string): bigint | undefined {
  const isNegative = text.startsWith('-');
  const digits = isNegative ? text.slice(1) : text;
  if (!/^(?:[0-9]+|0x[0-9A-Fa-f]+)$/.test(digits)) return undefined;
  return isNegative ? -BigInt(digits) : BigInt(digits);
}

/** `1.5`, `-.5`, `1e10`. */
export function doubleLiteral(text: string): Literal {
  const value = Number(text);
  return Number.isFinite(value) ? { constant: { type: 'double', value } } : { fault: 'invalid double literal' };
}

export function stringLiteral(text: string): Literal {
  const read = unquote(text, false);
  return 'fault' in read
    ? read
    : {
        constant: {
          type: 'string',
          value: read.parts.map((part) => (typeof part === 'number' ? String.fromCodePoint(part) : part)).join(''),
        },
      };
}

export function bytesLiteral(text: string): Literal {
  const read = unquote(text.slice(1), true);
  if ('fault' in read) return read;
  const parts = read.parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : Buffer.from(part)));
  return { constant: { type: 'bytes', value: new Uint8Array(Buffer.concat(parts)) } };
}

/** Texts as they stand, and numbers: characters of a string, bytes of bytes. */
type Unquoted = { readonly parts: readonly (string | number)[] } | { readonly fault: string };

const faulty = { fault: 'unable to unescape string' };
const simple: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

function unquote(text: string, isBytes: boolean): Unquoted {
  const lines = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  const quotes = /^(?<raw>[rR]?)(?<quote>"""|'''|"|')(?<inside>[^]*)\k<quote>$/.exec(lines)?.groups;
  if (quotes === undefined) return faulty;
  const { raw, inside = '' } = quotes;
  if (raw !== '' || !inside.includes('\\')) return { parts: [inside] };
  return unescape(inside, isBytes);
}

function unescape(text: string, isBytes: boolean): Unquoted {
  const parts: (string | number)[] = [];
  const escape =
    /\\(?:[xX](?<byte>[0-9A-Fa-f]{2})|u(?<short>[0-9A-Fa-f]{4})|U(?<long>[0-9A-Fa-f]{8})|(?<octal>[0-3][0-7]{2})|(?<letter>[^xXuU0-3]))/y;
  for (let at = 0; at < text.length;) {
    const next = text.indexOf('\\', at);
    if (next !== at) {
      const end = next < 0 ? text.length : next;
      parts.push(text.slice(at, end));
      at = end;
      continue;
    }
    escape.lastIndex = at;
    const found = escape.exec(text)?.groups;
    if (found === undefined) return faulty;
    const { byte, short, long, octal, letter = '' } = found;
    const unicode = short ?? long;
    if (unicode !== undefined && isBytes) return faulty;
    const hex = byte ?? unicode;
    if (hex !== undefined || octal !== undefined) {
      const code = hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return { fault: 'invalid unicode code point' };
      parts.push(code);
    } else {
      const character = simple[letter];
      if (character === undefined) return faulty;
      parts.push(character);
    }
    at = escape.lastIndex;
  }
  return { parts };
}
