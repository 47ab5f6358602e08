/**
 * Cuts a text into tokens: the longest match wins, as in upstream's generated lexer, and so do the places and texts of what cannot be cut. Tokens are cut
 * when they are asked for, since reporting stops at a limit.
 */
import { BEFORE_START } from './errors.ts';
import {
  BYTES,
  COMMENT,
  END,
  ESCAPED_IDENTIFIER,
  FLOAT,
  IDENTIFIER,
  INT,
  STRING,
  type Token,
  tokenType,
  type TokenType,
  UINT,
  UNKNOWN,
  WHITESPACE,
} from './token.ts';

/** A token found, or the place of the character that fits nothing. */
type Cut = { readonly type: TokenType; readonly end: number } | { readonly fault: number };
type Characters = readonly string[];

/** A source of tokens with lookahead over those that the grammar sees. */
export class Tokens {
  readonly #characters: Characters;
  readonly #report: (offset: number, message: string) => void;
  readonly #all: Token[] = [];
  readonly #seen: Token[] = [];
  #offset = 0;
  /** How many of the tokens that the grammar sees are consumed. */
  position = 0;

  constructor(characters: Characters, report: (offset: number, message: string) => void) {
    this.#characters = characters;
    this.#report = report;
  }

  /** The token that is `ahead` places ahead, 1 the next one; the end of the text again and again. */
  look(ahead: number): Token {
    const wanted = this.position + ahead - 1;
    let last = this.#seen.at(-1);
    while (last === undefined || (this.#seen.length <= wanted && last.type !== END)) {
      const token = this.#next();
      this.#all.push(token);
      if (token.type !== WHITESPACE && token.type !== COMMENT) {
        this.#seen.push(token);
        last = token;
      }
    }
    return this.#seen[wanted] ?? last;
  }

  /** The token that was consumed last. */
  get previous(): Token | undefined {
    return this.#seen[this.position - 1];
  }

  consume(): void {
    if (this.look(1).type !== END) this.position++;
  }

  /** The text of the tokens from one to another with all between them. */
  textBetween(first: Token, last: Token): string {
    const tokens = this.#all.slice(first.index, last.index + 1);
    return tokens.map(({ type, text }) => (type === END ? '' : text)).join('');
  }

  #next(): Token {
    const characters = this.#characters;
    for (;;) {
      const offset = this.#offset;
      if (offset >= characters.length) {
        const isEmpty = characters.length === 0;
        return { type: END, text: '<EOF>', offset: isEmpty ? BEFORE_START : offset, index: this.#all.length };
      }
      const cut = cutToken(characters, offset);
      if ('type' in cut) {
        this.#offset = cut.end;
        return { type: cut.type, text: characters.slice(offset, cut.end).join(''), offset, index: this.#all.length };
      }
      this.#offset = Math.min(cut.fault + 1, characters.length);
      this.#report(offset, `token recognition error at: '${characters.slice(offset, cut.fault + 1).join('')}'`);
    }
  }
}

function cutToken(characters: Characters, start: number): Cut {
  const first = characters[start] ?? '';
  if (/[A-Za-z_]/.test(first)) return cutWord(characters, start);
  if (/[\t \r\n\f]/.test(first)) return { type: WHITESPACE, end: skip(characters, start, /[\t \r\n\f]/) };
  if (/[0-9]/.test(first) || (first === '.' && /[0-9]/.test(characters[start + 1] ?? '')))
    return cutNumber(characters, start);
  if (first === '"' || first === "'") return cutString(characters, start, false);
  if (first === '`') return cutEscaped(characters, start);
  const second = characters[start + 1] ?? '';
  if (first === '/' && second === '/') return { type: COMMENT, end: skip(characters, start, /[^\n]/) };
  const double = tokenType(first + second);
  if (second !== '' && double !== UNKNOWN) return { type: double, end: start + 2 };
  const single = tokenType(first);
  if (single !== UNKNOWN) return { type: single, end: start + 1 };
  return { fault: first === '=' || first === '&' || first === '|' ? start + 1 : start };
}

function skip(characters: Characters, start: number, pattern: RegExp): number {
  let end = start;
  while (end < characters.length && pattern.test(characters[end] ?? '')) end++;
  return end;
}

/** A name, a reserved word, or a string with a prefix. */
function cutWord(characters: Characters, start: number): Cut {
  const bytes = /[bB]/.test(characters[start] ?? '') ? 1 : 0;
  const raw = /[rR]/.test(characters[start + bytes] ?? '') ? 1 : 0;
  const quote = start + bytes + raw;
  if (quote > start && /["']/.test(characters[quote] ?? '')) {
    const text = cutString(characters, quote, raw === 1);
    if ('end' in text) return bytes === 1 ? { ...text, type: BYTES } : text;
  }
  const end = skip(characters, start, /[A-Za-z0-9_]/);
  const word = characters.slice(start, end).join('');
  return { type: ['in', 'true', 'false', 'null'].includes(word) ? tokenType(word) : IDENTIFIER, end };
}

function cutNumber(characters: Characters, start: number): Cut {
  const unsigned = (end: number): Cut =>
    /[uU]/.test(characters[end] ?? '') ? { type: UINT, end: end + 1 } : { type: INT, end };
  const isDigit = (at: number): boolean => /[0-9]/.test(characters[at] ?? '');
  if (characters[start] === '0' && characters[start + 1] === 'x') {
    const end = skip(characters, start + 2, /[0-9A-Fa-f]/);
    if (end > start + 2) return unsigned(end);
  }
  const whole = skip(characters, start, /[0-9]/);
  const fraction = characters[whole] === '.' && isDigit(whole + 1) ? skip(characters, whole + 1, /[0-9]/) : whole;
  let end = fraction;
  if (/[eE]/.test(characters[end] ?? '')) {
    const digits = /[+-]/.test(characters[end + 1] ?? '') ? end + 2 : end + 1;
    if (isDigit(digits)) end = skip(characters, digits, /[0-9]/);
  }
  return end > whole ? { type: FLOAT, end } : unsigned(whole);
}

/** A name in back quotes. */
function cutEscaped(characters: Characters, start: number): Cut {
  const end = skip(characters, start + 1, /[A-Za-z0-9_./ -]/);
  return characters[end] === '`' && end > start + 1 ? { type: ESCAPED_IDENTIFIER, end: end + 1 } : { fault: end };
}

/** A string from its quote on: in three quotes if it can be, else on one line. */
function cutString(characters: Characters, start: number, raw: boolean): Cut {
  const quote = characters[start] ?? '';
  const triple = characters[start + 1] === quote && characters[start + 2] === quote;
  const long = triple ? stringEnd(characters, start + 3, { quote, raw, triple }) : undefined;
  if (long !== undefined && 'end' in long) return long;
  return stringEnd(characters, start + 1, { quote, raw, triple: false });
}

interface Quoting {
  readonly quote: string;
  readonly raw: boolean;
  readonly triple: boolean;
}

function stringEnd(characters: Characters, start: number, { quote, raw, triple }: Quoting): Cut {
  let at = start;
  for (;;) {
    const character = characters[at];
    if (character === undefined) return { fault: at };
    if (character === quote) {
      if (!triple) return { type: STRING, end: at + 1 };
      if (characters[at + 1] === quote && characters[at + 2] === quote) return { type: STRING, end: at + 3 };
    }
    if (!triple && (character === '\n' || character === '\r')) return { fault: at };
    if (character === '\\' && !raw) {
      const escape = escapeEnd(characters, at + 1);
      if ('fault' in escape) return escape;
      at = escape.end;
    } else at++;
  }
}

function escapeEnd(characters: Characters, start: number): { readonly end: number } | { readonly fault: number } {
  const kind = characters[start] ?? '';
  if (/[abfnrtv"'\\?`]/.test(kind)) return { end: start + 1 };
  const digits = /[0-3]/.test(kind) ? 2 : { x: 2, X: 2, u: 4, U: 8 }[kind];
  if (digits === undefined) return { fault: start };
  const pattern = /[0-3]/.test(kind) ? /[0-7]/ : /[0-9A-Fa-f]/;
  for (let at = start + 1; at <= start + digits; at++) if (!pattern.test(characters[at] ?? '')) return { fault: at };
  return { end: start + 1 + digits };
}
