/**
 * A promise whose settling is in other hands: the bridge from callbacks to await. Settling twice is harmless, as for every
 * promise. It must never be left pending by its owner when the owner's life ends.
 */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(reason: unknown): void;
  readonly settled: boolean;
}

/** A pending Deferred. `settled` turns true at the first resolve or reject. */
export function deferred<T = void>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let settled = false;
  return {
    promise,
    resolve(value) {
      settled = true;
      resolve(value);
    },
    reject(reason) {
      settled = true;
      reject(reason);
    },
    get settled() {
      return settled;
    },
  };
}
