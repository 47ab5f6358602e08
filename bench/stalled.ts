/** 10,000 watchers of which 9,000 never read: how fast the others get each event, and what the server holds. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pod } from '#api/core/pod.ts';
import type { Watching, WatchingResult } from '../test/store/watching-client.ts';
import { count, podOf, startBench } from './api-server.ts';

await using bench = await startBench();
const { client, store, target } = bench;
await client.create(Pod, podOf('one', 'bench') as never);
const stalled = count(9_000);
const reading = count(1_000);
const events = 80;
/** A window of 64 kB takes some twenty; what the system buffers on a connection, some more. */
const filling = 40;
/** Five events a second are 5,000 deliveries: what is measured is a delivery, not a queue. */
const pauseMs = 200;

const [ca, cert, key] = [target.ca, target.cert, target.key].map((file) => readFileSync(file, 'utf8')) as [
  string,
  string,
  string,
];
const watching: Watching = {
  ...{ url: target.url, ca, cert, key, stalled, reading, events, filling },
  path: `/api/v1/namespaces/bench/pods?watch=true&resourceVersion=${store.revision()}`,
};
const child = spawn(
  process.execPath,
  [fileURLToPath(new URL('../test/store/watching-client.ts', import.meta.url)), JSON.stringify(watching)],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const rss = process.memoryUsage.rss();
if (!(await lines.next()).value) throw new Error('the watches did not open');
const opened = process.memoryUsage.rss();
for (let i = 0; i < events; i++) {
  const at = String(process.hrtime.bigint() / 1_000n);
  await client.patch(
    Pod,
    'one',
    { type: 'merge', body: { metadata: { annotations: { at } } } },
    { namespace: 'bench' },
  );
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
const result = JSON.parse((await lines.next()).value as string) as WatchingResult;
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
console.log(
  `${`${stalled} of ${stalled + reading} watchers do not read`.padEnd(36)} p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms for the others (p99 ${result.fillingP99Ms.toFixed(1)} ms while all windows fill)   closed: ${result.closed.stalled + result.closed.reading}   ${mebibytes(opened - rss)} for the watches, ${mebibytes(process.memoryUsage.rss() - opened)} more after ${events} events`,
);
