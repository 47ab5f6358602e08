/**
 * The thread that owns the data file: it does what the main thread asks, one message after another, and answers in the same
 * order. After the first error it answers with that error only: nothing may be written by a store that has failed.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from './database.ts';
import type { Answer, Opened, Question } from './protocol.ts';
import { pack, transferOf, unpack, type Row } from './rows.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs only as a worker thread');

/** What one answer may carry while loading: large enough to be quick, small enough to be collected in pieces. */
const loadBytes = 256 * 1024;

let database: Database | undefined;
let failure: string | undefined;

function answer(question: Question): Answer {
  if (failure !== undefined) return { failed: failure };
  try {
    return perform(database as Database, question);
  } catch (error) {
    failure = (error as Error).message;
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
    case 'size':
      return { bytes: db.sizeBytes() };
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

let opened: Opened;
try {
  database = new Database((workerData as { path: string }).path);
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
});
