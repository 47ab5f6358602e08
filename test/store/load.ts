/**
 * What the store tests write: transactions that follow from their number alone, so that whoever knows a revision knows the whole state
 * at it. As a program it writes them into the data file named on its command line and tells each acknowledged revision in the file `acks`
 * beside it. A full disk it waits out; any other failure ends it.
 */
import { openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tuning } from '#store/sqlite/data-file.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { StoreFull, type Operation, type Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';

const keys = 24;

/** Numbers that look random and are the same at every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The first transaction makes revision 2. Each makes exactly one. */
export const firstRevision = 2;

export interface Step {
  readonly revision: number;
  readonly operations: readonly Operation[];
}

/** All transactions in order; `live` must not be touched. */
export function* steps(): Generator<Step, never> {
  const live = new Set<string>();
  for (let revision = firstRevision; ; revision++) {
    const random = randomOf(revision);
    const operations = new Map<string, Operation>();
    const count = random() < 0.7 ? 1 : 1 + Math.floor(random() * 4);
    for (let i = 0; i < count; i++) {
      const key = `/registry/things/${Math.floor(random() * keys)}`;
      if (operations.has(key)) continue;
      if (live.has(key) && random() < 0.2) {
        operations.set(key, { op: 'delete', key });
        live.delete(key);
        continue;
      }
      // Some values need pages of their own.
      const bytes = random() < 0.05 ? 5_000 : Math.floor(random() * 250);
      const text = `${revision} ${key} `;
      const value = Buffer.from(text.repeat(Math.ceil((bytes + 1) / text.length)).slice(0, bytes + text.length));
      operations.set(key, { op: 'put', key, value });
      live.add(key);
    }
    yield { revision, operations: [...operations.values()] };
  }
}

export interface LoadOptions {
  readonly path: string;
  readonly tuning: Tuning;
  readonly transactions: number;
  /** How often the file is closed and opened again on the way. */
  readonly openings: number;
}

async function run({ path, tuning, transactions, openings }: LoadOptions): Promise<void> {
  const acks = openSync(join(dirname(path), 'acks'), 'a');
  const world = nodeWorld({ log: { level: 'silent' } });
  const load = steps();
  const random = randomOf(transactions);
  let written = 0;
  for (let opening = 1; opening <= openings; opening++) {
    await using store = await openSqliteStore(world, { path, tuning });
    const end = Math.floor((transactions * opening) / openings);
    while (written < end) {
      // A group commit of some transactions, then the next.
      const group = random() < 0.5 ? 1 : 1 + Math.floor(random() * 6);
      let waiting = Array.from({ length: group }, () => load.next().value);
      while (waiting.length > 0) {
        const results = await Promise.allSettled(
          waiting.map(async ({ revision, operations }) => {
            const result = await store.txn(operations);
            if (!result.ok || result.revision !== revision)
              throw new Error(`revision ${result.revision}, not ${revision}`);
            writeSync(acks, `${revision}\n`);
          }),
        );
        waiting = waiting.filter((_, i) => results[i]?.status === 'rejected');
        const [failure] = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as Error);
        if (!failure) continue;
        if (!(failure instanceof StoreFull)) throw failure;
        // What was refused has left no trace: the same transactions get the same revisions.
        process.stdout.write(`full ${failure.message}\n`);
        await world.clock.sleep(100);
      }
      written += group;
      if (random() < 0.1) await compact(store);
    }
  }
}

async function compact(store: Store): Promise<void> {
  try {
    await store.compact(Math.max(1, store.revision() - 10));
  } catch (error) {
    if (!(error instanceof StoreFull)) throw error;
    process.stdout.write(`full ${error.message}\n`);
  }
}

if (process.argv[1] === import.meta.filename) {
  await run(JSON.parse(process.argv[2] as string) as LoadOptions).catch((error: Error) => {
    process.stdout.write(`failed ${error.name}: ${error.message}\n`);
    process.exitCode = 3;
  });
}
