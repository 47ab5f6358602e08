/** The SQLite store against the suite of all stores. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { put, storeSuite } from '../suite.ts';
import { onDataFile } from './file-task.ts';
import { openSqliteStore } from './sqlite-store.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let folder: string;
let files = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-store-'));
});
after(() => rm(folder, { recursive: true }));

storeSuite('sqlite', () => openSqliteStore(world, { path: join(folder, `${files++}`, 'data.db') }));

test('every copy that is begun amid writes is made, and is whole', async () => {
  await using store = await openSqliteStore(world, { path: join(folder, 'copied.db') });
  let isCopying = true;
  const writers = Promise.all(
    Array.from({ length: 8 }, async (_, w) => {
      for (let i = 0; isCopying; i++) await put(store, `/${w}/${i % 50}`, 'x'.repeat(500));
    }),
  );
  for (let i = 0; i < 20; i++) {
    const path = join(folder, `copy-${i}.db`);
    const before = store.revision();
    await store.backup(path);
    const { revision } = await onDataFile({ task: 'verify', path });
    assert.ok(revision >= before);
  }
  isCopying = false;
  await writers;
});
