/** Watches: 1,000 watchers of one namespace that see every event, and 10,000 that see nothing. */
import { Pod } from '#api/core/pod.ts';
import { count, median, podOf, rounds, startBench, wanted } from './api-server.ts';

await using bench = await startBench();
const { client, store, tell, answer } = bench;
await client.create(Pod, podOf('one', 'bench') as never);

const usedUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const change = (at: string): Promise<unknown> =>
  client.patch(Pod, 'one', { type: 'merge', body: { metadata: { annotations: { at } } } }, { namespace: 'bench' });

// First, while no watcher sees the writes.
if (wanted('idle')) await idle();
if (wanted('watch')) await fanOut();

async function fanOut(): Promise<void> {
  const watchers = 1_000;
  const events = count(100);
  tell({
    method: 'WATCH',
    path: `/api/v1/namespaces/bench/pods?watch=true&resourceVersion=${store.revision()}`,
    inFlight: watchers,
    count: watchers * events * rounds,
  });
  if (!('open' in (await answer()))) throw new Error('the watches did not open');
  const rates: number[] = [];
  const cpu: number[] = [];
  const done = answer();
  for (let round = 0; round < rounds; round++) {
    const before = usedUs();
    const began = performance.now();
    for (let i = 0; i < events; i++) await change(`${round}-${i}`);
    // All is sent when the load generator has the last one; the rounds between end with the queue of the sockets.
    if (round === rounds - 1) await done;
    else await new Promise((resolve) => setTimeout(resolve, 50));
    rates.push((watchers * events) / ((performance.now() - began) / 1000));
    cpu.push((usedUs() - before) / (watchers * events));
  }
  console.log(
    `${'watch, 1,000 watchers'.padEnd(36)} ${String(Math.round(median(rates))).padStart(7)}/s  ${median(cpu).toFixed(2).padStart(10)} us CPU per delivery`,
  );
}

/** Watches of namespaces in which nothing happens: what they hold, and what a write elsewhere costs with them there. */
async function idle(): Promise<void> {
  const watchers = count(10_000);
  const writes = count(500);
  const cost = async (): Promise<number> => {
    const before = usedUs();
    for (let i = 0; i < writes; i++) await change(`idle-${i}-${before}`);
    return (usedUs() - before) / writes;
  };
  await cost();
  const alone = await cost();
  const before = process.memoryUsage.rss();
  const revision = store.revision();
  tell({
    method: 'WATCH',
    path: `/api/v1/namespaces/idle-#/pods?watch=true&resourceVersion=${revision}`,
    inFlight: watchers,
    count: 0,
    connections: Math.ceil(watchers / 200),
  });
  if (!('open' in (await answer()))) throw new Error('the watches did not open');
  const bytes = process.memoryUsage.rss() - before;
  const crowded = await cost();
  console.log(
    `${`${watchers} idle watches`.padEnd(36)} ${(bytes / watchers / 1024).toFixed(1).padStart(9)} kB each   a write elsewhere: ${alone.toFixed(0)} us alone, ${crowded.toFixed(0)} us with them`,
  );
}
