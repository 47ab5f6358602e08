/**
 * A snapshot of an etcd's, of whatever server: its sum, what is in it, and its current state as rows of our data file. Revisions and
 * versions of keys stay what they were; history and deletions do not come along.
 */
import { createHash } from 'node:crypto';
import type { World } from '#world/world.ts';
import { openBbolt, type BboltFile } from '../bbolt/reader.ts';
import { KeyValueSchema, LeaseSchema, type KeyValue } from '../etcd/gen/etcd_pb.ts';
import { decode } from '../etcd/messages.ts';
import { rowId, type Row } from '../sqlite/rows.ts';
import type { Revision } from '../store.ts';
import { operationsMax } from '../transaction.ts';
import { crc32c } from './crc32c.ts';
import { keyText } from './keys.ts';
import { attachmentRow, leaseRow } from './leases.ts';
import { revisionBytes } from './snapshot.ts';

const shaBytes = 32;
/** Half of what row ids have room for. */
const revisionMax = 2 ** 40;
/** Databases are whole pages: what is left over is the sum. */
const pageBytesLeast = 512;
/** Rows that are handed over together: what a commit of the data file holds. */
const batchRows = 1_000;
const batchBytes = 4 * 1024 * 1024;

export interface SnapshotStatus {
  /** Over all buckets, as etcdctl tells it. */
  readonly hash: number;
  readonly revision: Revision;
  readonly totalKeys: number;
  readonly totalSizeBytes: number;
}

/** Opens a snapshot and verifies its sum. `trusted`: also a file without one, such as an etcd's own `member/snap/db`. */
export async function openSnapshot(
  world: World,
  path: string,
  options: { readonly trusted?: boolean } = {},
): Promise<BboltFile> {
  const found = await world.disk.stat(path);
  if (found?.type !== 'file') throw new Error(`${path} is not a file`);
  if (found.sizeBytes % pageBytesLeast !== shaBytes) {
    if (options.trusted) return openBbolt(world.disk, path, found.sizeBytes);
    throw new Error(
      `${path} has no sum at its end: it is no snapshot, or it is cut (--skip-hash-check takes it as it is)`,
    );
  }
  const dataBytes = found.sizeBytes - shaBytes;
  if (!options.trusted) {
    const sha = createHash('sha256');
    for await (const chunk of world.disk.readStream(path, { end: dataBytes - 1 })) sha.update(chunk as Buffer);
    const parts: Buffer[] = [];
    for await (const chunk of world.disk.readStream(path, { start: dataBytes })) parts.push(chunk as Buffer);
    if (!sha.digest().equals(Buffer.concat(parts)))
      throw new Error(`${path} is damaged: its content does not match the sum at its end`);
  }
  return openBbolt(world.disk, path, dataBytes);
}

export async function statusOf(file: BboltFile): Promise<SnapshotStatus> {
  let hash = 0;
  let totalKeys = 0;
  let revision = 0;
  for await (const name of file.buckets()) {
    hash = crc32c(Buffer.from(name), hash);
    for await (const [key, value] of file.items(name)) {
      hash = crc32c(value, crc32c(key, hash));
      totalKeys++;
      if (name === 'key' && key.length >= revisionBytes) revision = Number(key.readBigInt64BE(0));
    }
  }
  return { hash, revision, totalKeys, totalSizeBytes: file.sizeBytes };
}

/** The rows of the data file, in order, some at a time. Rejects with what is wrong with the snapshot, or with what we cannot hold. */
export async function* rowsOf(path: string, file: BboltFile): AsyncGenerator<readonly Row[], void, undefined> {
  const leases = new Map<bigint, number>();
  for await (const [, value] of file.items('lease')) {
    const { ID, TTL } = decoded(path, () => decode(LeaseSchema, value));
    leases.set(ID, Number(TTL));
  }
  // First which record of each key is the last, so that no value is held.
  const last = new Map<string, string>();
  for await (const [at, value] of file.items('key')) {
    const { key } = decoded(path, () => decode(KeyValueSchema, value));
    const name = Buffer.from(key).toString('latin1');
    if (isDeletion(at)) last.delete(name);
    else last.set(name, at.toString('latin1'));
  }
  let revision = 0;
  let position = 0;
  const place = (main: Revision): number => {
    position = main === revision ? position + 1 : 0;
    revision = main;
    if (position >= operationsMax)
      throw new Error(
        `${path}: revision ${main} wrote more than ${operationsMax} keys, which the data file cannot hold`,
      );
    return rowId(main, position);
  };
  let rows: Row[] = [];
  let bytes = 0;
  for await (const [at, value] of file.items('key')) {
    const kv = decoded(path, () => decode(KeyValueSchema, value));
    if (last.get(Buffer.from(kv.key).toString('latin1')) !== at.toString('latin1')) continue;
    const main = mainOf(path, at, kv);
    const key = decoded(path, () => keyText(kv.key));
    const { createRevision, version } = kv;
    rows.push({
      id: place(main),
      key,
      createRevision: Number(createRevision),
      version: Number(version),
      value: kv.value,
    });
    if (kv.lease !== 0n && leases.has(kv.lease))
      rows.push(attachmentRow(place(main), { key, lease: kv.lease, revision: main }));
    bytes += kv.value.length;
    if (rows.length < batchRows && bytes < batchBytes) continue;
    yield rows;
    rows = [];
    bytes = 0;
  }
  // After everything else: whoever restores lets revisions jump on anyway.
  let leaseRevision = Math.max(1, revision) + 1;
  for (const [id, ttl] of leases) {
    if (revision === leaseRevision && position + 1 >= operationsMax) leaseRevision++;
    rows.push(leaseRow(place(leaseRevision), { id, ttl, revision: leaseRevision }));
  }
  if (rows.length > 0) yield rows;
}

/** With a `t` behind its revision, a record says that something was deleted. */
const isDeletion = (at: Buffer): boolean => at.length === revisionBytes + 1 && at.at(-1) === 't'.charCodeAt(0);

/** The revision of a record, checked against what the record says. */
function mainOf(path: string, at: Buffer, { modRevision, createRevision, version }: KeyValue): Revision {
  const main = at.length === revisionBytes ? at.readBigInt64BE(0) : 0n;
  if (
    main < 1n ||
    main !== modRevision ||
    createRevision < 1n ||
    createRevision > main ||
    version < 1n ||
    main > BigInt(revisionMax)
  )
    throw new Error(`${path} is damaged: the record at revision ${main} says that it is of revision ${modRevision}`);
  return Number(main);
}

function decoded<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${path}: a record cannot be used: ${(cause as Error).message}`, { cause });
  }
}
