/**
 * What a transaction does to a state, as a value: either the first failed comparison, or the events that commit it. Pure,
 * and shared by every implementation, so that they cannot differ in it.
 */
import { isWrite, type Entry, type Operation, type Revision, type StoreEvent, type TxnResult } from './store.ts';

/** Row ids of the SQLite log leave room for this many operations a revision; etcd's own default limit is 128. */
export const operationsMax = 4096;
/** Keys are paths of names of 253 characters; etcd has no limit of its own below its request size. */
const keyLengthMax = 4096;

export type Conflict = Extract<TxnResult, { ok: false }>['conflict'];
export type Decision = { readonly events: readonly StoreEvent[] } | { readonly conflict: Conflict };

/** What a transaction looks at. */
export interface State {
  get(key: string): Entry | undefined;
  /** Some entry from `from` on and before `to` that was put after `since`. */
  putSince(from: string, to: string | undefined, since: Revision): Entry | undefined;
}

/**
 * Compares all operations with the state, then says what `revision` will hold. No events: nothing to write (a
 * delete of a missing key). Throws RangeError for what no state could make valid.
 */
export function decide(operations: readonly Operation[], state: State, revision: Revision): Decision {
  validate(operations);
  for (const operation of operations) {
    const conflict = conflictWith(operation, state);
    if (conflict) return { conflict };
  }
  const events: StoreEvent[] = [];
  for (const operation of operations) {
    if (!isWrite(operation)) continue;
    const previous = state.get(operation.key);
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

function conflictWith(operation: Operation, state: State): Conflict | undefined {
  const { key } = operation;
  if (operation.op === 'check-range') {
    const current = state.putSince(key, operation.to, operation.since);
    return current && { key: current.key, current };
  }
  if (operation.expect === undefined) return undefined;
  const current = state.get(key);
  return (current?.modRevision ?? 0) === operation.expect ? undefined : { key, current };
}

/** Throws RangeError for what no state could make valid. */
export function validate(operations: readonly Operation[]): void {
  if (operations.length > operationsMax) {
    throw new RangeError(`a transaction has at most ${operationsMax} operations, this one ${operations.length}`);
  }
  const [first] = operations;
  if (operations.length === 1 && first) {
    if (first.op !== 'check-range') validateKey(first.key);
    return;
  }
  const seen = new Set<string>();
  for (const { op, key } of operations) {
    if (op === 'check-range') continue;
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
