/**
 * The difference of two values as text, in the form of Go's cmp.Diff, which upstream puts into "may not change fields" causes: unchanged
 * siblings are counted, changed ones stand on lines with `-` and `+`. People read it; nothing may parse it.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { goJson } from '#meta/causes.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (value === undefined ? 'nil' : goJson(value));

function lines(old: unknown, value: unknown, depth: number): string[] {
  const pad = '  '.repeat(depth);
  const entries: [string, unknown, unknown][] = [];
  const total = new Set<string>();
  if (isObject(old) && isObject(value)) {
    for (const key of [...Object.keys(old), ...Object.keys(value)]) total.add(key);
    for (const key of total) entries.push([`${key}: `, old[key], value[key]]);
  } else if (Array.isArray(old) && Array.isArray(value)) {
    const length = Math.max(old.length, value.length);
    for (let index = 0; index < length; index++) entries.push(['', old[index], value[index]]);
  }
  const out: string[] = [];
  let same = 0;
  const flush = (): void => {
    if (same > 0) out.push(`  ${pad}... // ${same} identical ${Array.isArray(old) ? 'elements' : 'fields'}`);
    same = 0;
  };
  for (const [label, before, after] of entries) {
    if (deepEqual(before, after)) {
      same++;
      continue;
    }
    flush();
    const both = (isObject(before) && isObject(after)) || (Array.isArray(before) && Array.isArray(after));
    if (both) {
      const [open, close] = Array.isArray(before) ? ['[', ']'] : ['{', '}'];
      out.push(`  ${pad}${label}${open}`, ...lines(before, after, depth + 1), `  ${pad}${close},`);
      continue;
    }
    if (before !== undefined) out.push(`- ${pad}${label}${text(before)},`);
    if (after !== undefined) out.push(`+ ${pad}${label}${text(after)},`);
  }
  flush();
  return out;
}

/** What changed from `old` to `value`; `name` heads the text, `core.PodSpec`. */
export function difference(name: string, old: unknown, value: unknown): string {
  return [`  ${name}{`, ...lines(old, value, 1), '  }', ''].join('\n');
}
