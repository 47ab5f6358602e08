/**
 * Assertions for our own bugs, always on. Never use them for what a client, a file or the network sent: bad input gets an
 * error that names the input; a failed assertion says that this program is wrong.
 */

export class AssertionFailed extends Error {
  constructor(message: string) {
    super(`bug: ${message}`);
    this.name = 'AssertionFailed';
  }
}

/** Throws AssertionFailed unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

/** The value, asserted to be neither undefined nor null. */
export function defined<T>(value: T | undefined | null, message = 'a value is missing'): T {
  assert(value !== undefined && value !== null, message);
  return value;
}
