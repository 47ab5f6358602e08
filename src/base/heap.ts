/**
 * A binary heap whose items have keys: the first item in O(1), and update and removal of any item in O(log n). Queues of
 * deadlines and priorities are made of it.
 */

export class Heap<T> {
  readonly #key: (item: T) => string;
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<string, number>();

  /** `before(a, b)` says that `a` comes out first; items that are equal by it come out in no promised order. */
  constructor(options: { key: (item: T) => string; before: (a: T, b: T) => boolean }) {
    this.#key = options.key;
    this.#before = options.before;
  }

  get size(): number {
    return this.#items.length;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  get(key: string): T | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#items[place];
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds the item, or puts it in the place of the one with the same key. */
  set(item: T): void {
    const key = this.#key(item);
    const place = this.#places.get(key) ?? this.#items.length;
    this.#put(place, item);
    this.#settle(place);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.delete(this.#key(first));
    return first;
  }

  /** Removes and returns the item with this key. */
  delete(key: string): T | undefined {
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const item = this.#items[place] as T;
    this.#places.delete(key);
    const last = this.#items.pop() as T;
    if (place < this.#items.length) {
      this.#put(place, last);
      this.#settle(place);
    }
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#places.clear();
  }

  /** All items, in no particular order. */
  values(): IterableIterator<T> {
    return this.#items.values();
  }

  #put(place: number, item: T): void {
    this.#items[place] = item;
    this.#places.set(this.#key(item), place);
  }

  #settle(start: number): void {
    const items = this.#items;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#before(items[place] as T, items[parent] as T)) break;
      this.#swap(place, parent);
      place = parent;
    }
    for (;;) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < items.length && this.#before(items[child] as T, items[least] as T)) least = child;
      }
      if (least === place) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #swap(a: number, b: number): void {
    const held = this.#items[a] as T;
    this.#put(a, this.#items[b] as T);
    this.#put(b, held);
  }
}
