/**
 * Opens the data file of a crash state and compares it with the model: every acknowledged revision is there, the state is exactly that of
 * one revision, history is whole since the compaction, nothing is damaged. As a worker thread it does its share of a recording's states.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { Database } from '#store/sqlite/database.ts';
import { revisionOf } from '#store/sqlite/rows.ts';
import { CrashStates } from './crash-states.ts';
import { randomOf, steps } from './load.ts';
import type { DiskEvent } from './recording.ts';

export interface Share {
  /** Of v8's serialization of the events. */
  readonly recording: string;
  /** A directory on a file system in memory. */
  readonly directory: string;
  readonly seed: number;
  /** This share and how many there are. */
  readonly share: number;
  readonly shares: number;
  /** States to make, spread over the events. */
  readonly states: number;
  /** Ends after so many problems. */
  readonly problemsMax: number;
}

export interface Found {
  readonly states: number;
  readonly problems: readonly string[];
  /** States that lost something acknowledged. */
  readonly lost: number;
}

interface Shown {
  readonly key: string;
  readonly version: number;
  readonly revision: number;
  readonly crc: number;
}

/** The state at every revision, and what each revision did, as checksums that do not depend on the order. */
export class Model {
  readonly #load = steps();
  readonly #live = new Map<string, Shown>();
  readonly #states: number[] = [0, 0];
  readonly #changes: number[] = [0, 0];

  stateAt(revision: number): number {
    this.#grow(revision);
    return this.#states[revision] as number;
  }

  /** Of all changes of one revision. */
  changesAt(revision: number): number {
    this.#grow(revision);
    return this.#changes[revision] as number;
  }

  #grow(through: number): void {
    while (this.#states.length <= through) {
      const { revision, operations } = this.#load.next().value;
      let state = this.#states[revision - 1] as number;
      let changes = 0;
      for (const operation of operations) {
        const before = this.#live.get(operation.key);
        if (before) state -= markOf(before);
        const crc = operation.op === 'put' ? crc32(operation.value) : 0;
        const shown = {
          key: operation.key,
          version: operation.op === 'put' ? (before?.version ?? 0) + 1 : 0,
          revision,
          crc,
        };
        changes += markOf(shown);
        if (operation.op === 'put') {
          state += markOf(shown);
          this.#live.set(operation.key, shown);
        } else this.#live.delete(operation.key);
      }
      this.#states.push(state);
      this.#changes.push(changes);
    }
  }
}

const markOf = ({ key, version, revision, crc }: Shown): number => crc32(`${revision} ${version} ${crc} ${key}`);

/** What is wrong with the file at `path`, or undefined. `lost`: something acknowledged is not there. */
export function problemOf(
  path: string,
  { model, acknowledged, thorough }: { model: Model; acknowledged: number; thorough: boolean },
): { readonly text: string; readonly lost: boolean } | undefined {
  let database: Database;
  try {
    database = new Database(path);
  } catch (error) {
    return { text: `cannot be opened: ${(error as Error).message}`, lost: acknowledged > 0 };
  }
  try {
    const { revision, compacted } = database.revisions();
    if (revision < acknowledged)
      return { text: `revision ${revision} after ${acknowledged} was acknowledged`, lost: true };
    let state = 0;
    for (let rows = database.load(1 << 20); rows.length > 0; rows = database.load(1 << 20))
      for (const { id, key, version, value } of rows)
        state += markOf({ key, version, revision: revisionOf(id), crc: crc32(value ?? '') });
    if (state !== model.stateAt(revision))
      return { text: `the state at revision ${revision} is not what was written`, lost: true };
    if (!thorough) return undefined;
    const history = new Map<number, number>();
    const { pairs } = database.history('/', { after: compacted, through: revision, limit: 1 << 20 });
    for (const [{ id, key, version, value }] of pairs) {
      const mark = markOf({ key, version, revision: revisionOf(id), crc: version === 0 ? 0 : crc32(value ?? '') });
      history.set(revisionOf(id), (history.get(revisionOf(id)) ?? 0) + mark);
    }
    for (let at = Math.max(2, compacted + 1); at <= revision; at++)
      if (history.get(at) !== model.changesAt(at))
        return { text: `the history of revision ${at} is not what was written`, lost: true };
    database.verify();
    return undefined;
  } catch (error) {
    return { text: `damaged: ${(error as Error).message}`, lost: true };
  } finally {
    database.close();
  }
}

function check({ recording, directory, seed, share, shares, states: wanted, problemsMax }: Share): Found {
  const events = deserialize(readFileSync(recording)) as DiskEvent[];
  const place = mkdtempSync(join(directory, `share-${share}-`));
  const states = new CrashStates(new Map([['state.db', Buffer.alloc(0)]]), randomOf(seed + share));
  const model = new Model();
  const problems: string[] = [];
  const perEvent = wanted / events.length;
  let owed = 0;
  let count = 0;
  let lost = 0;
  try {
    for (const [index, event] of events.entries()) {
      states.apply(bytesOf(event));
      // Shares take turns.
      if (index % shares !== share) continue;
      // Where little is uncertain there are few states; others make up for them.
      owed = Math.min(owed + perEvent, 20 * perEvent + 20);
      for (const { files, acknowledged, at, how } of states.at(index, Math.ceil(owed))) {
        owed--;
        for (const name of ['state.db', 'state.db-wal', 'state.db-journal']) {
          const path = join(place, name);
          const bytes = files.get(name);
          if (bytes) overwrite(path, bytes);
          else rmSync(path, { force: true });
        }
        count++;
        const problem = problemOf(join(place, 'state.db'), { model, acknowledged, thorough: count % 8 === 0 });
        if (!problem) continue;
        if (problem.lost) lost++;
        if (
          problems.push(`power cut after event ${at} (seed ${seed}, ${how.slice(0, 300)}): ${problem.text}`) >=
          problemsMax
        )
          return { states: count, problems, lost };
      }
    }
    return { states: count, problems, lost };
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Serialization makes plain arrays of Buffers. */
function bytesOf(event: DiskEvent): DiskEvent {
  return event.is === 'write' ? { ...event, data: Buffer.from(event.data) } : event;
}

/** Writes over what is there: the file keeps its memory. */
function overwrite(path: string, bytes: Buffer): void {
  const file = openSync(path, 'a');
  closeSync(file);
  const again = openSync(path, 'r+');
  ftruncateSync(again, bytes.length);
  writeSync(again, bytes, 0, bytes.length, 0);
  closeSync(again);
}

if (parentPort && workerData) parentPort.postMessage(check(workerData as Share));
