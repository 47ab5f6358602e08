/** How errors in an expression are shown: each with its place, its line and a mark under the place, as cel-go shows them. */
import type { CelError } from './ast.ts';

/** The offset of an error that is about the whole expression. */
export const NOWHERE = -2;
/** The offset of what stands before the first character: the end of an empty text, what was never understood. */
export const BEFORE_START = -1;

/** The most errors that are shown, the first that were found. */
const maxShown = 100;
/** A longer line is not shown, in bytes. */
const maxLineBytes = 16_384;

/** The errors of an expression as one text, in the order of their places. */
export function formatErrors(errors: readonly CelError[], source: string): string {
  const lines = source.split('\n').map((line) => [...line]);
  const placed = errors.slice(0, maxShown).map((error) => ({ ...place(error.offset, lines), message: error.message }));
  const sorted = placed.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const shown = sorted.map(({ line, column, message }) => {
    const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
    const characters = source === '' ? undefined : lines[line - 1];
    return characters === undefined ? head : head + snippet(characters, column);
  });
  if (errors.length > maxShown) shown.push(`${errors.length - maxShown} more errors were truncated`);
  return shown.join('\n');
}

function place(
  offset: number,
  lines: readonly (readonly string[])[],
): { readonly line: number; readonly column: number } {
  if (offset === NOWHERE) return { line: -1, column: -1 };
  let column = offset;
  let line = 1;
  for (const characters of lines.slice(0, -1)) {
    if (column <= characters.length) break;
    column -= characters.length + 1;
    line++;
  }
  return { line, column };
}

function snippet(characters: readonly string[], column: number): string {
  const text = characters.join('').replaceAll('\t', ' ');
  if (Buffer.byteLength(text) > maxLineBytes) return '';
  const isWide = (character: string | undefined): boolean => (character ?? '') > '\u007f';
  const dots = characters.slice(0, Math.max(column, 0)).map((character) => (isWide(character) ? '\uff0e' : '.'));
  return `\n | ${text}\n | ${dots.join('')}${isWide(characters[Math.max(column, 0)]) ? '\uff3e' : '^'}`;
}
