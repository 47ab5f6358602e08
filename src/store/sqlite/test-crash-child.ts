/**
 * A process for the crash tests: opens the data file named on its command line and writes without end, saying each
 * acknowledged write on its output, until it is killed or the store fails. Never part of the product.
 */
import { nodeWorld } from '#world/node/world.ts';
import { openSqliteStore } from './sqlite-store.ts';

const [path = '', prefix = ''] = process.argv.slice(2);
const store = await openSqliteStore(nodeWorld({ log: { level: 'silent' } }), { path });
void store.failed.then((error) => {
  process.stdout.write(`failed ${error.name}: ${error.message}\n`);
});
process.stdout.write(`open ${store.revision()}\n`);
let next = 0;

/** One of several writers at once: commits then hold several transactions. */
async function write(): Promise<void> {
  for (;;) {
    const n = next++;
    const value = Buffer.from(`${n} `.repeat(200));
    const result = await store.txn([
      { op: 'put', key: `/${prefix}/${n}`, value, expect: 0 },
      { op: 'put', key: `/last/${n % 10}`, value },
    ]);
    process.stdout.write(`${n} ${result.revision}\n`);
    if (n % 500 === 499) await store.compact(result.revision - 200);
  }
}

await Promise.all(Array.from({ length: 20 }, write)).catch((error: Error) => {
  process.stdout.write(`stopped ${error.name}\n`);
  process.exitCode = 3;
});
