/** Rules that all lists of devices, requests and settings have: so many items at most, and no two of the same key. */
import { duplicate, tooMany } from '#meta/causes.ts';
import { indexed, type Causes } from '../field-checks.ts';

interface ListRules<T> {
  readonly max?: number;
  readonly each?: (item: T, at: string) => Causes;
  /** What tells items apart. */
  readonly key?: (item: T) => unknown;
  /** What is told of an item whose key stood before: all of it, where upstream declares the rule, or its key. */
  readonly told?: 'key';
}

/** Too long a list is not looked into: the answer would be as long. */
export function* limited<T>(
  path: string,
  list: readonly T[] | undefined,
  { max = Infinity, each, key, told }: ListRules<T>,
): Causes {
  const length = list?.length ?? 0;
  if (length > max) {
    yield tooMany(path, length, max);
    return;
  }
  if (each !== undefined) for (const [item, at] of indexed(path, list)) yield* each(item, at);
  if (key === undefined) return;
  const seen = new Set<unknown>();
  for (const [item, at] of indexed(path, list)) {
    const id = key(item);
    if (seen.has(id)) yield duplicate(at, told === 'key' ? id : withoutEmpty(item));
    seen.add(id);
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** As Go prints an item: it leaves out empty lists and maps. */
const withoutEmpty = (item: unknown): unknown =>
  typeof item === 'object' && item !== null
    ? Object.fromEntries(Object.entries(item).filter(([, value]) => !isEmpty(value)))
    : item;
