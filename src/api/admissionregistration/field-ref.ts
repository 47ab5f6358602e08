/**
 * Whether a reference to a field, as a policy's status has it, reads as a JSON path: `spec.validations[0].expression`. Only read, never followed; what stands in
 * brackets is not looked into. Wording is that of client-go's reader of paths.
 */

const name = String.raw`(?:\\.|[^\s.,[\]$@{}\\])`;
/** One step after the other, each where the last one ended. */
const step = new RegExp(
  String.raw`[ @$]|\.\.(?:[A-Za-z0-9_]${name}*)?|\.${name}*|[A-Za-z_]${name}*|(?<number>[+-]?[0-9.]+|[+-])|\[[^\]]*\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`,
  'y',
);
const textMax = 4096;

/** What is wrong with it; undefined when nothing is. */
export function fieldRefFault(text: string): string | undefined {
  if (text.length > textMax) return 'too long';
  for (step.lastIndex = 0; step.lastIndex < text.length;) {
    const at = step.lastIndex;
    const number = step.exec(text);
    if (number === null) {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      const code = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      if (character === '[') return 'unterminated array';
      if (character === '"' || character === "'") return 'unterminated quoted string';
      return `unrecognized character in action: U+${code} '${character}'`;
    }
    const digits = number.groups?.['number'];
    if (digits !== undefined && !/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(digits))
      return `cannot parse number ${digits}`;
  }
  return undefined;
}
