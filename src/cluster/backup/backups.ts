/**
 * Backups of the data file: copied while everything runs, opened and verified before they count, then kept for as long as
 * retention says. A backup that cannot be opened is an error, never a file. They hold the whole store, Secrets included: only
 * their owner can read them.
 */
import { basename, dirname, join } from 'node:path';
import { onDataFile, type DataFile } from '#store/sqlite/file-task.ts';
import type { SqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { World } from '#world/world.ts';
import type { Layout } from '../layout.ts';
import { backupName, expiredBackups } from './retention.ts';
import { uploadToS3 } from './s3.ts';
import { readBackupSettings, type BackupSettings } from './settings.ts';

export interface Backup extends DataFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Copies the data to a path, at any revision. */
type Copy = (to: string) => Promise<void>;

/** A verified copy at `path`; nothing is left there when it fails. An older file of this name is replaced. */
export async function makeBackup(world: World, copy: Copy, path: string): Promise<Backup> {
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  await world.disk.makeDirectory(dirname(path), { mode: 0o700 });
  try {
    // Created by us, so that no umask can open it to others.
    await world.disk.write(partial, '', { mode: 0o600 });
    await copy(partial);
    const found = await onDataFile({ task: 'verify', path: partial });
    const sizeBytes = (await world.disk.stat(partial))?.sizeBytes ?? 0;
    await world.disk.rename(partial, path);
    return { ...found, path, sizeBytes };
  } catch (error) {
    for (const rest of [partial, `${partial}-wal`, `${partial}-journal`]) await world.disk.remove(rest);
    throw error;
  }
}

/** One backup of the schedule: made, verified, sent away when there is where to, and older ones let go. */
export async function makeScheduledBackup(
  world: World,
  layout: Layout,
  { store, settings }: { readonly store: SqliteStore; readonly settings: BackupSettings },
): Promise<Backup> {
  const size = await store.sizeBytes();
  const { backups } = layout;
  await world.disk.makeDirectory(backups, { mode: 0o700 });
  const { freeBytes } = await world.disk.space(backups);
  // The store needs the room more than its backups do.
  if (freeBytes < 2 * size)
    throw new Error(`${backups}: ${freeBytes} bytes are free, a backup needs twice the ${size} bytes of the data`);
  const path = join(backups, backupName(world.clock.now(), store.revision()));
  const made = await makeBackup(world, (to) => store.backup(to), path);
  if (settings.s3) await uploadToS3(world, settings.s3, { path, name: basename(path) });
  const names = ((await world.disk.list(backups)) ?? []).map(({ name }) => name);
  for (const name of expiredBackups(names, settings.keep)) await world.disk.remove(join(backups, name));
  return made;
}

/** Makes backups as `backup.json` says, until disposed. What fails is told in the log and tried again at the next turn. */
export function startBackups(world: World, layout: Layout, store: SqliteStore): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  /** How soon changed settings are seen where no backups are made. */
  const idleMs = 60_000;
  const running = (async () => {
    let last = store.revision();
    for (;;) {
      const settings = await readBackupSettings(world, layout.backupSettings).catch((error: unknown) => {
        world.log.error('no backups are made: their settings are wrong', { error: String(error) });
        return undefined;
      });
      await world.clock.sleep(settings?.intervalMs || idleMs, { signal });
      if (!settings?.intervalMs || store.revision() === last) continue;
      try {
        const { path, revision, sizeBytes } = await makeScheduledBackup(world, layout, { store, settings });
        last = revision;
        world.log.info('a backup was made', { path, revision, bytes: sizeBytes });
      } catch (error) {
        world.log.error('a backup failed', { error: String(error) });
      }
    }
  })().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
