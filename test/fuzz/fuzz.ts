/**
 * `npm run fuzz -- [target …] [--seconds 10] [--seed text] [--data folder] [--keep] [--replay file]`: a small coverage-guided fuzzer. Each target runs in a
 * thread of its own, which this one watches: an input on which the thread dies, throws or stays too long is a finding; it is made shorter and written to the data folder.
 * `--keep` copies the small inputs that reached something new into the corpus in the repository.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { inputBytesMax } from './mutate.ts';
import { attempt } from './target.ts';
import { endTargets, targets } from './targets.ts';
import { corpusOf } from './corpus.ts';
import type { Job, Report } from './worker.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(process.pid) },
    data: { type: 'string', default: join(tmpdir(), 'k8ts-fuzz') },
    keep: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});
/** What an input may take; the first runs compile, so that a little is given. */
const hangMs = 3_000;
const keptBytesMax = 1_500;

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const filesOf = (folder: string): Buffer[] => readdirSync(folder).map((name) => readFileSync(join(folder, name)));

const unknown = positionals.find((name) => !targets.has(name));
if (unknown !== undefined) throw new Error(`no target ${unknown}; there are ${[...targets.keys()].join(', ')}`);

if (values.replay !== undefined) await replay(String(positionals[0]), values.replay);
else for (const name of positionals.length > 0 ? positionals : targets.keys()) await fuzz(name);
process.exit();

async function replay(name: string, file: string): Promise<void> {
  const target = targets.get(name);
  if (!target) throw new Error('--replay needs the name of a target');
  const began = performance.now();
  console.log(await attempt(target, readFileSync(file)), `in ${Math.round(performance.now() - began)} ms`);
  await endTargets();
}

/** One target, until its time is over; a finding ends its thread, and another one goes on. */
async function fuzz(name: string): Promise<void> {
  const folder = join(values.data, name);
  mkdirSync(folder, { recursive: true });
  let left = Number(values.seconds) * 1000;
  const found = new Set<string>();
  let runs = 0;
  for (let thread = 0; left > 0 && found.size < 5 && thread < 20; thread++) {
    const began = Date.now();
    const inputs = [...corpusOf(name), ...filesOf(folder)];
    const report = await inThread({
      name,
      seed: `${values.seed}-${thread}`,
      inputs,
      ms: left,
      known: [...found],
      keptBytesMax,
    });
    runs += report.runs;
    left -= Date.now() - began;
    for (const input of report.kept) writeFileSync(join(folder, hash(input)), input);
    if (values.keep)
      for (const input of report.fewest) {
        mkdirSync(join(import.meta.dirname, 'corpus', name), { recursive: true });
        writeFileSync(join(import.meta.dirname, 'corpus', name, hash(input).slice(0, 8)), input);
      }
    if (!report.finding) continue;
    const { input, error } = report.finding;
    found.add(signature(error));
    mkdirSync(join(values.data, 'findings'), { recursive: true });
    const path = join(values.data, 'findings', `${name}-${hash(input)}`);
    writeFileSync(path, input);
    console.log(`FOUND ${name}: ${error}\n  npm run fuzz -- ${name} --replay ${path}`);
    process.exitCode = 1;
  }
  console.log(`${name}: ${runs} inputs, corpus ${filesOf(folder).length}, findings ${found.size}, seed ${values.seed}`);
}

/** What makes two findings the same. */
function signature(error: string): string {
  return error.split('\n', 2).join('\n');
}

function inThread(job: Omit<Job, 'shared'>): Promise<Report> {
  // The number of the run, the length of its input, whether it is running, and the input: readable while the thread hangs.
  const shared = new SharedArrayBuffer(12 + inputBytesMax);
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: { ...job, shared } satisfies Job });
  const [state, bytes] = [new Int32Array(shared, 0, 3), new Uint8Array(shared, 12)];
  const last = (error: string): Report => ({
    runs: Atomics.load(state, 0),
    kept: [],
    fewest: [],
    finding: { input: bytes.slice(0, Atomics.load(state, 1)), error },
  });
  return new Promise((resolve) => {
    let [seen, since] = [0, Date.now()];
    const watch = setInterval(() => {
      const run = Atomics.load(state, 0);
      if (run !== seen || Atomics.load(state, 2) === 0) [seen, since] = [run, Date.now()];
      else if (Date.now() - since > hangMs) end(last(`a hang of more than ${hangMs} ms\n`));
    }, 100);
    const end = (report: Report): void => {
      clearInterval(watch);
      resolve(report);
      void worker.terminate();
    };
    worker.once('message', end);
    worker.once('error', (error) => end(last(`uncaught: ${error.stack}`)));
  });
}
