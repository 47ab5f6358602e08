/**
 * Rows of the log as they cross between the main thread and the worker: keys, numbers and all values in one buffer that is
 * handed over, not copied. A view of a larger buffer is never posted: the whole of it would be cloned.
 */
import type { Entry, Revision } from '../store.ts';
import { operationsMax } from '../transaction.ts';

/** A put, or with version 0 a deletion. */
export interface Row {
  readonly id: number;
  readonly key: string;
  readonly createRevision: Revision;
  readonly version: number;
  readonly value: Uint8Array | undefined;
}

export interface PackedRows {
  readonly keys: readonly string[];
  /** Four a row: id, createRevision, version, length of the value. */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly values: ArrayBuffer;
}

const perRow = 4;
const nothing = new Uint8Array(0);

/** Rows of one revision are numbered in it: ids rise with revisions and stay safe integers up to revision 2^41. */
export function rowId(revision: Revision, position: number): number {
  return revision * operationsMax + position;
}

export function revisionOf(id: number): Revision {
  return Math.floor(id / operationsMax);
}

export function pack(rows: readonly Row[]): PackedRows {
  let bytes = 0;
  for (const { value } of rows) bytes += value?.length ?? 0;
  const values = new Uint8Array(bytes);
  const numbers = new Float64Array(rows.length * perRow);
  const keys: string[] = [];
  let offset = 0;
  let at = 0;
  for (const { id, key, createRevision, version, value = nothing } of rows) {
    keys.push(key);
    numbers[at++] = id;
    numbers[at++] = createRevision;
    numbers[at++] = version;
    numbers[at++] = value.length;
    values.set(value, offset);
    offset += value.length;
  }
  return { keys, numbers, values: values.buffer };
}

export function transferOf({ numbers, values }: PackedRows): ArrayBuffer[] {
  return [numbers.buffer, values];
}

/** The rows again; their values are views of the one buffer. */
export function* unpack({ keys, numbers, values }: PackedRows): IterableIterator<Row & { readonly value: Buffer }> {
  let offset = 0;
  for (const [i, key] of keys.entries()) {
    const at = i * perRow;
    const length = numbers[at + 3] as number;
    yield {
      id: numbers[at] as number,
      key,
      createRevision: numbers[at + 1] as number,
      version: numbers[at + 2] as number,
      value: Buffer.from(values, offset, length),
    };
    offset += length;
  }
}

export function entryOf(row: Row & { readonly value: Buffer }): Entry {
  const { key, value, createRevision, version } = row;
  return { key, value, createRevision, modRevision: revisionOf(row.id), version };
}
