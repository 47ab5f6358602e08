/**
 * The server that the kill tests kill: the SQLite store and the API server on loopback, no nodes. It loads its code and waits for a line on
 * its input, so that a successor stands ready when its predecessor dies. Compaction runs all the time, so that kills meet it too.
 */
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { testApi } from '#apiserver/test-api.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { TlsIdentity } from '#world/world.ts';

export interface KillServerOptions {
  readonly path: string;
  /** JSON of `identity` and `ca`. */
  readonly pki: string;
  readonly checkpointPages: number;
}

/** Watchers resume from far less. */
const historyKept = 4_000;

const { path, pki, checkpointPages } = JSON.parse(process.argv[2] as string) as KillServerOptions;
const { identity, ca } = JSON.parse(readFileSync(pki, 'utf8')) as { identity: TlsIdentity; ca: string };
// Whoever is killed cannot do it at the end.
flushCompileCache();
await new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve));
const world = nodeWorld({ log: { level: 'warn' } });
const store = await openSqliteStore(world, { path, tuning: { checkpointPages } });
const opened = store.revision();
void store.failed.then((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
const api = await testApi({ store, world });
const http = await api.server.serve({ host: '127.0.0.1', port: 0 }, { ...identity, clientCa: ca });
process.stdout.write(`${http.port} ${opened}\n`);
for (;;) {
  await world.clock.sleep(40);
  await store.compact(Math.max(1, store.revision() - historyKept));
}
