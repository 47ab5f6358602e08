/**
 * What the disk and its failures do to the SQLite store: kills amid writing, damaged and foreign files, a second opener, a
 * full disk. After each of them nothing acknowledged may be missing, and what is wrong must be said.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { StoreFailed, type Store } from '../store.ts';
import { put } from '../suite.ts';
import { openSqliteStore } from './sqlite-store.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const child = new URL('test-crash-child.ts', import.meta.url).pathname;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-crash-'));
});
after(() => rm(folder, { recursive: true }));

const openAt = (name: string): Promise<Store> => openSqliteStore(world, { path: join(folder, name) });

/** A small data file that was closed in good order. */
async function filled(name: string, count = 200): Promise<string> {
  await using store = await openAt(name);
  await Promise.all(Array.from({ length: count }, (_, i) => put(store, `/k/${i}`, `value ${i} `.repeat(100))));
  return join(folder, name);
}

test('what was written is there after closing and opening again', async () => {
  await filled('again.db');
  await using store = await openAt('again.db');
  assert.equal(store.revision(), 201);
  assert.equal((await store.range('/k/')).count, 200);
  assert.equal((await store.get('/k/7', { revision: 100 }))?.value.toString(), 'value 7 '.repeat(100));
  const seen: number[] = [];
  using _watch = await store.watch('/', 150, (_, revision) => seen.push(revision));
  assert.deepEqual(
    seen,
    Array.from({ length: 51 }, (_, i) => i + 151),
  );
  await store.txn([{ op: 'delete', key: '/k/0' }]);
  await store.compact(store.revision());
});

test('revisions never go back, even when everything was deleted and compacted', async () => {
  {
    await using store = await openAt('empty.db');
    await put(store, '/a', '1');
    await store.txn([{ op: 'delete', key: '/a' }]);
    await store.compact(3);
  }
  await using store = await openAt('empty.db');
  assert.equal(store.revision(), 3);
  assert.equal(store.compactRevision(), 3);
});

test('kill -9 amid writing loses no acknowledged write', async () => {
  const path = join(folder, 'killed.db');
  let last = 1;
  const promised = new Map<string, number>();
  for (let round = 0; round < 5; round++) {
    const writer = spawn(process.execPath, [child, path, `r${round}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    const acknowledged = 300 + round * 400;
    for await (const chunk of writer.stdout) {
      output += String(chunk);
      if (output.split('\n').length > acknowledged) writer.kill('SIGKILL');
    }
    const [first, ...lines] = output.slice(0, output.lastIndexOf('\n')).split('\n');
    assert.match(first as string, /^open \d+$/);
    assert.ok(Number(first?.slice(5)) >= last);
    await using store = await openSqliteStore(world, { path });
    for (const line of lines) {
      const [n, revision] = line.split(' ').map(Number);
      const entry = await store.get(`/r${round}/${n}`);
      assert.equal(entry?.modRevision, revision, line);
      assert.equal(entry?.value.toString(), `${n} `.repeat(200));
      promised.set(`/r${round}/${n}`, revision as number);
      last = Math.max(last, revision as number);
    }
    assert.ok(store.revision() >= last);
    for (const [key, revision] of promised) assert.equal((await store.get(key))?.modRevision, revision);
  }
});

test('a data file that is in use is refused by name', async () => {
  await using _store = await openAt('busy.db');
  await assert.rejects(openAt('busy.db'), (error: Error) => {
    assert.ok(error instanceof StoreFailed);
    assert.match(error.message, /busy\.db: the data file is in use by another process/);
    return true;
  });
});

test('another process that has the data file open is noticed', async () => {
  const path = join(folder, 'other.db');
  const other = spawn(process.execPath, [child, path, 'x'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => other.stdout.once('data', resolve));
  await assert.rejects(openAt('other.db'), /in use by another process/);
  other.kill('SIGKILL');
  await new Promise((resolve) => other.once('exit', resolve));
  await using store = await openAt('other.db');
  assert.ok(store.revision() > 1);
});

test('foreign files are refused and not touched', async () => {
  const text = join(folder, 'text.db');
  await writeFile(text, 'this is a letter, not a database\n'.repeat(100));
  await assert.rejects(openAt('text.db'), /text\.db: this is not a k8ts data file/);
  assert.match(await readFile(text, 'utf8'), /^this is a letter/);

  const foreign = new DatabaseSync(join(folder, 'foreign.db'));
  foreign.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
  foreign.close();
  const bytes = await readFile(join(folder, 'foreign.db'));
  await assert.rejects(openAt('foreign.db'), /foreign\.db: this is a SQLite database, but not a k8ts data file/);
  assert.deepEqual(await readFile(join(folder, 'foreign.db')), bytes);

  const path = await filled('future.db', 3);
  const future = new DatabaseSync(path);
  future.exec('PRAGMA user_version = 7');
  future.close();
  await assert.rejects(openAt('future.db'), /format 7, this program knows format 2/);
});

test('damage anywhere in the file is found, or does no harm', async () => {
  const path = await filled('whole.db');
  const { size } = await stat(path);
  let found = 0;
  for (let i = 0; i < 40; i++) {
    const copy = join(folder, `damaged-${i}.db`);
    await copyFile(path, copy);
    const at = Math.floor((size * (i + 0.37)) / 40);
    const file = await open(copy, 'r+');
    await file.write(Buffer.alloc(64, 0xa5), 0, 64, at);
    await file.close();
    try {
      await using store = await openSqliteStore(world, { path: copy });
      const { entries } = await store.range('/k/');
      // The damage hit unused bytes.
      assert.equal(entries.length, 200);
      for (const { key, value } of entries) assert.equal(value.toString(), `value ${key.slice(3)} `.repeat(100));
    } catch (error) {
      assert.ok(error instanceof StoreFailed, String(error));
      assert.match(error.message, new RegExp(`damaged-${i}\\.db: `));
      found++;
    }
    await rm(copy);
  }
  assert.ok(found > 30, `${found} of 40`);
});

test('a truncated file is refused', async () => {
  const path = await filled('cut.db');
  await truncate(path, Math.floor((await stat(path)).size / 2));
  await assert.rejects(openAt('cut.db'), /cut\.db: .*damaged/);
});

test('a data file that cannot be made is a clear error', async () => {
  await writeFile(join(folder, 'file'), '');
  await assert.rejects(openAt('file/data.db'), /ENOTDIR|EEXIST/);
  const directory = join(folder, 'directory.db');
  await world.disk.makeDirectory(directory);
  await assert.rejects(openAt('directory.db'), /directory\.db: /);
});

test('the store stops for good when the disk refuses a write', async () => {
  const path = join(folder, 'full.db');
  // A file-size limit of 4 MB stands for a full disk; SQLite sees the failing write as it would see that.
  const script = `trap '' XFSZ; ulimit -f 8192; exec "$0" "$1" "$2" x`;
  const limited = spawn('sh', ['-c', script, process.execPath, child, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of limited.stdout) output += String(chunk);
  assert.match(output, /failed StoreFailed/);
  assert.match(output, /stopped StoreFailed/);
  assert.equal(limited.exitCode ?? (await new Promise((resolve) => limited.once('exit', resolve))), 3);
  const acknowledged = output.split('\n').filter((line) => /^\d+ \d+$/.test(line));
  assert.ok(acknowledged.length > 100);
  await using store = await openSqliteStore(world, { path });
  for (const line of acknowledged) {
    const [n, revision] = line.split(' ').map(Number);
    assert.equal((await store.get(`/x/${n}`))?.modRevision, revision);
  }
});

test('the file does not grow with the number of writes when it is compacted', async () => {
  await using store = await openAt('churn.db');
  let largest = 0;
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => put(store, `/k/${i % 50}`, 'x'.repeat(2_000))));
    await store.compact(store.revision());
    if (round === 5) largest = await store.sizeBytes();
    if (round > 5) assert.ok((await store.sizeBytes()) <= largest * 1.5);
  }
});

test('the data file is readable by its owner only', async () => {
  const path = await filled('private.db', 1);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});
