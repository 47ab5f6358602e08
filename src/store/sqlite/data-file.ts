/**
 * What makes a SQLite database a data file of ours: its format, its settings, its checksums, and the checks before it is
 * trusted. A foreign file must never be touched.
 */
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';

/** "k8ts" in ASCII; SQLite writes it into the file's header. */
const applicationId = 0x6b_38_74_73;
/** 2: checksums cover revisions, and marks have them too. */
const formatVersion = 2;
/** Pages of write-ahead log before a checkpoint (80 MB): each costs a pause, so there should be few. */
export const checkpointPagesDefault = 20_000;
/** After a checkpoint the log is written over from its start, which is faster than growing it anew; this much of it stays. */
const logBytesKept = 100_000_000;

/** Settings that only tests change: to meet in seconds what takes days, and to prove that a test would see the loss. */
export interface Tuning {
  readonly checkpointPages?: number;
  readonly synchronous?: 'FULL' | 'NORMAL';
}

const tables = {
  log: `CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value BLOB,
    crc INTEGER NOT NULL
  ) STRICT`,
  log_key: 'CREATE INDEX log_key ON log (key, id)',
  mark: 'CREATE TABLE mark (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID',
} as const;
/** `compacted`: the revision before which history is forgotten. `swept`: up to which row that was done. */
const marks = ['compacted', 'swept'] as const;

export interface StoredRow {
  id: number;
  key: string;
  create_revision: number;
  version: number;
  value: Uint8Array | null;
  crc: number;
}

/** Over everything a row says, its revision too: a row that moved is as wrong as one that changed. */
export function checksum({ id, key, create_revision, version, value }: Omit<StoredRow, 'crc'>): number {
  return crc32(value ?? '', crc32(`${id} ${create_revision} ${version} ${value === null ? 'gone' : 'here'} ${key}`));
}

export function markChecksum(name: string, revision: number): number {
  return crc32(`${name} ${revision}`);
}

/** Takes the file for ourselves, checks that it is ours and whole, and creates what a new one needs. */
export function prepare(db: DatabaseSync, { synchronous = 'FULL' }: Tuning): void {
  // Exclusive before the first access: no second process, and no shared-memory file.
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  // A file with pages but nothing in them is one whose creation was cut short.
  const isNew = pragma(db, 'page_count') === 0 || isUntouched(db);
  if (!isNew) {
    const id = pragma(db, 'application_id');
    if (id !== applicationId) throw new Error('this is a SQLite database, but not a k8ts data file');
    const version = pragma(db, 'user_version');
    if (version !== formatVersion)
      throw new Error(`the data file has format ${version}, this program knows format ${formatVersion}`);
  }
  if (isNew) db.exec('PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL');
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${synchronous};
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${logBytesKept};
    PRAGMA cache_size = -8000;
    PRAGMA temp_store = MEMORY;
  `);
  if (isNew) {
    const values = marks.map((name) => `('${name}', 0, ${markChecksum(name, 0)})`).join(', ');
    db.exec(
      `BEGIN EXCLUSIVE; ${Object.values(tables).join('; ')}; INSERT INTO mark VALUES ${values};
       PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}; COMMIT`,
    );
    return;
  }
  // Takes the write lock, which then stays ours.
  db.exec('BEGIN EXCLUSIVE; COMMIT');
  const problems = db.prepare('PRAGMA integrity_check(3)').all() as { integrity_check: string }[];
  const found = problems.map(({ integrity_check }) => integrity_check).filter((text) => text !== 'ok');
  if (found.length > 0) throw new Error(`the data file is damaged: ${found.join('; ')}`);
  const schema = db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all() as {
    name: string;
    sql: string;
  }[];
  // By name, as `tables` has them: a purge writes them in another order.
  const expected = Object.entries(tables).map(([name, sql]) => `${name} ${sql}`);
  if (schema.map(({ name, sql }) => `${name} ${sql}`).join() !== expected.join())
    throw new Error('the data file is damaged: its tables are not the ones that were made');
}

/** A database that nobody has put anything into: without tables, and without a program that claims it. */
function isUntouched(db: DatabaseSync): boolean {
  const { count } = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number };
  return count === 0 && pragma(db, 'application_id') === 0 && pragma(db, 'user_version') === 0;
}

export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0]);
}

/** SQLite's primary result codes in words for the person who has to act. */
export function reasonOf(error: unknown): string {
  const { errcode, message } = error as Error & { errcode?: number };
  switch (errcode === undefined ? -1 : errcode & 0xff) {
    case 5:
    case 6:
      return 'the data file is in use by another process';
    case 8:
      return `the data file cannot be written (${message})`;
    case 11:
      return `the data file is damaged (${message})`;
    case 14:
      return `the data file cannot be opened (${message})`;
    case 26:
      return 'this is not a k8ts data file, or its header is damaged';
    default:
      return message;
  }
}
