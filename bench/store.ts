/**
 * Durable writes a second of the SQLite store: 1, 16 and 100 clients that each wait for their own write of 3 kB. Prints
 * medians of several runs, with the latency and the main thread's processor time a write. `node bench/store.ts [--json]`
 */
import { join } from 'node:path';
import { openSqliteStore } from '../src/store/sqlite/sqlite-store.ts';
import { nodeWorld } from '../src/world/node/world.ts';

const runs = 5;
const seconds = 2;
const valueBytes = 3_000;
/** Writers go round over this many keys, as status updates do. */
const keys = 10_000;

interface Result {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mainCpuUs: number;
}

async function measure(directory: string, clients: number): Promise<Result> {
  await using store = await openSqliteStore(world, {
    path: join(directory, `${clients}-${world.random.suffix(6)}.db`),
  });
  const latencies: number[] = [];
  const value = Buffer.alloc(valueBytes, 'x');
  let next = 0;
  const threadBefore = process.threadCpuUsage();
  const start = world.clock.monotonic();
  const end = start + seconds * 1_000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let now = world.clock.monotonic(); now < end;) {
        await store.txn([{ op: 'put', key: `/registry/pods/default/pod-${next++ % keys}`, value }]);
        const done = world.clock.monotonic();
        latencies.push(done - now);
        now = done;
      }
    }),
  );
  const elapsed = world.clock.monotonic() - start;
  const { user, system } = process.threadCpuUsage(threadBefore);
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    perSecond: (latencies.length / elapsed) * 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    mainCpuUs: (user + system) / latencies.length,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

const world = nodeWorld({ log: { level: 'warn' } });
const made = await world.processes.run(['mktemp', '-d']);
const directory = made.stdout.trim();
try {
  const rows: Record<string, number>[] = [];
  for (const clients of [1, 16, 100]) {
    const results: Result[] = [];
    for (let run = 0; run < runs; run++) results.push(await measure(directory, clients));
    const middle = (pick: (result: Result) => number): number => median(results.map(pick));
    rows.push({
      clients,
      'writes/s': Math.round(middle((r) => r.perSecond)),
      'p50 ms': Number(middle((r) => r.p50Ms).toFixed(2)),
      'p99 ms': Number(middle((r) => r.p99Ms).toFixed(2)),
      'main thread us/write': Number(middle((r) => r.mainCpuUs).toFixed(1)),
    });
  }
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ bench: 'store', rows })}\n`);
  else console.table(rows);
} finally {
  await world.disk.remove(directory, { recursive: true });
}
