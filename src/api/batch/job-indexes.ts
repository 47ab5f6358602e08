/** Index lists of indexed Jobs, `1,3-5`: how many they name, what is wrong with them, and where two of them meet. */
import { quoted } from '#meta/causes.ts';

type Interval = readonly [first: number, last: number];

/** One interval, or what is wrong with it. Go's numbers may have a sign. */
function intervalOf(text: string, completions: number): Interval | string {
  const parts = text.split('-');
  if (parts.length > 2)
    return `the fragment ${quoted(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  const numbers: number[] = [];
  for (const part of parts) {
    if (!/^\+?[0-9]{1,15}$/.test(part)) return `cannot convert string to integer for index: ${quoted(part)}`;
    if (Number(part) >= completions) return `too large index: ${quoted(part)}`;
    numbers.push(Number(part));
  }
  const [first = 0, last = first] = numbers;
  if (parts.length > 1 && first >= last) return `non-increasing order, previous: ${first}, current: ${last}`;
  return [first, last];
}

const partsOf = (text: string): readonly string[] => (text === '' ? [] : text.split(','));

/** How many indexes `1,3-5` names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  let [total, previous] = [0, -1];
  for (const part of partsOf(text)) {
    const interval = intervalOf(part, completions);
    if (typeof interval === 'string') return interval;
    const [first, last] = interval;
    if (first <= previous) return `non-increasing order, previous: ${previous}, current: ${first}`;
    total += last - first + 1;
    previous = last;
  }
  return total;
}

/** The first index that both name; what cannot be read is passed over. Both are in order. */
export function commonIndex(a: string, b: string, completions: number): number | undefined {
  const intervals = (text: string): Interval[] =>
    partsOf(text).flatMap((part) => {
      const interval = intervalOf(part, completions);
      return typeof interval === 'string' ? [] : [interval];
    });
  const [left, right] = [intervals(a), intervals(b)];
  for (let [i, j] = [0, 0]; ;) {
    const [x, y] = [left[i], right[j]];
    if (x === undefined || y === undefined) return undefined;
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0]);
    if (x[0] <= y[0]) i++;
    else j++;
  }
}
