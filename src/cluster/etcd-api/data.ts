/** The data of an etcd of ours that runs alone: a file in a folder of its own, a stopped cluster's, or memory. */
import { join } from 'node:path';
import { memoryStore } from '#store/memory.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import { readConfiguration } from '../configuration.ts';
import { layoutOf } from '../layout.ts';

/** Where the data of a folder is. Throws Error for a cluster that has none of its own. */
export async function etcdDataFile(world: World, directory: string): Promise<string> {
  const layout = layoutOf(directory);
  const configuration = await readConfiguration(world, layout);
  if (configuration?.etcd)
    throw new Error(
      `the cluster in ${directory} keeps its data in another etcd (${configuration.etcd.servers.join(', ')})`,
    );
  return configuration ? layout.database : join(directory, 'state.db');
}

/** Without a directory: memory. A cluster that runs has its data to itself, which is told then. */
export async function openEtcdData(
  world: World,
  directory: string | undefined,
): Promise<{ readonly store: Store; readonly path: string }> {
  if (directory === undefined) return { store: memoryStore(), path: 'memory' };
  const path = await etcdDataFile(world, directory);
  return { store: await openSqliteStore(world, { path }), path };
}
