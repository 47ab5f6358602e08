/**
 * Work on a data file that no store has open, for backups and restores. Each task has a thread of its own. A file that a store
 * has open is refused by name.
 */
import { Worker } from 'node:worker_threads';
import type { Revision } from '../store.ts';

export type FileTask =
  /** Reads everything and verifies it. */
  | { readonly task: 'verify'; readonly path: string }
  | { readonly task: 'copy'; readonly path: string; readonly to: string }
  /** Counts every revision up to this one as given out and forgotten. */
  | { readonly task: 'jump'; readonly path: string; readonly revision: Revision };

export interface DataFile {
  readonly revision: Revision;
  /** How many keys it holds; only a verification counts them. */
  readonly entries: number;
  /** How many values are encrypted how, by what they start with (`k8s:enc:secretbox:v1:key1:`); only a verification looks. */
  readonly forms?: Readonly<Record<string, number>>;
}

/** The worker's only message. */
export type FileOutcome = { readonly done: DataFile } | { readonly problem: string };

/** Rejects with an Error that names the file and says what is wrong with it. */
export async function onDataFile(task: FileTask): Promise<DataFile> {
  const worker = new Worker(new URL('./file-worker.ts', import.meta.url), { workerData: task, name: 'k8ts-data-file' });
  const outcome = await new Promise<FileOutcome>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`${task.path}: the thread ended with code ${code}`)));
  });
  if ('problem' in outcome) throw new Error(outcome.problem);
  return outcome.done;
}
