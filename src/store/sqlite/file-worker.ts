/**
 * A thread for what is done to a data file that no store has open: a look at all of it takes seconds, and no loop may wait so
 * long. It does one task and ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from './database.ts';
import type { FileOutcome, FileTask } from './file-task.ts';

async function perform(task: FileTask): Promise<FileOutcome> {
  const database = new Database(task.path);
  try {
    switch (task.task) {
      case 'verify':
        return { done: database.verify() };
      case 'copy':
        await database.copyTo(task.to);
        return { done: { revision: database.revisions().revision, entries: 0 } };
      case 'jump':
        database.jumpTo(task.revision);
        return { done: { revision: database.revisions().revision, entries: 0 } };
      default:
        throw new Error(`unknown task ${JSON.stringify(task satisfies never)}`);
    }
  } catch (error) {
    return { problem: database.explain(error) };
  } finally {
    // Folds the write-ahead log in and removes it: the file is then all there is.
    database.close();
  }
}

const task = workerData as FileTask;
void perform(task)
  .catch((error: unknown): FileOutcome => ({ problem: (error as Error).message }))
  .then((outcome) => parentPort?.postMessage(outcome));
