/**
 * The data file: one table that is a log of everything that happened to every key since the compaction. Synchronous, used
 * by the worker only. It trusts nothing that it finds: a file that is foreign, damaged or in use is refused by name, and
 * every row carries a checksum. After any error of a write the caller must stop: SQLite's own state is then unknown.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { Revision } from '../store.ts';
import { revisionOf, rowId, type Row } from './rows.ts';

/** "k8ts" in ASCII; SQLite writes it into the file's header. */
const applicationId = 0x6b_38_74_73;
const schemaVersion = 1;
/** Pages of write-ahead log before a checkpoint (80 MB): each costs a pause, so there should be few. */
const checkpointPages = 20_000;
/** After a checkpoint the log is written over from its start, which is faster than growing it anew; this much of it stays. */
const logBytesKept = 100_000_000;
/** A successor waits this long for its predecessor to let go of the file. */
const lockWaitMs = 2_000;
/** Rows looked at in one step of compaction; writers wait for a step at most. */
const compactStepRows = 500;
const vacuumStepPages = 500;
/** Share of empty pages that stay in the file for the next writes. */
const freePagesKept = 0.2;
/** Above every key with the prefix: no key holds this code point at the end of a prefix. */
const last = '\u{10FFFF}';

const columns = 'id, key, create_revision, version, value, crc';
const schema = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value BLOB,
    crc INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX log_key ON log (key, id);
  CREATE TABLE mark (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO mark VALUES ('compacted', 0), ('scrubbed', 0);
`;

interface StoredRow {
  id: number;
  key: string;
  create_revision: number;
  version: number;
  value: Uint8Array | null;
  crc: number;
}

export interface RangeQuestion {
  readonly revision: Revision;
  /** The asker's current revision. */
  readonly now: Revision;
  readonly from: string | undefined;
  readonly limit: number | undefined;
}

export class Database {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #loading: IterableIterator<StoredRow> | undefined;

  /** Opens or creates the file; throws an Error that names it and says what is wrong. */
  constructor(path: string) {
    this.path = path;
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: lockWaitMs });
      prepare(db);
    } catch (error) {
      if (db?.isOpen) db.close();
      throw new Error(`${path}: ${reasonOf(error)}`, { cause: error });
    }
    this.#db = db;
  }

  /** The last revision that was given out, and the compaction's. */
  revisions(): { revision: Revision; compacted: Revision } {
    const { top } = this.#sql('SELECT max(id) AS top FROM log').get() as { top: number | null };
    const compacted = this.#mark('compacted');
    return { revision: Math.max(1, compacted, top === null ? 0 : revisionOf(top)), compacted };
  }

  /** Current entries, about `bytes` of them at each call; empty when there are no more. */
  load(bytes: number): Row[] {
    this.#loading ??= this.#sql(
      `SELECT ${columns} FROM log JOIN (SELECT max(id) AS top FROM log GROUP BY key) ON id = top WHERE version > 0`,
    ).iterate() as unknown as IterableIterator<StoredRow>;
    const rows: Row[] = [];
    for (let size = 0; size < bytes;) {
      const { value, done } = this.#loading.next();
      if (done) break;
      rows.push(this.#checked(value));
      size += value.value?.length ?? 0;
    }
    return rows;
  }

  /** All rows in one durable commit. */
  write(rows: Iterable<Row>): void {
    const insert = this.#sql('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)');
    this.#db.exec('BEGIN IMMEDIATE');
    for (const { id, key, createRevision, version, value } of rows) {
      const stored = version > 0 ? (value ?? new Uint8Array(0)) : null;
      insert.run(id, key, createRevision, version, stored, checksum(key, version, stored));
    }
    this.#db.exec('COMMIT');
  }

  get(key: string, revision: Revision): Row | undefined {
    const found = this.#before(key, rowId(revision + 1, 0));
    return found && found.version > 0 ? found : undefined;
  }

  /**
   * The state of a prefix as of `revision`. `more` is by how many entries it is larger than the state as of `now`: counting
   * what changed in between is much quicker than counting everything.
   */
  range(prefix: string, options: RangeQuestion): { rows: Row[]; more: number } {
    const from = options.from !== undefined && options.from > prefix ? options.from : prefix;
    const then = rowId(options.revision + 1, 0);
    const now = rowId(options.now + 1, 0);
    // SQLite takes the other columns of a max() from the row that holds the maximum.
    const rows = this.#sql(
      `SELECT max(id) AS id, key, create_revision, version, value, crc FROM log
       WHERE key >= ? AND key < ? AND id < ? GROUP BY key HAVING version > 0 ORDER BY key LIMIT ?`,
    ).all(from, prefix + last, then, options.limit ?? -1) as unknown as StoredRow[];
    const touched = this.#sql('SELECT DISTINCT key FROM log WHERE id >= ? AND id < ? AND key >= ? AND key < ?');
    let more = 0;
    for (const { key } of touched.all(then, now, from, prefix + last) as unknown as { key: string }[]) {
      more += Number(this.#existed(key, then)) - Number(this.#existed(key, now));
    }
    return { rows: rows.map((row) => this.#checked(row)), more };
  }

  /**
   * Changes under `prefix` after one revision and up to another, as pairs of a row and what stood before it. Whole revisions
   * only; about `limit` pairs. `through` is how far this page looked.
   */
  history(
    prefix: string,
    span: { after: Revision; through: Revision; limit: number },
  ): { pairs: [Row, Row | undefined][]; through: Revision } {
    const found = this.#sql(
      `SELECT ${columns} FROM log WHERE id >= ? AND id < ? AND key >= ? AND key < ? ORDER BY id LIMIT ?`,
    ).all(
      rowId(span.after + 1, 0),
      rowId(span.through + 1, 0),
      prefix,
      prefix + last,
      span.limit,
    ) as unknown as StoredRow[];
    let { through } = span;
    let rows = found;
    if (found.length === span.limit) {
      // The page may end within a revision: that one is left for the next page, unless it is all there is.
      const end = revisionOf((found.at(-1) as StoredRow).id);
      const whole = found.filter(({ id }) => revisionOf(id) < end);
      if (whole.length === 0) return this.history(prefix, { ...span, limit: span.limit * 2 });
      rows = whole;
      through = end - 1;
    }
    const pairs = rows.map((stored): [Row, Row | undefined] => {
      const previous = this.#before(stored.key, stored.id);
      return [this.#checked(stored), previous && previous.version > 0 ? previous : undefined];
    });
    return { pairs, through };
  }

  /** Refuses reads before `revision` from now on; the rows go step by step. */
  beginCompaction(revision: Revision): void {
    this.#sql(`UPDATE mark SET revision = ? WHERE name = 'compacted'`).run(revision);
  }

  /** Forgets some superseded rows; true when none is left. May be interrupted at any step, also by the end of the process. */
  compactStep(): boolean {
    const end = rowId(this.#mark('compacted') + 1, 0);
    const start = this.#mark('scrubbed');
    const rows = this.#sql('SELECT id, key, version FROM log WHERE id > ? AND id < ? ORDER BY id LIMIT ?').all(
      start,
      end,
      compactStepRows,
    ) as unknown as {
      id: number;
      key: string;
      version: number;
    }[];
    const older = this.#sql('DELETE FROM log WHERE key = ? AND id < ?');
    const self = this.#sql('DELETE FROM log WHERE id = ?');
    this.#db.exec('BEGIN IMMEDIATE');
    for (const { id, key, version } of rows) {
      older.run(key, id);
      if (version === 0) self.run(id);
    }
    const done = rows.length < compactStepRows;
    this.#sql(`UPDATE mark SET revision = ? WHERE name = 'scrubbed'`).run(done ? end - 1 : (rows.at(-1)?.id ?? start));
    this.#db.exec('COMMIT');
    return done;
  }

  /** Returns some empty pages to the file system; true when few enough are left. */
  vacuumStep(): boolean {
    const excess = this.#pragma('freelist_count') - Math.floor(this.#pragma('page_count') * freePagesKept);
    if (excess <= 0) return true;
    this.#db.exec(`PRAGMA incremental_vacuum(${Math.min(excess, vacuumStepPages)})`);
    return excess <= vacuumStepPages;
  }

  sizeBytes(): number {
    return this.#pragma('page_count') * this.#pragma('page_size');
  }

  close(): void {
    this.#loading?.return?.();
    this.#db.close();
  }

  #before(key: string, id: number): Row | undefined {
    const found = this.#sql(`SELECT ${columns} FROM log WHERE key = ? AND id < ? ORDER BY id DESC LIMIT 1`).get(
      key,
      id,
    );
    return found && this.#checked(found as unknown as StoredRow);
  }

  #existed(key: string, id: number): boolean {
    const found = this.#sql('SELECT version FROM log WHERE key = ? AND id < ? ORDER BY id DESC LIMIT 1').get(key, id);
    return found !== undefined && (found['version'] as number) > 0;
  }

  #mark(name: string): number {
    return (this.#sql('SELECT revision FROM mark WHERE name = ?').get(name) as { revision: number }).revision;
  }

  #pragma(name: string): number {
    return pragma(this.#db, name);
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) this.#statements.set(text, (statement = this.#db.prepare(text)));
    return statement;
  }

  #checked(row: StoredRow): Row {
    if (checksum(row.key, row.version, row.value) !== row.crc) {
      throw new Error(
        `${this.path}: the data file is damaged: revision ${revisionOf(row.id)} of key ${JSON.stringify(row.key)} has a wrong checksum`,
      );
    }
    return {
      id: row.id,
      key: row.key,
      createRevision: row.create_revision,
      version: row.version,
      value: row.value ?? undefined,
    };
  }
}

/** Takes the file for ourselves, checks that it is ours and whole, and creates what a new one needs. */
function prepare(db: DatabaseSync): void {
  // Exclusive before the first access: no second process, and no shared-memory file.
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  const isNew = pragma(db, 'page_count') === 0;
  if (!isNew) {
    const id = pragma(db, 'application_id');
    if (id !== applicationId) throw new Error('this is a SQLite database, but not a k8ts data file');
    const version = pragma(db, 'user_version');
    if (version !== schemaVersion)
      throw new Error(`the data file has format ${version}, this program knows format ${schemaVersion}`);
  }
  if (isNew) db.exec('PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL');
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = ${checkpointPages};
    PRAGMA journal_size_limit = ${logBytesKept};
    PRAGMA cache_size = -8000;
    PRAGMA temp_store = MEMORY;
  `);
  if (isNew) {
    db.exec(
      `BEGIN EXCLUSIVE; ${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; COMMIT`,
    );
    return;
  }
  // Takes the write lock, which then stays ours.
  db.exec('BEGIN EXCLUSIVE; COMMIT');
  const problems = db.prepare('PRAGMA quick_check(3)').all() as { quick_check: string }[];
  const found = problems.map(({ quick_check }) => quick_check).filter((text) => text !== 'ok');
  if (found.length > 0) throw new Error(`the data file is damaged: ${found.join('; ')}`);
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0]);
}

function checksum(key: string, version: number, value: Uint8Array | null): number {
  return crc32(value ?? '', crc32(`${version} ${key}`));
}

/** SQLite's primary result codes in words for the person who has to act. */
function reasonOf(error: unknown): string {
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
