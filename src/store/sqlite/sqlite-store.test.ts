/** The SQLite store against the suite of all stores. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { storeSuite } from '../suite.ts';
import { openSqliteStore } from './sqlite-store.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let folder: string;
let files = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-store-'));
});
after(() => rm(folder, { recursive: true }));

storeSuite('sqlite', () => openSqliteStore(world, { path: join(folder, `${files++}`, 'data.db') }));
