/**
 * What the API server does in a second over TLS and HTTP/2, and what it costs: GET, LIST, durable creates, fan-out of watch events. The load comes from a second process, so
 * the processor time of this one is the server's (store included). Medians of several rounds.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { allKinds } from '#api/kinds.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { startApiServer } from '#apiserver/server.ts';
import { loopback } from '#apiserver/user.ts';
import { openAuthority, openTokenKey } from '#cluster/pki.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { LoadResult, LoadTask } from './load.ts';

/** `BENCH_ONLY=get,create` runs these alone; `BENCH_ROUNDS` and `BENCH_SCALE` make it longer or shorter. */
const only = process.env['BENCH_ONLY']?.split(',');
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const scale = Number(process.env['BENCH_SCALE'] ?? 1);

const world = nodeWorld({ log: { level: 'warn' } } as never);
const directory = await mkdtemp(join(tmpdir(), 'k8ts-bench-'));
await using stack = new AsyncDisposableStack();
stack.defer(() => rm(directory, { recursive: true, force: true }));
const authority = await openAuthority(world, directory);
const identity = await authority.issue('server', {
  commonName: 'kube-apiserver',
  usage: 'server',
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1'],
});
await authority.issue('admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'], usage: 'client' });
const tokenKey = { ...(await openTokenKey(world, directory)), issuer: 'https://kubernetes.default.svc.cluster.local' };
const store = stack.use(await openSqliteStore(world, { path: join(directory, 'state.db') }));
const text = {
  gitVersion: 'v1.37.0',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '',
  goVersion: '',
  compiler: '',
  platform: '',
};
const server = stack.use(
  await startApiServer(world, {
    kinds: allKinds,
    store,
    ranges: { clusterIps: '10.96.0.0/12', nodePorts: [30000, 32767] },
    tokenKey,
    version: { major: '1', minor: '37', ...text },
  }),
);
const http = await server.serve({ host: '127.0.0.1', port: 0 }, { ...identity, clientCa: authority.cert });
const client = server.client(loopback, 'bench');

const child = spawn(process.execPath, [fileURLToPath(new URL('load.ts', import.meta.url))], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
stack.defer(() => void child.stdin.end());
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const base = {
  url: `https://127.0.0.1:${http.port}`,
  ca: join(directory, 'ca.crt'),
  cert: join(directory, 'admin.crt'),
  key: join(directory, 'admin.key'),
  connections: 4,
};
const tell = (task: Omit<LoadTask, 'url' | 'ca' | 'cert' | 'key' | 'connections'>): void =>
  void child.stdin.write(`${JSON.stringify({ ...base, ...task })}\n`);
const answer = async (): Promise<LoadResult> => JSON.parse((await lines.next()).value as string) as LoadResult;

const podOf = (name: string, namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: 'web', 'pod-template-hash': '5d4f8c7b9' } },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'registry.example.com/web:1.2.3',
        ports: [{ name: 'http', containerPort: 8080 }],
        env: [
          { name: 'A', value: '1' },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
});

for (const name of ['bench', 'lists', 'creates']) {
  await client.create(Namespace, { metadata: { name } });
  await client.create(ServiceAccount, { metadata: { name: 'default', namespace: name } });
}
await client.create(Pod, podOf('one', 'bench') as never);

const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
const wanted = (name: string): boolean => only === undefined || only.includes(name);

/** Runs a task `rounds` times after one to warm up, and prints the medians. */
async function measure(
  name: string,
  task: Omit<LoadTask, 'url' | 'ca' | 'cert' | 'key' | 'connections'>,
): Promise<void> {
  const results: (LoadResult & { cpuUs: number })[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage();
    tell(task);
    const result = await answer();
    const { user, system } = process.cpuUsage(before);
    if (result.failed > 0) throw new Error(`${name}: ${result.failed} of ${result.done} failed`);
    if (round > 0) results.push({ ...result, cpuUs: (user + system) / result.done });
  }
  const rate = Math.round(median(results.map(({ done, seconds }) => done / seconds)));
  const cpu = median(results.map(({ cpuUs }) => cpuUs)).toFixed(1);
  const p50 = median(results.map(({ p50Ms }) => p50Ms)).toFixed(2);
  const p99 = median(results.map(({ p99Ms }) => p99Ms)).toFixed(2);
  console.log(
    `${name.padEnd(34)} ${String(rate).padStart(7)}/s  ${cpu.padStart(9)} us CPU  p50 ${p50} ms  p99 ${p99} ms`,
  );
}

const count = (number: number): number => Math.max(1, Math.round(number * scale));

if (wanted('get'))
  await measure('GET a pod, 64 in flight', {
    does: 'get',
    path: '/api/v1/namespaces/bench/pods/one',
    inFlight: 64,
    count: count(30_000),
  });
if (wanted('create')) {
  for (const inFlight of [1, 16, 100]) {
    await measure(`create a pod, ${inFlight} in flight`, {
      does: 'create',
      path: '/api/v1/namespaces/creates/pods',
      body: JSON.stringify(podOf('p-%', 'creates')),
      inFlight,
      count: count(inFlight === 1 ? 1_500 : 4_000),
    });
  }
}
if (wanted('watch')) await fanOut();
if (wanted('list')) {
  for (const size of [1_000, 10_000]) {
    for (let at = server.api.cache(Pod).size; ;) {
      const present = [...server.api.cache(Pod).range('/registry/pods/lists/')].length;
      if (present >= size) break;
      await Promise.all(
        Array.from({ length: Math.min(100, size - present) }, () =>
          client.create(Pod, podOf(`l-${at++}`, 'lists') as never),
        ),
      );
    }
    await measure(`LIST of ${size} pods`, {
      does: 'get',
      path: '/api/v1/namespaces/lists/pods',
      inFlight: 1,
      count: count(size === 1_000 ? 50 : 10),
    });
  }
}

/** 1,000 watchers of one namespace see every event; 1,000 watchers of as many namespaces see their own. */
async function fanOut(): Promise<void> {
  const watchers = 1_000;
  const events = count(100);
  const results: number[] = [];
  tell({
    does: 'watch',
    path: `/api/v1/namespaces/bench/pods?watch=true&resourceVersion=${store.revision()}`,
    inFlight: watchers,
    count: watchers * events * rounds,
  });
  const open = await answer();
  if (!('open' in open)) throw new Error('the watches did not open');
  const cpu: number[] = [];
  const done = answer();
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    const began = performance.now();
    for (let i = 0; i < events; i++) {
      await client.patch(
        Pod,
        'one',
        { type: 'merge', body: { metadata: { annotations: { at: `${round}-${i}` } } } },
        { namespace: 'bench' },
      );
    }
    // All is sent when the load generator has the last one; the rounds between end with the queue of the sockets.
    if (round === rounds - 1) await done;
    else await new Promise((resolve) => setTimeout(resolve, 50));
    const { user, system } = process.cpuUsage(before);
    results.push((watchers * events) / ((performance.now() - began) / 1000));
    cpu.push((user + system) / (watchers * events));
  }
  console.log(
    `${'watch, 1,000 watchers'.padEnd(34)} ${String(Math.round(median(results))).padStart(7)}/s  ${median(cpu).toFixed(2).padStart(9)} us CPU per delivery`,
  );
}
