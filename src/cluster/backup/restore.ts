/**
 * Puts a backup in the place of a cluster's data. Only while nothing runs; only a backup that is whole; and what it replaces is
 * kept beside it. Revisions jump far past everything that was given out after the backup: a watch from before learns that it is
 * too old (410) instead of waiting for a past that will never come, and no revision is given out twice.
 */
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { onDataFile, type DataFile } from '#store/sqlite/file-task.ts';
import type { World } from '#world/world.ts';
import type { Configuration } from '../configuration.ts';
import { bringBackKeys } from '../encryption/restored-keys.ts';
import type { Layout } from '../layout.ts';
import { runningState } from '../process-state.ts';

/**
 * What etcd's documentation recommends: more than any cluster writes between a backup and its loss. Row ids leave room for two
 * thousand restores.
 */
const revisionJump = 1_000_000_000;

export interface Restored {
  /** What the backup held. */
  readonly backupRevision: number;
  readonly entries: number;
  /** Where the store goes on. */
  readonly revision: number;
  /** Where the replaced data is; absent when there was none. */
  readonly replaced?: string;
  /** Retired encryption keys that the backup needs, and that are in use again. */
  readonly keys: readonly string[];
}

/** Rejects when the cluster runs or the backup is not whole; nothing has changed then. */
export async function restoreBackup(
  world: World,
  layout: Layout,
  {
    file,
    configuration,
    ignoreMissingKeys = false,
  }: { readonly file: string; readonly configuration: Configuration; readonly ignoreMissingKeys?: boolean },
): Promise<Restored> {
  await refuseWhileRunning(world, layout, configuration);
  if ((await world.disk.stat(file))?.type !== 'file') throw new Error(`${file} is not a file`);
  if ((await world.disk.stat(`${file}-wal`)) !== undefined)
    throw new Error(`${file} is not a backup but a data file with a write-ahead log: make a backup with "k8ts backup"`);
  return replaceData(world, {
    database: layout.database,
    file,
    // A copy, so that the backup itself is never written to.
    async prepare(path) {
      await world.disk.write(path, '', { mode: 0o600 });
      await pipeline(world.disk.readStream(file), world.disk.writeStream(path, { append: true }));
    },
    keysFor: async ({ forms = {} }) =>
      ignoreMissingKeys ? [] : bringBackKeys(world, { layout, configuration }, forms),
  });
}

export async function refuseWhileRunning(world: World, layout: Layout, configuration: Configuration): Promise<void> {
  const states = [layout.serverState, ...configuration.nodes.map(({ name }) => layout.node(name).state)];
  for (const state of states)
    if (await runningState(world, state)) throw new Error('the cluster runs: stop it first with "k8ts down"');
}

/** Puts what `prepare` writes, made from `file`, in the place of a data file. Rejects when that is not whole; nothing has changed then. */
export async function replaceData(
  world: World,
  source: {
    readonly database: string;
    readonly file: string;
    prepare(path: string): Promise<void>;
    /** Sees to it that what was found can be decrypted; answers the keys that came back for it. */
    keysFor(found: DataFile): Promise<readonly string[]>;
  },
): Promise<Restored> {
  const { database, file } = source;
  await world.disk.makeDirectory(dirname(database), { mode: 0o700 });
  const next = `${database}.restoring`;
  let found: DataFile;
  let keys: readonly string[] = [];
  let revision: number;
  try {
    await source.prepare(next);
    found = await onDataFile({ task: 'verify', path: next });
    keys = await source.keysFor(found);
    const old = await lastRevision(world, database);
    const to = Math.max(found.revision, old ?? 0) + revisionJump;
    ({ revision } = await onDataFile({ task: 'jump', path: next, revision: to }));
  } catch (error) {
    for (const rest of [next, `${next}-wal`]) await world.disk.remove(rest);
    throw new Error((error as Error).message.replaceAll(next, file), { cause: error });
  }
  const replaced = await putAside(world, database);
  await world.disk.rename(next, database);
  await world.disk.write(
    join(dirname(database), 'restored.json'),
    `${JSON.stringify({ file, at: new Date(world.clock.now()).toISOString(), backupRevision: found.revision, revision })}\n`,
    { mode: 0o600 },
  );
  return {
    backupRevision: found.revision,
    entries: found.entries,
    revision,
    keys,
    ...(replaced === undefined ? {} : { replaced }),
  };
}

/** Where the old data stood; undefined when it is not there or not readable (which may be why somebody restores). Its log is folded in. */
async function lastRevision(world: World, database: string): Promise<number | undefined> {
  if ((await world.disk.stat(database)) === undefined) return undefined;
  try {
    return (await onDataFile({ task: 'jump', path: database, revision: 0 })).revision;
  } catch (error) {
    world.log.warn('the data that is replaced cannot be read', { error: String(error) });
    return undefined;
  }
}

async function putAside(world: World, database: string): Promise<string | undefined> {
  if ((await world.disk.stat(database)) === undefined) return undefined;
  const time = new Date(world.clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const aside = `${database}.replaced-${time}`;
  // The log first: were it left behind, it would be taken for the restored file's.
  for (const suffix of ['-wal', '-journal', ''])
    if ((await world.disk.stat(database + suffix)) !== undefined)
      await world.disk.rename(database + suffix, aside + suffix);
  return aside;
}
