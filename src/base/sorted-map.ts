/**
 * A map with string keys in order: O(1) look-up, and ranges by prefix with their count. Keys live in chunks of some hundred,
 * so that an insertion moves a few hundred pointers and not a hundred thousand. Order is JavaScript's own (UTF-16 units).
 */

/** A chunk is split in two when it grows beyond this. */
const chunkMax = 512;

export interface SortedRange<V> {
  readonly values: V[];
  /** All entries of the prefix from `from` on and before `to`, not cut by `limit`. */
  readonly count: number;
}

export class SortedMap<V> {
  readonly #values = new Map<string, V>();
  // Never empty chunks; an empty map has none.
  readonly #chunks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(
      lowerBound(chunk, (other) => other < key),
      1,
    );
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  /** The values under `prefix` in key order, from the key `from` (inclusive) on, before `to`, at most `limit` of them. */
  range(
    prefix: string,
    options: { from?: string | undefined; to?: string | undefined; limit?: number | undefined } = {},
  ): SortedRange<V> {
    const { to } = options;
    const start = options.from !== undefined && options.from > prefix ? options.from : prefix;
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const [chunk, place] = this.#place((key) => key < start);
    const [endChunk, endPlace] = this.#place(
      (key) => key < start || ((key < prefix || key.startsWith(prefix)) && (to === undefined || key < to)),
    );
    const values: V[] = [];
    let count = endPlace - place;
    for (let at = chunk; at < endChunk; at++) count += (this.#chunks[at] as string[]).length;
    for (let at = chunk; at <= endChunk && values.length < limit && values.length < count; at++) {
      const keys = this.#chunks[at] as string[];
      const end = at === endChunk ? endPlace : keys.length;
      for (let i = at === chunk ? place : 0; i < end && values.length < limit; i++) {
        values.push(this.#values.get(keys[i] as string) as V);
      }
    }
    return { values, count };
  }

  *keys(): IterableIterator<string> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** Where the first key stands for which `below` is false; `below` must be true for a front of the keys only. */
  #place(below: (key: string) => boolean): [chunk: number, place: number] {
    const chunks = this.#chunks;
    const at = lowerBound(chunks, (chunk) => below(chunk[chunk.length - 1] as string));
    const chunk = chunks[at];
    return [at, chunk ? lowerBound(chunk, below) : 0];
  }

  /** The chunk that holds `key` or should: the last whose first key is not beyond it. */
  #chunkOf(key: string): number {
    return Math.max(0, lowerBound(this.#chunks, (chunk) => (chunk[0] as string) <= key) - 1);
  }

  #insert(key: string): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) {
      chunks.push([key]);
      return;
    }
    const at = this.#chunkOf(key);
    const chunk = chunks[at] as string[];
    chunk.splice(
      lowerBound(chunk, (other) => other < key),
      0,
      key,
    );
    if (chunk.length > chunkMax) chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }
}

function lowerBound<T>(items: readonly T[], below: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (below(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
