/**
 * Does a long history slow a write? Writes to the store after more and more events, with and without compaction on the way: 10 million take a
 * few minutes; `BENCH_HISTORY=1000000` is the default.
 */
import { join } from 'node:path';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { nodeWorld } from '#world/node/world.ts';

const total = Number(process.env['BENCH_HISTORY'] ?? 1_000_000);
const steps = 10;
const inFlight = 500;
const keys = 10_000;
const valueBytes = 300;

const world = nodeWorld({ log: { level: 'warn' } });
const directory = (await world.processes.run(['mktemp', '-d'])).stdout.trim();
try {
  for (const compacting of [false, true]) {
    const path = join(directory, `${compacting}.db`);
    await using store = await openSqliteStore(world, { path });
    const value = Buffer.alloc(valueBytes, 'h');
    let next = 0;
    const write = async (): Promise<void> => {
      await store.txn([{ op: 'put', key: `/registry/events/default/e-${next++ % keys}`, value }]);
    };
    /** One after the other: what a single writer waits for. */
    const single = async (): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 300; i++) {
        const began = performance.now();
        await write();
        times.push(performance.now() - began);
      }
      return times.toSorted((a, b) => a - b)[150] as number;
    };
    console.log(compacting ? 'compacted at every step:' : 'never compacted:');
    for (let step = 0; step <= steps; step++) {
      const median = await single();
      const size = await store.sizeBytes();
      console.log(
        `${String(next).padStart(10)} events   a write ${median.toFixed(2).padStart(6)} ms   file ${(size / 1024 / 1024).toFixed(0).padStart(6)} MiB`,
      );
      if (step === steps) break;
      const end = (total / steps) * (step + 1);
      const began = performance.now();
      const first = next;
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (next < end) await write();
        }),
      );
      console.log(
        `${''.padStart(10)}          ${Math.round((next - first) / ((performance.now() - began) / 1_000))
          .toString()
          .padStart(7)} writes/s`,
      );
      if (compacting) await store.compact(store.revision());
    }
  }
} finally {
  await world.disk.remove(directory, { recursive: true });
}
