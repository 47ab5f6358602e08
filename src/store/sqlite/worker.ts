/**
 * The thread that owns the data file: it does what the main thread asks, one message after another, and answers in the same
 * order. Only a copy goes on beside the rest, and is told when it is done. After the first error it answers with that error
 * only: nothing may be written by a store that has failed. "No room" is no error: nothing was changed then.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Database, DiskFull } from './database.ts';
import type { Answer, Copied, Opened, Question, Start } from './protocol.ts';
import { pack, transferOf, unpack, type Row } from './rows.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs only as a worker thread');

/** What one answer may carry while loading: large enough to be quick, small enough to be collected in pieces. */
const loadBytes = 256 * 1024;

/** What lengthens the write-ahead log. */
const writing: ReadonlySet<Question['ask']> = new Set(['write', 'compact-step', 'vacuum-step'] as const);

let database: Database | undefined;
let failure: string | undefined;

function answer(question: Question): Answer {
  if (failure !== undefined) return { failed: failure };
  try {
    return perform(database as Database, question);
  } catch (error) {
    if (error instanceof DiskFull) return { full: true };
    failure = database?.explain(error) ?? (error as Error).message;
    return { failed: failure };
  }
}

function perform(db: Database, question: Question): Answer {
  switch (question.ask) {
    case 'load':
      return rowsAnswer(db.load(loadBytes));
    case 'write':
      db.write(unpack(question.rows));
      return {};
    case 'get': {
      const row = db.get(question.key, question.revision);
      return rowsAnswer(row ? [row] : []);
    }
    case 'range': {
      const { rows, more } = db.range(question.prefix, question);
      return { ...rowsAnswer(rows), more };
    }
    case 'history': {
      const { pairs, through } = db.history(question.prefix, question);
      const nothing: Row = { id: 0, key: '', createRevision: 0, version: 0, value: undefined };
      return { ...rowsAnswer(pairs.flatMap(([row, previous]) => [row, previous ?? nothing])), through };
    }
    case 'compact':
      db.beginCompaction(question.revision);
      return {};
    case 'compact-step':
      return { done: db.compactStep() };
    case 'vacuum-step':
      return { done: db.vacuumStep() };
    case 'purge':
      db.purge();
      return {};
    case 'scrub-step': {
      const { next, rows } = db.scrubStep(question.after);
      return { count: rows, ...(next === undefined ? {} : { next }) };
    }
    case 'probe':
      db.probe();
      return {};
    case 'copy':
      void copy(db, question.path);
      return {};
    case 'size':
      return { bytes: db.sizeBytes() };
    case 'collect':
      // There only where Node was started with --expose-gc.
      globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      return {};
    case 'close':
      db.close();
      return {};
    default:
      throw new Error(`unknown question ${JSON.stringify(question satisfies never)}`);
  }
}

function rowsAnswer(rows: readonly Row[]): Answer {
  return { rows: pack(rows) };
}

/** Its outcome is no answer: writes are answered meanwhile. A copy that fails says nothing about the data file. */
async function copy(db: Database, path: string): Promise<void> {
  let outcome: Copied;
  try {
    await db.copyTo(path);
    outcome = { copied: path };
  } catch (error) {
    outcome = { copied: path, problem: (error as Error).message };
  }
  port?.postMessage(outcome);
}

/** After the answer, so that no writer waits for it. */
function afterWrite(db: Database): void {
  try {
    db.checkpointIfLong();
  } catch (error) {
    // No room for the file: the log goes on until there is none for it either.
    if (error instanceof DiskFull) return;
    failure = db.explain(error);
    port?.postMessage({ failed: failure } satisfies Answer);
  }
}

const { path, tuning } = workerData as Start;
let opened: Opened;
try {
  database = new Database(path, tuning);
  opened = database.revisions();
} catch (error) {
  failure = (error as Error).message;
  opened = { failed: failure };
}
port.postMessage(opened);
port.on('message', (question: Question) => {
  const reply = answer(question);
  port.postMessage(reply, reply.rows ? transferOf(reply.rows) : []);
  if (question.ask === 'close') port.close();
  else if (database && failure === undefined && writing.has(question.ask)) afterWrite(database);
});
