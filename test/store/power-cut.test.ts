/**
 * Power cuts: a load is recorded call by call, and everything that the disk may hold after any of the calls is opened again. Nothing that
 * was acknowledged may be missing from any of it. That the harness can see a loss at all is proved with a setting that loses.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { Found, Share } from './crash-check.ts';
import type { LoadOptions } from './load.ts';
import { cannotRecord, record } from './recording.ts';

const skip = cannotRecord() ?? false;
/** For longer runs: more states after each event, and another choice of them. */
const wanted = Number(process.env['STORE_CRASH_STATES'] ?? 100_000);
const seed = Number(process.env['STORE_SEED'] ?? 1);
const shares = 2;
let directory: string;
before(() => {
  // In memory where there is such a place: the disk is simulated anyway.
  directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'k8ts-power-'));
});
after(() => rmSync(directory, { recursive: true }));

function recorded(
  name: string,
  synchronous: 'FULL' | 'NORMAL',
  transactions: number,
): { path: string; events: number } {
  const place = mkdtempSync(join(directory, name));
  const path = join(place, 'state.db');
  writeFileSync(path, '');
  const options: LoadOptions = { path, tuning: { synchronous, checkpointPages: 20 }, transactions, openings: 3 };
  const events = record(join(import.meta.dirname, 'load.ts'), options, path);
  writeFileSync(join(place, 'events'), serialize(events));
  return { path: join(place, 'events'), events: events.length };
}

async function checked(share: Omit<Share, 'share' | 'shares' | 'directory' | 'seed'>): Promise<Found> {
  const found = await Promise.all(
    Array.from({ length: shares }, (_, i) => {
      const worker = new Worker(new URL('crash-check.ts', import.meta.url), {
        workerData: { ...share, directory, seed, share: i, shares } satisfies Share,
      });
      return new Promise<Found>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  return {
    states: found.reduce((sum, { states }) => sum + states, 0),
    lost: found.reduce((sum, { lost }) => sum + lost, 0),
    problems: found.flatMap(({ problems }) => problems),
  };
}

test('no power cut loses or damages what was acknowledged', { skip }, async (t) => {
  const { path, events } = recorded('full-', 'FULL', 600);
  const { states, problems } = await checked({ recording: path, states: wanted * 1.02, problemsMax: 3 });
  t.diagnostic(`${states} different crash states after ${events} events`);
  assert.deepEqual(problems, []);
  assert.ok(states >= wanted, `only ${states} states`);
});

test('the same power cuts lose acknowledged writes when commits are not synced', { skip }, async (t) => {
  const { path } = recorded('normal-', 'NORMAL', 150);
  const { states, lost, problems } = await checked({ recording: path, states: 2_000, problemsMax: 200 });
  t.diagnostic(`${lost} losses in ${states} crash states`);
  assert.ok(lost > 50, `${lost} losses: ${problems[0]}`);
});
