/**
 * What a transaction does to a state, as a value: either the first failed comparison, or the events that commit it. Pure,
 * and shared by every implementation, so that they cannot differ in it.
 */
import type { Entry, Operation, Revision, StoreEvent } from './store.ts';

/** Row ids of the SQLite log leave room for this many operations a revision; etcd's own default limit is 128. */
export const operationsMax = 4096;
/** Keys are paths of names of 253 characters; etcd has no limit of its own below its request size. */
const keyLengthMax = 4096;

export type Decision =
  | { readonly events: readonly StoreEvent[] }
  | { readonly conflict: { readonly key: string; readonly current: Entry | undefined } };

/**
 * Compares all operations with the state `lookup` shows, then says what `revision` will hold. No events: nothing to write (a
 * delete of a missing key). Throws RangeError for what no state could make valid.
 */
export function decide(
  operations: readonly Operation[],
  lookup: (key: string) => Entry | undefined,
  revision: Revision,
): Decision {
  validate(operations);
  for (const { key, expect } of operations) {
    if (expect === undefined) continue;
    const current = lookup(key);
    if ((current?.modRevision ?? 0) !== expect) return { conflict: { key, current } };
  }
  const events: StoreEvent[] = [];
  for (const operation of operations) {
    if (operation.op === 'check') continue;
    const previous = lookup(operation.key);
    if (operation.op === 'put') {
      const entry: Entry = {
        key: operation.key,
        value: operation.value,
        createRevision: previous?.createRevision ?? revision,
        modRevision: revision,
        version: (previous?.version ?? 0) + 1,
      };
      events.push({ type: 'put', entry, previous });
    } else if (previous) {
      events.push({ type: 'delete', entry: { ...previous, modRevision: revision }, previous });
    }
  }
  return { events };
}

/** Throws RangeError for what no state could make valid. */
export function validate(operations: readonly Operation[]): void {
  if (operations.length > operationsMax) {
    throw new RangeError(`a transaction has at most ${operationsMax} operations, this one ${operations.length}`);
  }
  const [first] = operations;
  if (operations.length === 1 && first) {
    validateKey(first.key);
    return;
  }
  const seen = new Set<string>();
  for (const { key } of operations) {
    validateKey(key);
    if (seen.has(key)) throw new RangeError(`duplicate key ${JSON.stringify(key)} in one transaction`);
    seen.add(key);
  }
}

function validateKey(key: string): void {
  // A lone surrogate would not survive UTF-8, a NUL ends SQLite's text functions.
  if (key === '' || key.length > keyLengthMax || !key.isWellFormed() || key.includes('\0')) {
    throw new RangeError(`${JSON.stringify(key.slice(0, 100))} is no valid key`);
  }
}
