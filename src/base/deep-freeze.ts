/**
 * Freezing whole JSON trees. Objects of a revision are frozen once, when it is written or decoded, and then shared by all
 * readers. Only for plain data: never hand it something with identity, such as a socket or a map.
 */

/** Freezes `value` and everything in it, and returns it. A frozen branch is taken to be frozen all the way. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) {
    for (const item of value) deepFreeze(item);
  } else {
    for (const key in value) deepFreeze(value[key]);
  }
  return value;
}
