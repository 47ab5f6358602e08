/**
 * The state that a transaction rests on: read at one revision, with what the transaction itself has written laid over it. It
 * remembers what was read, so that the store can be asked to write only if none of it has changed since.
 */
import type { Entry, Operation, Revision, Store, WriteOperation } from '../store.ts';
import type { Interval } from './keys.ts';
import { isWithin } from './keys.ts';

type Write = { readonly entry: Entry | undefined };

export class SnapshotView {
  readonly #store: Store;
  /** Of the state; undefined until something was read. */
  #revision: Revision | undefined;
  /** What was read of each key: its revision, 0 for nothing. */
  readonly #read = new Map<string, Revision>();
  readonly #ranges: Interval[] = [];
  readonly #writes = new Map<string, Write>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads for itself when nothing has been read so far. */
  async revision(): Promise<Revision> {
    return (this.#revision ??= await this.#store.sync());
  }

  /** What the transaction's own writes will have, as far as is known: it is only certain when they are done. */
  async nextRevision(): Promise<Revision> {
    return (await this.revision()) + 1;
  }

  get hasWrites(): boolean {
    return this.#writes.size > 0;
  }

  /** The entries of an interval, as the transaction sees it at this point; with `limit` the first ones, and nothing rests on the others. */
  async range(whole: Interval, limit = Infinity): Promise<readonly Entry[]> {
    const { entries, revision, count } = await this.#store.range('', {
      ...whole,
      ...(limit === Infinity ? {} : { limit }),
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
    });
    this.#revision ??= revision;
    const last = entries.at(-1);
    const interval = last && count > entries.length ? { from: whole.from, to: `${last.key}\0` } : whole;
    if (interval.to === `${interval.from}\0`) this.#read.set(interval.from, entries[0]?.modRevision ?? 0);
    else {
      this.#ranges.push(interval);
      for (const { key, modRevision } of entries) this.#read.set(key, modRevision);
    }
    const mine = [...this.#writes].filter(([key]) => isWithin(key, interval));
    if (mine.length === 0) return entries;
    const all = new Map(entries.map((entry) => [entry.key, entry]));
    for (const [key, { entry }] of mine)
      if (entry) all.set(key, entry);
      else all.delete(key);
    return [...all.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  async get(key: string): Promise<Entry | undefined> {
    return (await this.range({ from: key, to: `${key}\0` }))[0];
  }

  /** An older state, which nothing can change. */
  async rangeAt(interval: Interval, revision: Revision): Promise<readonly Entry[]> {
    return (await this.#store.range('', { ...interval, revision })).entries;
  }

  write(key: string, entry: Entry | undefined): void {
    this.#writes.set(key, { entry });
  }

  /** What is to be written, and that what was read still stands. */
  operations(): readonly Operation[] {
    const since = this.#revision ?? 0;
    const writes = [...this.#writes].map(([key, { entry }]): WriteOperation => {
      const expect = this.#read.get(key);
      return {
        ...(entry ? { op: 'put', key, value: entry.value } : { op: 'delete', key }),
        ...(expect === undefined ? {} : { expect }),
      };
    });
    const checks = [...this.#read]
      .filter(([key]) => !this.#writes.has(key))
      .map(([key, expect]): Operation => ({ op: 'check', key, expect }));
    const ranges = this.#ranges.map(({ from, to }): Operation => ({
      op: 'check-range',
      key: from,
      ...(to === undefined ? {} : { to }),
      since,
    }));
    return [...writes, ...checks, ...ranges];
  }
}
