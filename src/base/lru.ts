/**
 * A map that forgets what was not used for longest. Deterministic: no clock, no WeakRef, so a simulated run repeats exactly.
 */
import { assert } from './assert.ts';

export class Lru<K, V> {
  readonly limit: number;
  // A Map keeps insertion order: the first key is the one unused for longest.
  readonly #entries = new Map<K, V>();
  readonly #weigh: ((value: V) => number) | undefined;
  #weight = 0;

  /** Holds entries up to a total weight of `limit`; every entry weighs 1 unless `weigh` says otherwise. */
  constructor(options: { limit: number; weigh?: (value: V) => number }) {
    assert(options.limit > 0, 'an LRU needs a positive limit');
    this.limit = options.limit;
    this.#weigh = options.weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Looks without counting as a use. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** A value heavier than the whole limit is not kept at all. */
  set(key: K, value: V): void {
    this.delete(key);
    const weight = this.#weigh?.(value) ?? 1;
    if (weight > this.limit) return;
    this.#entries.set(key, value);
    this.#weight += weight;
    while (this.#weight > this.limit) {
      const [oldest] = this.#entries.keys();
      this.delete(oldest as K);
    }
  }

  delete(key: K): boolean {
    const value = this.#entries.get(key);
    if (value === undefined) return false;
    this.#weight -= this.#weigh?.(value) ?? 1;
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#weight = 0;
  }
}
