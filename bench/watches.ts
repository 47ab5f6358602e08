/** Watches: 1,000 watchers of one namespace that see every event, and 10,000 that see nothing. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { count, create, median, podOf, rounds, startBench, wanted, type Side } from './api-server.ts';

await using bench = await startBench();
const { sides, tell, answer } = bench;
for (const side of sides) {
  tell({ ...create, path: '/api/v1/namespaces/bench/pods', body: JSON.stringify(podOf('one', 'bench')) }, side);
  // One that is there from an earlier benchmark is as good.
  await answer();
}

/** Changes the pod over HTTP: the reference is reached in no other way, and both are asked alike. */
async function changerOf({ target }: Side): Promise<{ change(at: string): Promise<void> } & Disposable> {
  const session = connect(target.url, {
    ca: readFileSync(target.ca),
    cert: readFileSync(target.cert),
    key: readFileSync(target.key),
  });
  await once(session, 'connect');
  return {
    async change(at) {
      const stream = session.request({
        ':method': 'PATCH',
        ':path': '/api/v1/namespaces/bench/pods/one',
        'content-type': 'application/merge-patch+json',
      });
      stream.end(JSON.stringify({ metadata: { annotations: { at } } }));
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      stream.resume();
      await once(stream, 'close');
      if (Number(headers[':status']) !== 200) throw new Error(`the pod was not changed: ${headers[':status']}`);
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}

// First, while no watcher sees the writes.
if (wanted('idle')) await onEach('idle watches', idle);
if (wanted('watch')) await onEach('watch', fanOut);

async function onEach(name: string, run: (side: Side) => Promise<number>): Promise<void> {
  const results: number[] = [];
  for (const side of sides) {
    console.log(`${name}${side === sides[0] ? '' : ', the reference'}:`);
    results.push(await run(side));
  }
  const [own = 1, other] = results;
  if (other !== undefined) console.log(`${name.padEnd(36)} ${(other / own).toFixed(1)} times cheaper`);
}

/** Processor time of a delivery in us. */
async function fanOut(side: Side): Promise<number> {
  const watchers = 1_000;
  const events = count(100);
  using changer = await changerOf(side);
  tell(
    {
      method: 'WATCH',
      path: '/api/v1/namespaces/bench/pods?watch=true&resourceVersion=0',
      inFlight: watchers,
      count: watchers,
      connections: 12,
    },
    side,
  );
  if (!('open' in (await answer()))) throw new Error('the watches did not open');
  // Each begins with the pod itself.
  await answer();
  const rates: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round++) {
    tell({ method: 'WATCH', path: '', inFlight: 0, count: watchers * events, connections: 12 }, side);
    const done = answer();
    const before = side.cpuUs();
    const began = performance.now();
    for (let i = 0; i < events; i++) await changer.change(`${round}-${i}`);
    await done;
    rates.push((watchers * events) / ((performance.now() - began) / 1000));
    cpu.push((side.cpuUs() - before) / (watchers * events));
  }
  console.log(
    `${'  1,000 watchers'.padEnd(36)} ${String(Math.round(median(rates))).padStart(7)}/s  ${median(cpu).toFixed(2).padStart(10)} us CPU per delivery`,
  );
  return median(cpu);
}

/** Watches of namespaces in which nothing happens: what they hold, and what a write elsewhere costs with them there. */
async function idle(side: Side): Promise<number> {
  const watchers = count(10_000);
  const writes = count(500);
  using changer = await changerOf(side);
  const cost = async (): Promise<number> => {
    const before = side.cpuUs();
    for (let i = 0; i < writes; i++) await changer.change(`idle-${i}-${before}`);
    return (side.cpuUs() - before) / writes;
  };
  await cost();
  const alone = await cost();
  const before = side.residentBytes();
  tell(
    {
      method: 'WATCH',
      path: '/api/v1/namespaces/idle-#/pods?watch=true&resourceVersion=0',
      inFlight: watchers,
      count: 0,
      // Others allow no more than a hundred streams a connection.
      connections: Math.ceil(watchers / 90),
    },
    side,
  );
  if (!('open' in (await answer()))) throw new Error('the watches did not open');
  const bytes = side.residentBytes() - before;
  const crowded = await cost();
  console.log(
    `${`  ${watchers} of them`.padEnd(36)} ${(bytes / watchers / 1024).toFixed(1).padStart(9)} kB each   a write elsewhere: ${alone.toFixed(0)} us alone, ${crowded.toFixed(0)} us with them`,
  );
  return bytes;
}
