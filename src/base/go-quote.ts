/**
 * Go's %q: the double-quoted, escaped form of a string as it stands in upstream's messages, which clients and tests compare.
 * Not JSON: the escapes differ (\a, \v, \x7f).
 */

const short: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
/** unicode.IsPrint: letters, marks, numbers, punctuation, symbols, and of all spaces only U+0020. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

export function goQuote(text: string): string {
  if (/^[\w ./:,;()[\]{}<>|=+*&^%$#@!?~'`-]*$/.test(text)) return `"${text}"`;
  let out = '"';
  for (const character of text.toWellFormed()) out += short[character] ?? escape(character);
  return `${out}"`;
}

function escape(character: string): string {
  if (printable.test(character)) return character;
  const code = character.codePointAt(0) as number;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x1_0000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}
