/**
 * Why a text is no RFC 3339 instant, as Go's time.Parse tells it: clients show this sentence. Only the message; `meta/time.ts` does the parsing.
 */
import { quoted } from '#meta/causes.ts';

const elements: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d{2}/, '01'],
  [/^-/, '-'],
  [/^\d{2}/, '02'],
  [/^T/, 'T'],
  [/^\d{2}/, '15'],
  [/^:/, ':'],
  [/^\d{2}/, '04'],
  [/^:/, ':'],
  [/^\d{2}(?:[.,]\d+)?/, '05'],
  [/^(?:Z|[+-]\d{2}:\d{2})/, 'Z07:00'],
];

/** `layout` is Go's, such as 2006-01-02T15:04:05Z07:00. */
export function timeError(text: string, layout: string): string {
  const shown = quoted(text.slice(0, 200));
  let rest = text;
  for (const [pattern, element] of elements) {
    const match = pattern.exec(rest);
    if (match === null)
      return `parsing time ${shown} as "${layout}": cannot parse ${quoted(rest.slice(0, 200))} as "${element}"`;
    rest = rest.slice(match[0].length);
  }
  if (rest !== '') return `parsing time ${shown}: extra text: ${quoted(rest.slice(0, 200))}`;
  const [month = 0, day = 0, hour = 0, minute = 0] = (text.match(/\d{2}(?=[-T:.,Z+])|\d{2}$/g) ?? [])
    .slice(1)
    .map(Number);
  const out =
    month < 1 || month > 12
      ? 'month'
      : day < 1 || day > 31
        ? 'day'
        : hour > 23
          ? 'hour'
          : minute > 59
            ? 'minute'
            : 'day';
  return `parsing time ${shown}: ${out} out of range`;
}
