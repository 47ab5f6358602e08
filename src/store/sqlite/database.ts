/**
 * The data file: one table that is a log of everything that happened to every key since the compaction. Synchronous, used
 * by the worker only. It trusts nothing that it finds: a file that is foreign, damaged or in use is refused by name, and
 * every row carries a checksum. After any error but DiskFull the caller must stop: SQLite's own state is then unknown.
 */
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';
import { headerOf } from '../encryption/transformer.ts';
import type { Revision } from '../store.ts';
import {
  checkpointPagesDefault,
  checksum,
  markChecksum,
  pragma,
  prepare,
  reasonOf,
  type StoredRow,
  type Tuning,
} from './data-file.ts';
import { revisionOf, rowId, type Row } from './rows.ts';

/** A successor waits this long for its predecessor to let go of the file. */
const lockWaitMs = 2_000;
/** What one step of compaction looks at and one of vacuum moves: writers wait for a step at most, and no step may hold them for 10 ms. */
const compactStepRows = 100;
const vacuumStepPages = 64;
/** One step of the scrub ends at the first of these. */
const scrubStepRows = 100;
const scrubStepBytes = 512 * 1024;
/** Pages a backup copies at once; the writer waits for them. */
const backupStepPages = 64;
/** SQLite's primary result code of a write for which there is no room. */
const sqliteFull = 13;
/** Share of empty pages that stay in the file for the next writes. */
const freePagesKept = 0.2;
/** Above every key with the prefix: no key holds this code point at the end of a prefix. */
const last = '\u{10FFFF}';

/** What a purge may take of memory. */
const purgeInMemoryBytesMax = 256 * 1024 * 1024;

const columns = 'id, key, create_revision, version, value, crc';
export interface RangeQuestion {
  readonly revision: Revision;
  /** The asker's current revision. */
  readonly now: Revision;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly limit: number | undefined;
}

/** There was no room for a write: it was undone as a whole, and everything else stands. */
export class DiskFull extends Error {
  constructor(path: string, options: { cause: unknown }) {
    super(`${path}: the disk is full`, options);
    this.name = 'DiskFull';
  }
}

export class Database {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #checkpointPages: number;
  readonly #statements = new Map<string, StatementSync>();
  #loading: IterableIterator<StoredRow> | undefined;

  /** Opens or creates the file; throws an Error that names it and says what is wrong. */
  constructor(path: string, tuning: Tuning = {}) {
    this.path = path;
    this.#checkpointPages = tuning.checkpointPages ?? checkpointPagesDefault;
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: lockWaitMs });
      prepare(db, tuning);
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
    this.#commit(() => {
      for (const { id, key, createRevision, version, value } of rows) {
        const stored = version > 0 ? (value ?? new Uint8Array(0)) : null;
        const crc = checksum({ id, key, create_revision: createRevision, version, value: stored });
        insert.run(id, key, createRevision, version, stored, crc);
      }
    });
  }

  /** Folds the write-ahead log into the file when it has grown long; done by us, because SQLite keeps its errors to itself. */
  checkpointIfLong(): void {
    if (this.#checkpoint('NOOP').log >= this.#checkpointPages) this.checkpoint();
  }

  /** Throws DiskFull when the file cannot grow: the log then simply stays. */
  checkpoint(): void {
    this.#filling(() => this.#checkpoint('PASSIVE'));
  }

  /** Writes what changes nothing, to see whether there is room again. */
  probe(): void {
    this.#commit(() => this.#setMark('compacted', this.#mark('compacted')));
    this.checkpoint();
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
    const end = options.to !== undefined && options.to < prefix + last ? options.to : prefix + last;
    const then = rowId(options.revision + 1, 0);
    const now = rowId(options.now + 1, 0);
    // SQLite takes the other columns of a max() from the row that holds the maximum.
    const rows = this.#sql(
      `SELECT max(id) AS id, key, create_revision, version, value, crc FROM log
       WHERE key >= ? AND key < ? AND id < ? GROUP BY key HAVING version > 0 ORDER BY key LIMIT ?`,
    ).all(from, end, then, options.limit ?? -1) as unknown as StoredRow[];
    const touched = this.#sql('SELECT DISTINCT key FROM log WHERE id >= ? AND id < ? AND key >= ? AND key < ?');
    let more = 0;
    for (const { key } of touched.all(then, now, from, end) as unknown as { key: string }[]) {
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
    if (revision > this.#mark('compacted')) this.#commit(() => this.#setMark('compacted', revision));
  }

  /** Forgets some superseded rows; true when none is left. May be interrupted at any step, also by the end of the process. */
  compactStep(): boolean {
    const end = rowId(this.#mark('compacted') + 1, 0);
    const start = this.#mark('swept');
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
    const done = rows.length < compactStepRows;
    this.#commit(() => {
      for (const { id, key, version } of rows) {
        older.run(key, id);
        if (version === 0) self.run(id);
      }
      this.#setMark('swept', done ? end - 1 : (rows.at(-1)?.id ?? start));
    });
    return done;
  }

  /** Returns some empty pages to the file system; true when few enough are left. */
  vacuumStep(): boolean {
    const excess = this.#pragma('freelist_count') - Math.floor(this.#pragma('page_count') * freePagesKept);
    if (excess <= 0) return true;
    this.#filling(() => this.#db.exec(`PRAGMA incremental_vacuum(${Math.min(excess, vacuumStepPages)})`));
    return excess <= vacuumStepPages;
  }

  /** Writes the whole file anew, and empties the log: nothing of what was deleted is in either then. */
  purge(): void {
    const bytes = this.sizeBytes();
    this.#filling(() => {
      // The copy is made in memory, or in a file of the system's when it is too large for that.
      if (bytes > purgeInMemoryBytesMax) this.#db.exec('PRAGMA temp_store = FILE');
      try {
        this.#db.exec('VACUUM');
      } finally {
        this.#db.exec('PRAGMA temp_store = MEMORY');
      }
      this.#checkpoint('TRUNCATE');
    });
  }

  /**
   * Verifies the next rows after `after`: their checksums, and that the index leads to them. `next` is where to go on,
   * undefined at the end. Throws what it finds.
   */
  scrubStep(after: number): { next: number | undefined; rows: number } {
    const indexed = this.#sql('SELECT id FROM log INDEXED BY log_key WHERE key = ? AND id = ?');
    let at = after;
    let bytes = 0;
    let rows = 0;
    const found = this.#sql(`SELECT ${columns} FROM log WHERE id > ? ORDER BY id`).iterate(after);
    for (const stored of found as unknown as IterableIterator<StoredRow>) {
      const { id, key } = this.#checked(stored);
      if (!indexed.get(key, id)) throw this.#damaged(id, key, 'is missing from the index');
      at = id;
      bytes += stored.value?.length ?? 0;
      if (++rows >= scrubStepRows || bytes >= scrubStepBytes) return { next: at, rows };
    }
    return { next: undefined, rows };
  }

  /** Verifies everything that can be read. For backups and tests: it takes as long as it takes. */
  verify(): { revision: Revision; entries: number; forms: Record<string, number> } {
    let entries = 0;
    const forms: Record<string, number> = {};
    for (let rows = this.load(scrubStepBytes); rows.length > 0; rows = this.load(scrubStepBytes)) {
      entries += rows.length;
      for (const { value } of rows) {
        const form = value && headerOf(Buffer.from(value.buffer, value.byteOffset, value.length));
        if (form !== undefined) forms[form] = (forms[form] ?? 0) + 1;
      }
    }
    for (let next: number | undefined = 0; next !== undefined;) ({ next } = this.scrubStep(next));
    return { revision: this.revisions().revision, entries, forms };
  }

  /** Copies the file as it is at one commit to `path`, piece by piece, while writes go on. Not yet synced to the disk by name. */
  async copyTo(path: string): Promise<void> {
    for (;;) {
      try {
        await backup(this.#db, path, { rate: backupStepPages });
        return;
      } catch (error) {
        // Node comes again when a step meets an open write, but not at the first one: it then gives up with SQLite's "not an error".
        if ((error as { errcode?: number }).errcode !== 0) throw error;
      }
    }
  }

  /** Every revision up to this one counts as given out and forgotten: a watch from before it learns that it is too old. */
  jumpTo(revision: Revision): void {
    if (revision > this.revisions().revision) this.beginCompaction(revision);
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
    const found = this.#sql('SELECT revision, crc FROM mark WHERE name = ?').get(name);
    const { revision, crc } = (found ?? {}) as { revision?: number; crc?: number };
    if (revision === undefined || crc !== markChecksum(name, revision))
      throw new Error(`${this.path}: the data file is damaged: the mark ${JSON.stringify(name)} has a wrong checksum`);
    return revision;
  }

  #setMark(name: string, revision: number): void {
    const crc = markChecksum(name, revision);
    this.#sql('UPDATE mark SET revision = ?, crc = ? WHERE name = ?').run(revision, crc, name);
  }

  #commit(change: () => void): void {
    this.#filling(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      change();
      this.#db.exec('COMMIT');
    });
  }

  /** Turns "no room" into DiskFull with nothing of the change left; SQLite may have undone it by itself already. */
  #filling<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (((error as { errcode?: number }).errcode ?? 0) % 256 !== sqliteFull) throw error;
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw new DiskFull(this.path, { cause: error });
    }
  }

  #checkpoint(mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): { log: number } {
    return this.#sql(`PRAGMA wal_checkpoint(${mode})`).get() as { log: number };
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
    if (checksum(row) !== row.crc) throw this.#damaged(row.id, row.key, 'has a wrong checksum');
    return {
      id: row.id,
      key: row.key,
      createRevision: row.create_revision,
      version: row.version,
      value: row.value ?? undefined,
    };
  }

  #damaged(id: number, key: string, how: string): Error {
    return new Error(
      `${this.path}: the data file is damaged: revision ${revisionOf(id)} of key ${JSON.stringify(key)} ${how}`,
    );
  }

  /** An error as it is told: it names the file and says what is wrong. */
  explain(error: unknown): string {
    const { message } = error as Error;
    return message.startsWith(this.path) ? message : `${this.path}: ${reasonOf(error)}`;
  }
}
