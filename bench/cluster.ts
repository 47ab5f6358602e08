/**
 * A real cluster of one node: how long `up` takes, how long a pod takes to run, and what the cluster costs when nothing happens. Needs root on Linux. Medians, each
 * with the first mark the project has set itself.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '#api/core/pod.ts';
import { adminClient } from '#cli/up.ts';
import { openIdentities } from '#cluster/identities.ts';
import { nodeWorld } from '#world/node/world.ts';
import { asRoot, place } from '../test/node/cluster-fixture.ts';

const starts = 5;
const pods = 20;
/** A minute: the start is over, and what it left has been collected. */
const settledMs = 60_000;
const idleMs = 20_000;
/** USER_HZ: fixed at 100 in what the kernel shows to programs. */
const ticksPerSecond = 100;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const report = (name: string, value: number, unit: string, mark: string): void =>
  console.log(
    `${name.padEnd(44)} ${value.toFixed(unit === '%' ? 2 : 0).padStart(7)} ${unit.padEnd(4)} first mark ${mark}`,
  );

/** Every process of the cluster in `directory`: server, agent and whatever they started, which need not name it. */
function processesOf(directory: string): readonly string[] {
  const all = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid));
  const found = new Set(all.filter((pid) => fileOf(pid, 'cmdline').includes(directory)));
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const pid of all) if (found.has(/^PPid:\s+(\d+)/m.exec(fileOf(pid, 'status'))?.[1] ?? '')) found.add(pid);
  }
  return [...found];
}

/** What a process is, for people: `server` and `agent` are words of a long command line. */
function nameOf(pid: string): string {
  const words = fileOf(pid, 'cmdline').split('\0');
  return words.find((word) => word === 'server' || word === 'agent') ?? words[0] ?? pid;
}

/** Empty for a process that has just ended. */
function fileOf(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mebibytes = (pids: readonly string[], file: string, field: RegExp): number =>
  sum(pids.map((pid) => Number(field.exec(fileOf(pid, file))?.[1] ?? 0))) / 1024;
const cpuTicks = (pids: readonly string[]): number =>
  sum(
    pids.map((pid) => {
      const stat = fileOf(pid, 'stat');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    }),
  );

async function startTimes(): Promise<readonly number[]> {
  const times: number[] = [];
  // One more than counted: the first fills the compile cache.
  for (let run = 0; run <= starts; run++) {
    await using fresh = await place();
    const began = performance.now();
    await fresh.up();
    if (run > 0) times.push(performance.now() - began);
  }
  return times;
}

async function running(): Promise<void> {
  await using cluster = await place();
  await cluster.up();
  await sleep(settledMs);
  const pids = processesOf(cluster.layout.root);
  const resident = (some: readonly string[]): number => mebibytes(some, 'status', /VmRSS:\s+(\d+)/);
  report('idle: resident memory (RSS)', resident(pids), 'MiB', '153 MiB (160 MB)');
  console.log(`  ${pids.map((pid) => `${nameOf(pid)} ${resident([pid]).toFixed(1)}`).join(', ')} MiB`);
  report(
    'idle: resident memory, shared pages once (PSS)',
    mebibytes(pids, 'smaps_rollup', /^Pss:\s+(\d+)/m),
    'MiB',
    '153 MiB (160 MB)',
  );
  const before = cpuTicks(pids);
  const began = performance.now();
  await sleep(idleMs);
  const seconds = (performance.now() - began) / 1000;
  report('idle: processor', ((cpuTicks(pids) - before) / ticksPerSecond / seconds) * 100, '%', '0.5 % of a core');
  const world = nodeWorld({ log: { level: 'warn' } });
  const configuration = await cluster.configuration();
  const client = adminClient(world, configuration, await openIdentities(world, cluster.layout, configuration));
  const times: number[] = [];
  for (let number = 0; number < pods; number++) {
    const end = new AbortController();
    const name = `bench-${number}`;
    const { metadata } = await client.list(Pod, { namespace: 'default' });
    const events = client.watch(Pod, {
      namespace: 'default',
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: metadata.resourceVersion ?? '0',
      signal: end.signal,
    });
    const began = performance.now();
    await client.create(Pod, {
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'k8ts.local/guestbook:v1', command: ['sleep', '3600'] }] },
    } as never);
    for await (const { object } of events) if ((object as Pod).status?.phase === 'Running') break;
    times.push(performance.now() - began);
    end.abort();
    await client.delete(Pod, name, { namespace: 'default', gracePeriodSeconds: 0 });
  }
  report('pod created until Running (image present)', median(times), 'ms', '120 ms');
}

if (asRoot.skip) console.log(`skipped: ${asRoot.skip}`);
else {
  report('`up` until the node is Ready', median(await startTimes()), 'ms', '1,500 ms');
  await running();
}
process.exit();
