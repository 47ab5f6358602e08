/**
 * A queue between one producer and one consumer: pushed without waiting, read with `for await`. It holds at most `limit`
 * items and says so instead of growing: what to do with a slow reader is the producer's decision.
 */
import { assert } from './assert.ts';

export class BoundedQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly limit: number;
  readonly #items: T[] = [];
  #head = 0;
  #waiting: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void } | undefined;
  #ended = false;
  #failure: { error: unknown } | undefined;
  readonly #onReturn: (() => void) | undefined;

  /** `onReturn` is called once when the reader leaves its loop early. */
  constructor(options: { limit: number; onReturn?: () => void }) {
    assert(options.limit > 0, 'a queue needs room for at least one item');
    this.limit = options.limit;
    this.#onReturn = options.onReturn;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get closed(): boolean {
    return this.#ended;
  }

  /** False when the queue is full or closed; the item was not taken then. */
  push(item: T): boolean {
    if (this.#ended) return false;
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting.resolve({ value: item, done: false });
      return true;
    }
    if (this.size >= this.limit) return false;
    this.#items.push(item);
    return true;
  }

  /** The reader gets what is queued, then the end. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting?.resolve({ value: undefined, done: true });
    this.#waiting = undefined;
  }

  /** The reader gets what is queued, then this error. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting) this.#waiting.reject(error);
    else this.#failure = { error };
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) {
      const value = this.#items[this.#head] as T;
      this.#items[this.#head++] = undefined as T;
      // Drops the emptied front now and then: cheaper than shifting every item.
      if (this.#head > 64 && this.#head * 2 > this.#items.length) {
        this.#items.splice(0, this.#head);
        this.#head = 0;
      }
      return Promise.resolve({ value, done: false });
    }
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    assert(!this.#waiting, 'a bounded queue has one reader');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    const first = !this.#ended;
    this.close();
    this.#failure = undefined;
    this.#items.length = 0;
    this.#head = 0;
    if (first) this.#onReturn?.();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
