/**
 * Sizes and costs as ranges from the least to the most. They are whole numbers that stop at what 64 bits hold: upstream's unsigned integers, of which numbers
 * as large as these need not be exact.
 */

export interface Estimate {
  readonly min: number;
  readonly max: number;
}

/** Nothing bounds it. */
export const UNBOUNDED = 2 ** 64;

export const unknown: Estimate = { min: 0, max: UNBOUNDED };
export const fixed = (value: number): Estimate => ({ min: value, max: value });
export const nothing: Estimate = fixed(0);

const bounded = (value: number): number => Math.min(value, UNBOUNDED);

export function sum(...parts: readonly Estimate[]): Estimate {
  return parts.reduce(
    (one, other) => ({ min: bounded(one.min + other.min), max: bounded(one.max + other.max) }),
    nothing,
  );
}

export function product(one: Estimate, other: Estimate): Estimate {
  return { min: bounded(one.min * other.min), max: bounded(one.max * other.max) };
}

/** Times a factor, rounded up. */
export function scaled({ min, max }: Estimate, factor: number): Estimate {
  return { min: bounded(Math.ceil(min * factor)), max: bounded(Math.ceil(max * factor)) };
}

/** The range that holds both. */
export function union(one: Estimate, other: Estimate): Estimate {
  return { min: Math.min(one.min, other.min), max: Math.max(one.max, other.max) };
}
