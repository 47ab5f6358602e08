/**
 * A disk that fails: the single reads, writes and syncs of a load in turn, by faults that strace puts into the system calls; a disk that is
 * really full; a bit that flips. Nothing acknowledged is ever lost, nothing wrong is ever served, and a full disk heals.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Database } from '#store/sqlite/database.ts';
import type { Row } from '#store/sqlite/rows.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { StoreFailed, StoreFull, type Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';
import { Model, problemOf } from './crash-check.ts';
import { randomOf, steps, type LoadOptions } from './load.ts';
import { cannotRecord } from './recording.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let directory: string;
before(() => {
  directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'k8ts-disk-'));
});
after(() => rmSync(directory, { recursive: true }));

/** Small, but it creates, commits, folds the log in, compacts, closes and opens again. */
const small = { tuning: { checkpointPages: 8 }, transactions: 16, openings: 2 } as const;

/** Runs the load with a fault in the k-th of some calls; tells what it had promised and what it said. */
async function faulty(path: string, calls: string, fault: string): Promise<{ acknowledged: number; output: string }> {
  const options: LoadOptions = { path, ...small };
  const files = [path, `${path}-wal`, `${path}-journal`].flatMap((file) => ['-P', file]);
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'load.ts')];
  const child = spawn(
    'strace',
    [
      '-f',
      '-qq',
      '-y',
      '-o',
      `${path}.trace`,
      '-s',
      '0',
      '-e',
      `trace=${calls}`,
      ...files,
      '-e',
      `inject=${calls}:${fault}`,
      ...program,
      JSON.stringify(options),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  await once(child, 'close');
  const acks = readFileSync(join(path, '..', 'acks'), 'utf8');
  return { acknowledged: Math.max(0, ...acks.split('\n').map(Number)), output };
}

/** Of the k-th calls, every how manyth is tried: 1 is all of them, which takes minutes. */
const stride = Number(process.env['STORE_FAULT_STRIDE'] ?? 2);

for (const { calls, error, every } of [
  { calls: 'fsync,fdatasync', error: 'EIO', every: Math.ceil(stride / 3) },
  { calls: 'pread64', error: 'EIO', every: Math.ceil(stride / 3) },
  { calls: 'ftruncate', error: 'EIO', every: 1 },
  { calls: 'pwrite64', error: 'EIO', every: stride },
  { calls: 'pwrite64', error: 'ENOSPC', every: stride },
]) {
  test(
    `nothing is lost when one ${calls} fails with ${error}, whichever it is`,
    { skip: cannotRecord() ?? false },
    async (t) => {
      const model = new Model();
      const heard = new Map<string, number>();
      let met = true;
      let tried = 0;
      const one = async (k: number): Promise<void> => {
        const place = mkdtempSync(join(directory, 'fault-'));
        const path = join(place, 'state.db');
        writeFileSync(path, '');
        const { acknowledged, output } = await faulty(path, calls, `error=${error}:when=${k}`);
        // The last k are those that the load does not reach.
        if (!readFileSync(`${path}.trace`, 'latin1').includes('(INJECTED)')) met = false;
        else tried++;
        for (const line of output.split('\n').filter(Boolean)) {
          assert.match(
            line,
            /^failed StoreFailed: .*\/state\.db: |^full the store is full/,
            `${calls} ${k}: ${output}`,
          );
          const said = line.replace(/^.*state\.db: /, '');
          heard.set(said, (heard.get(said) ?? 0) + 1);
        }
        const problem = problemOf(path, { model, acknowledged, thorough: true });
        assert.equal(problem, undefined, `${calls} ${k}: ${problem?.text}\n${output}`);
        rmSync(place, { recursive: true });
      };
      for (let k = 1; met; k += 4 * every) await Promise.all([0, 1, 2, 3].map((i) => one(k + i * every)));
      t.diagnostic(`${tried} faults; ${[...heard].map(([text, count]) => `${count}: ${text}`).join('; ')}`);
      assert.ok(tried > 0);
    },
  );
}

/** A file system of its own, of `megabytes`; undefined where that is not allowed. */
function smallDisk(t: TestContext, megabytes: number): string | undefined {
  const place = mkdtempSync(join(directory, 'full-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', place]);
  if (mounted.status !== 0) {
    t.skip(`no file system can be mounted: ${String(mounted.error ?? mounted.stderr).trim()}`);
    return undefined;
  }
  t.after(() => spawnSync('umount', [place]));
  return place;
}

test('a full disk ends puts only: reads and deletions go on, and it heals when there is room', async (t) => {
  const place = smallDisk(t, 40);
  if (place === undefined) return;
  const path = join(place, 'state.db');
  const value = Buffer.alloc(8_000, 'x');
  const stored = new Map<string, number>();
  const put = async (store: Store, key: string): Promise<void> => {
    const result = await store.txn([{ op: 'put', key, value }]);
    assert.ok(result.ok);
    stored.set(key, result.revision);
  };
  {
    await using store = await openSqliteStore(world, { path });
    // The reserve is laid beside the start.
    while (statSync(`${path}-reserve`, { throwIfNoEntry: false }) === undefined) await setTimeout(5);
    const ballast = join(place, 'ballast');
    writeFileSync(ballast, Buffer.alloc(20_000_000, 'b'));
    let n = 0;
    const full = async (): Promise<void> => {
      for (;;) await Promise.all(Array.from({ length: 8 }, () => put(store, `/k/${n++}`)));
    };
    await assert.rejects(full(), StoreFull);
    const held = store.revision();
    assert.equal(store.gauges?.['k8ts_store_full']?.value(), 1);
    await assert.rejects(put(store, '/k/more'), StoreFull);
    assert.equal(store.revision(), held, 'nothing was given out');
    for (const [key, revision] of stored) assert.equal((await store.get(key))?.modRevision, revision);
    assert.equal((await store.get('/k/0', { revision: 2 }))?.modRevision, stored.get('/k/0'), 'history can be read');
    for (let i = 0; i < 100; i++) {
      const deleted = await store.txn([{ op: 'delete', key: `/k/${i}` }]);
      assert.ok(deleted.ok);
      stored.delete(`/k/${i}`);
    }
    assert.equal(store.revision(), held + 100, 'no revision was skipped or given out twice');
    rmSync(ballast);
    while (store.gauges?.['k8ts_store_full']?.value() === 1) await setTimeout(20);
    await put(store, '/k/healed');
    assert.equal(statSync(`${path}-reserve`).size, 4 * 1024 * 1024, 'the next time it can delete again');
  }
  await using store = await openSqliteStore(world, { path });
  const { entries } = await store.range('/k/');
  const found = new Map(entries.map(({ key, modRevision }) => [key, modRevision]));
  for (const [key, revision] of stored) assert.equal(found.get(key), revision);
  for (let i = 0; i < 100; i++) assert.ok(!found.has(`/k/${i}`));
});

/** A closed data file with a little of everything: rows, overflow pages, an index of several pages, free pages. */
async function whole(path: string): Promise<void> {
  await using store = await openSqliteStore(world, { path });
  const load = steps();
  for (let i = 0; i < 250; i++) await store.txn(load.next().value.operations);
  await store.compact(100);
}

/** Everything that the file can be asked, as one text. Throws what it finds. */
function everything(path: string): string {
  const database = new Database(path);
  try {
    const { revision, compacted } = database.revisions();
    const text = [`${revision} ${compacted}`];
    for (let rows = database.load(1 << 20); rows.length > 0; rows = database.load(1 << 20))
      text.push(...rows.map(shown));
    text.sort();
    const { pairs } = database.history('/', { after: compacted, through: revision, limit: 1 << 20 });
    for (const [row, previous] of pairs) text.push(`${shown(row)} after ${previous ? shown(previous) : 'nothing'}`);
    for (const at of [compacted, compacted + 20, revision - 1])
      text.push(
        ...database
          .range('/', { revision: at, now: revision, from: undefined, to: undefined, limit: undefined })
          .rows.map(shown),
      );
    return text.join('\n');
  } finally {
    database.close();
  }
}

const shown = ({ id, key, createRevision, version, value }: Row): string =>
  `${id} ${key} ${createRevision} ${version} ${value ? Buffer.from(value).toString('latin1') : '-'}`;

test('a flipped bit in any page of the file is found and named, or is in bytes that mean nothing', async (t) => {
  const path = join(directory, 'flip.db');
  await whole(path);
  const bytes = readFileSync(path);
  const truth = everything(path);
  const random = randomOf(7);
  const copy = join(directory, 'flipped.db');
  const pageBytes = 4096;
  const perPage = Number(process.env['STORE_FLIPS_PER_PAGE'] ?? 60);
  let found = 0;
  let harmless = 0;
  for (let page = 0; page < bytes.length; page += pageBytes) {
    for (let i = 0; i < perPage; i++) {
      const flipped = Buffer.from(bytes);
      // Half of them where a page says what it holds.
      const at = page + Math.floor(random() * (i % 2 === 0 ? pageBytes : 128));
      const bit = 1 << Math.floor(random() * 8);
      flipped.writeUInt8((flipped.readUInt8(at) ^ bit) & 0xff, at);
      writeFileSync(copy, flipped);
      let text: string;
      try {
        text = everything(copy);
      } catch (error) {
        assert.match(
          (error as Error).message,
          /flipped\.db: |^database disk image is malformed$/,
          `bit ${bit} of byte ${at}`,
        );
        found++;
        continue;
      } finally {
        rmSync(`${copy}-wal`, { force: true });
      }
      assert.equal(text, truth, `bit ${bit} of byte ${at} (page ${page / pageBytes}) was not noticed`);
      harmless++;
    }
  }
  t.diagnostic(`${found} found, ${harmless} harmless, in ${bytes.length / pageBytes} pages`);
  assert.ok(found > harmless);
});

test('a bit that flips under a running store is found by the scrub, which ends the store by name', async () => {
  const path = join(directory, 'rot.db');
  // More than the cache holds, so that the scrub reads from the disk.
  {
    await using store = await openSqliteStore(world, { path });
    const big = Buffer.alloc(60_000, 'big');
    for (let i = 0; i < 300; i++) await store.txn([{ op: 'put', key: `/k/${i}`, value: big }]);
  }
  await using store = await openSqliteStore(world, { path });
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from('B'), 0, 1, Math.floor(statSync(path).size * 0.1) + 2_000);
  closeSync(file);
  const error = await store.failed;
  assert.ok(error instanceof StoreFailed);
  assert.match(error.message, /rot\.db: the data file is damaged: revision \d+ of key "\/k\/\d+" has a wrong checksum/);
  assert.match(store.checks?.['store-scrub']?.() ?? '', /wrong checksum/);
  await assert.rejects(store.get('/k/1', { revision: 5 }), StoreFailed);
});

test('8 MB of data never take 4 GB, however often they are written', async () => {
  const path = join(directory, 'size.db');
  const checkpointPages = 1_000;
  await using store = await openSqliteStore(world, { path, tuning: { checkpointPages } });
  const value = Buffer.alloc(8_000, 'y');
  const objects = 1_000;
  let largest = 0;
  let largestLog = 0;
  for (let round = 0; round < 12; round++) {
    for (let at = 0; at < objects; at += 100)
      await Promise.all(Array.from({ length: 100 }, (_, i) => store.txn([{ op: 'put', key: `/k/${at + i}`, value }])));
    largestLog = Math.max(largestLog, statSync(`${path}-wal`).size);
    await store.compact(store.revision());
    largest = Math.max(largest, await store.sizeBytes());
  }
  // One round before and one after it is forgotten, and what stays free for the next writes.
  assert.ok(largest < 5 * objects * value.length, `${largest} bytes for ${objects * value.length}`);
  assert.ok(largestLog < checkpointPages * 4096 + 12_000_000, `the log grew to ${largestLog} bytes`);
  assert.ok((await store.sizeBytes()) < 2.5 * objects * value.length);
});
