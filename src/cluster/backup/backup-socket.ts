/**
 * How `k8ts backup` asks the running server for a backup: a unix socket in the store's directory, which only the cluster's owner
 * can enter. The server has the data file to itself, so nobody else could copy it.
 */
import type { SqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Millis, World } from '#world/world.ts';
import type { Layout } from '../layout.ts';
import { makeBackup, makeScheduledBackup, type Backup } from './backups.ts';
import { readBackupSettings } from './settings.ts';

const bodyBytesMax = 64 * 1024;
/** A copy of many gigabytes takes a while. */
const timeoutMs: Millis = 30 * 60 * 1_000;

/** Absent: into the folder of the schedule, as one of its backups. */
interface Wish {
  readonly output?: string;
}

export async function serveBackups(world: World, layout: Layout, store: SqliteStore): Promise<AsyncDisposable> {
  await world.disk.remove(layout.backupSocket);
  const make = async (body: Buffer): Promise<Backup> => {
    const { output } = JSON.parse(body.toString()) as Wish;
    if (output !== undefined) return makeBackup(world, (to) => store.backup(to), output);
    return makeScheduledBackup(world, layout, {
      store,
      settings: await readBackupSettings(world, layout.backupSettings),
    });
  };
  return world.network.serveHttp(
    { listen: { path: layout.backupSocket } },
    {
      request(exchange) {
        if (exchange.method !== 'POST' || exchange.url !== '/backup') {
          exchange.respond(404, {}, 'not found');
          return;
        }
        exchange
          .body(bodyBytesMax)
          .then(make)
          .then(
            (made) => exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify(made)),
            (error: unknown) => exchange.respond(500, {}, error instanceof Error ? error.message : String(error)),
          );
      },
    },
  );
}

/** Rejects with what the server said, or NetworkError when none answers. */
export async function askForBackup(world: World, layout: Layout, wish: Wish): Promise<Backup> {
  const response = await world.network.request({
    method: 'POST',
    url: 'http://localhost/backup',
    socketPath: layout.backupSocket,
    protocol: 'http/1.1',
    body: JSON.stringify(wish),
    timeoutMs,
  });
  const answer = (await response.bytes(bodyBytesMax)).toString();
  if (response.status !== 200) throw new Error(answer);
  return JSON.parse(answer) as Backup;
}
