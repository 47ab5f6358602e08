/** Our client of etcd over our server of etcd's API: together they must be as good a store as the one behind them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';
import { memoryStore } from '../memory.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { Store } from '../store.ts';
import { storeSuite } from '../suite.ts';
import { serveStore } from './test-server.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let folder: string;
let files = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-served-'));
});
after(() => rm(folder, { recursive: true }));

async function served(behind: Store): Promise<Store> {
  const server = await serveStore(world, behind, { txnOperationsMax: 4_096 });
  const store = await openEtcdStore(world, { servers: [`http://${server.endpoint}`] });
  const close = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await close();
    await server[Symbol.asyncDispose]();
  };
  return store;
}

storeSuite('memory, served', async () => served(memoryStore()));
storeSuite('sqlite, served', async () =>
  served(await openSqliteStore(world, { path: join(folder, `${files++}`, 'data.db') })),
);
