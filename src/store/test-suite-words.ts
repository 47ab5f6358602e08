/** What the tests of stores say often. */
import type { Entry, Store, StoreEvent } from './store.ts';

/** Declares a test that gets an empty store. */
export type It = (title: string, run: (store: Store) => Promise<void>) => void;

/** Puts one key, whatever stood there. */
export function put(store: Store, name: string, value: string): ReturnType<Store['txn']> {
  return store.txn([{ op: 'put', key: name, value: Buffer.from(value) }]);
}

/** An entry with its value as text. */
export function plain(entry: Entry | undefined): object | undefined {
  return entry && { ...entry, value: entry.value.toString() };
}

/** An event as a line. */
export function show({ type, entry, previous }: StoreEvent): string {
  const was = previous ? ` was ${String(previous.value)}@${previous.modRevision}` : '';
  return `${type === 'put' ? '+' : '-'}${entry.key}=${String(entry.value)}@${entry.modRevision}${was}`;
}
