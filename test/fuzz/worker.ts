/** The thread that runs one target: mutates, runs, keeps what reaches new blocks, and hands back one report. A hang is for the other thread to see. */
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { mutator } from './mutate.ts';
import { attempt, type Target } from './target.ts';
import { targets } from './targets.ts';

export interface Job {
  readonly name: string;
  readonly seed: string;
  readonly inputs: readonly Uint8Array[];
  readonly ms: number;
  /** Findings that were reported before. */
  readonly known: readonly string[];
  readonly keptBytesMax: number;
  readonly shared: SharedArrayBuffer;
}

export interface Report {
  readonly runs: number;
  readonly kept: readonly Uint8Array[];
  /** A few small inputs of those kept that reach, one after the other, what the first ones do not. */
  readonly fewest: readonly Uint8Array[];
  readonly finding?: { readonly input: Uint8Array; readonly error: string };
}

const job = workerData as Job;
const target = targets.get(job.name) as Target;
const [state, shown] = [new Int32Array(job.shared, 0, 3), new Uint8Array(job.shared, 12)];
const batchMax = 32;
/** A run that takes longer is a finding too: the input is at most 64 kB. */
const slowMs = 1_000;

const signature = (error: string): string => error.split('\n', 2).join('\n');
const known = new Set(job.known);
let loose: unknown;
process.on('uncaughtException', (error) => (loose = error));
process.on('unhandledRejection', (error) => (loose = error));

/** How it failed, or undefined. */
async function failure(input: Uint8Array): Promise<string | undefined> {
  shown.set(input.subarray(0, shown.length));
  Atomics.store(state, 1, input.length);
  Atomics.add(state, 0, 1);
  Atomics.store(state, 2, 1);
  const began = performance.now();
  try {
    await attempt(target, input);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? String(error)) : String(error);
  } finally {
    Atomics.store(state, 2, 0);
  }
  if (loose !== undefined) {
    const error = loose;
    loose = undefined;
    return `uncaught: ${error instanceof Error ? error.stack : String(error)}`;
  }
  const ms = performance.now() - began;
  // The first run loads and compiles.
  return ms > slowMs && runs > 100 ? `slow: more than ${slowMs} ms\n` : undefined;
}

/** The same failure from fewer bytes: blocks are taken out as long as it stays. */
async function minimised(input: Buffer, error: string): Promise<Buffer> {
  let best: Buffer = input;
  const end = Date.now() + 5_000;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length && Date.now() < end;) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const again = await failure(shorter);
      if (again !== undefined && signature(again) === signature(error)) best = shorter;
      else at += size;
    }
  }
  return best;
}

let runs = 0;
const until = Date.now() + job.ms;
const corpus = job.inputs.map((input): Buffer => Buffer.from(input));
if (corpus.length === 0) corpus.push(Buffer.from('a'));
const seeds = [...corpus];
const kept: Buffer[] = [];
const mutate = mutator(job.seed, seeds, () => corpus);
using coverage = new Coverage();

/** Runs inputs again of which one reached something new; keeps those that did, which halving finds. */
async function explore(batch: readonly Buffer[]): Promise<void> {
  for (const input of batch) await failure(input);
  const [first] = batch;
  if (first === undefined || !coverage.reached({ keep: batch.length === 1 })) return;
  if (batch.length === 1) {
    corpus.push(first);
    kept.push(first);
    return;
  }
  const half = batch.length >> 1;
  await explore(batch.slice(0, half));
  await explore(batch.slice(half));
}

async function work(): Promise<Report['finding']> {
  const check = async (input: Buffer): Promise<Report['finding']> => {
    const error = await failure(input);
    runs++;
    if (error === undefined || known.has(signature(error))) return undefined;
    return { input: await minimised(input, error), error };
  };
  for (const input of seeds) {
    const finding = await check(input);
    if (finding) return finding;
  }
  coverage.reached({ keep: true });
  let at = 0;
  while (Date.now() < until) {
    const batch: Buffer[] = [];
    const began = performance.now();
    while (batch.length < batchMax && performance.now() - began < 500) {
      // The newest half of the time: what it reached is not yet explored.
      const from = at++ % 2 === 0 ? corpus.length - 1 - (at % Math.min(corpus.length, 20)) : at % corpus.length;
      const input = mutate(corpus[from] as Buffer);
      const finding = await check(input);
      if (finding) return finding;
      batch.push(input);
    }
    if (coverage.reached({ keep: false })) await explore(batch);
  }
  return undefined;
}

/** From the shortest on, what each adds to the ones before it. */
async function fewest(): Promise<Buffer[]> {
  using fresh = new Coverage();
  for (const input of seeds) await failure(input);
  fresh.reached({ keep: true });
  const few: Buffer[] = [];
  for (const input of kept.filter(({ length }) => length <= job.keptBytesMax).toSorted((a, b) => a.length - b.length)) {
    await failure(input);
    if (fresh.reached({ keep: true })) few.push(input);
  }
  return few;
}

const finding = await work();
const few = await fewest();
parentPort?.postMessage({ runs, kept, fewest: few, ...(finding ? { finding } : {}) } satisfies Report);
