/**
 * An etcd's snapshot in the place of what a stopped cluster of ours stores. What Kubernetes wrote in protobuf is refused: this API
 * server does not read it.
 */
import { openSnapshot, rowsOf } from '#store/etcd-server/snapshot-file.ts';
import { importRows } from '#store/sqlite/import.ts';
import type { Row } from '#store/sqlite/rows.ts';
import type { World } from '#world/world.ts';
import { refuseWhileRunning, replaceData, type Restored } from '../backup/restore.ts';
import { readConfiguration } from '../configuration.ts';
import { bringBackKeys } from '../encryption/restored-keys.ts';
import { protobufMagic } from '../etcd.ts';
import type { Layout } from '../layout.ts';
import { etcdDataFile } from './data.ts';

/** Rejects when the cluster runs or the snapshot cannot be used; nothing has changed then. */
export async function restoreEtcdSnapshot(
  world: World,
  layout: Layout,
  {
    file,
    trusted,
    ignoreMissingKeys = false,
  }: { readonly file: string; readonly trusted: boolean; readonly ignoreMissingKeys?: boolean },
): Promise<Restored & { readonly database: string }> {
  const configuration = await readConfiguration(world, layout);
  if (configuration) await refuseWhileRunning(world, layout, configuration);
  const database = await etcdDataFile(world, layout.root);
  const snapshot = await openSnapshot(world, file, { trusted });
  const restored = await replaceData(world, {
    database,
    file,
    prepare: async (path) =>
      importRows(world, path, configuration ? refuseProtobuf(file, rowsOf(file, snapshot)) : rowsOf(file, snapshot)),
    keysFor: async ({ forms = {} }) =>
      configuration && !ignoreMissingKeys ? bringBackKeys(world, { layout, configuration }, forms) : [],
  });
  return { ...restored, database };
}

async function* refuseProtobuf(
  file: string,
  batches: AsyncIterable<readonly Row[]>,
): AsyncGenerator<readonly Row[], void, undefined> {
  for await (const rows of batches) {
    for (const { key, value } of rows)
      if (key.startsWith('/registry/') && value && protobufMagic.equals(value.subarray(0, protobufMagic.length)))
        throw new Error(
          `${file} holds objects in protobuf (${key}): another Kubernetes' data, which this one does not read`,
        );
    yield rows;
  }
}
