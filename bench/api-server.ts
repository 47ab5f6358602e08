/**
 * The API server under a load from another process, so that the processor time of this one is the server's (store included). With a reference (any API server: a real
 * kube-apiserver with etcd) every task runs on both in turn, and the ratio of their processor time is printed.
 *
 * `BENCH_ONLY=get,create` runs these alone; `BENCH_ROUNDS` and `BENCH_SCALE` make it longer or shorter. `BENCH_REFERENCE` is JSON:
 * `{ "url": "https://127.0.0.1:6443", "ca": file, "cert": file, "key": file, "pids": [kube-apiserver, etcd] }`.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { allKinds } from '#api/kinds.ts';
import { Namespace } from '#api/core/namespace.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { startApiServer, type ApiServer } from '#apiserver/server.ts';
import { loopback } from '#apiserver/user.ts';
import type { Client } from '#client/client.ts';
import { openAuthority, openTokenKey } from '#cluster/pki.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { LoadResult, LoadTask } from './load.ts';

export const only = process.env['BENCH_ONLY']?.split(',');
export const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const scale = Number(process.env['BENCH_SCALE'] ?? 1);

export const world: World = nodeWorld({ log: { level: 'warn' } });
export const wanted = (name: string): boolean => only === undefined || only.includes(name);
export const count = (number: number): number => Math.max(1, Math.round(number * scale));
export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;

const text = {
  gitVersion: 'v1.37.0',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '',
  goVersion: '',
  compiler: '',
  platform: '',
};

/** A server over a data file. */
export async function serverAt(directory: string): Promise<{ server: ApiServer; store: Store } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const tokenKey = {
    ...(await openTokenKey(world, directory)),
    issuer: 'https://kubernetes.default.svc.cluster.local',
  };
  const store = stack.use(await openSqliteStore(world, { path: join(directory, 'state.db') }));
  const server = stack.use(
    await startApiServer(world, {
      kinds: allKinds,
      store,
      ranges: { clusterIps: '10.96.0.0/12', nodePorts: [30000, 32767] },
      tokenKey,
      version: { major: '1', minor: '37', ...text },
    }),
  );
  const owned = stack.move();
  return { server, store, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export async function temporary(stack: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const namespaces = ['bench', 'lists', 'creates'];

/** One POST of JSON. */
export const create = { method: 'POST', contentType: 'application/json', inFlight: 1, count: 1 } as const;

/** What a task says beside where it goes. */
export type Task = Omit<LoadTask, 'url' | 'ca' | 'cert' | 'key' | 'connections'> & { readonly connections?: number };

/** A server and how its processor time is read. */
export interface Side {
  readonly target: Pick<LoadTask, 'url' | 'ca' | 'cert' | 'key'>;
  readonly cpuUs: () => number;
  /** Memory of its processes, shared pages counted in each. */
  readonly residentBytes: () => number;
}

export interface Bench extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: Store;
  readonly client: Client;
  /** Where it is served, and as whom to ask. */
  readonly target: Side['target'];
  /** k8ts, and the reference where there is one. */
  readonly sides: readonly Side[];
  /** Sends a task to the load generator, for k8ts unless it says otherwise; answers come in order. */
  tell(task: Task, side?: Side): void;
  answer(): Promise<LoadResult>;
  /** Runs a task once on every server: what the measured tasks need. */
  prepare(task: Task): Promise<void>;
  /** Runs a task `rounds` times after one to warm up, and prints the medians. */
  measure(name: string, task: Task): Promise<void>;
}

export async function startBench(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const directory = await temporary(stack);
  const authority = await openAuthority(world, directory);
  const identity = await authority.issue('server', {
    commonName: 'kube-apiserver',
    usage: 'server',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  await authority.issue('admin', {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
    usage: 'client',
  });
  const { server, store } = stack.use(await serverAt(directory));
  const http = await server.serve({ host: '127.0.0.1', port: 0 }, { ...identity, clientCa: authority.cert });
  const client = server.client(loopback, 'bench');
  for (const name of namespaces) {
    await client.create(Namespace, { metadata: { name } });
    await client.create(ServiceAccount, { metadata: { name: 'default', namespace: name } });
  }

  const child = spawn(process.execPath, [fileURLToPath(new URL('load.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  stack.defer(() => void child.stdin.end());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const own: Side = {
    target: {
      url: `https://127.0.0.1:${http.port}`,
      ca: join(directory, 'ca.crt'),
      cert: join(directory, 'admin.crt'),
      key: join(directory, 'admin.key'),
    },
    cpuUs() {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    residentBytes() {
      // Garbage is not what it holds; Go's collector cannot be asked from here, and its heap has room from before.
      (globalThis as { gc?: () => void }).gc?.();
      return process.memoryUsage.rss();
    },
  };
  const reference = referenceSide();
  const tell = (task: Task, side = own): void =>
    void child.stdin.write(`${JSON.stringify({ connections: 4, ...side.target, ...task })}\n`);
  const answer = async (): Promise<LoadResult> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the load generator ended');
    return JSON.parse(value) as LoadResult;
  };
  const run = async (name: string, task: Task, side: Side): Promise<LoadResult & { cpuUs: number }> => {
    const before = side.cpuUs();
    tell(task, side);
    const result = await answer();
    if (result.failed > 0) throw new Error(`${name}: ${result.failed} of ${result.done} failed`);
    return { ...result, cpuUs: (side.cpuUs() - before) / result.done };
  };
  if (reference)
    for (const name of namespaces) {
      tell({ ...create, path: '/api/v1/namespaces', body: JSON.stringify({ metadata: { name } }) }, reference);
      // One that is there from an earlier benchmark is as good.
      await answer();
      // The reference may run without controllers: pods need an account.
      const account = JSON.stringify({ metadata: { name: 'default' } });
      tell({ ...create, path: `/api/v1/namespaces/${name}/serviceaccounts`, body: account }, reference);
      await answer();
    }
  const owned = stack.move();
  return {
    server,
    store,
    client,
    target: own.target,
    sides: reference ? [own, reference] : [own],
    tell,
    answer,
    async prepare(task) {
      await run(task.path, task, own);
      if (reference) await run(`${task.path}, reference`, task, reference);
    },
    async measure(name, task) {
      const results: (LoadResult & { cpuUs: number })[] = [];
      const others: number[] = [];
      const otherP50: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const result = await run(name, task, own);
        const other = reference && (await run(`${name}, reference`, task, reference));
        if (round === 0) continue;
        results.push(result);
        if (other) others.push(other.cpuUs);
        if (other) otherP50.push(other.p50Ms);
      }
      const rate = Math.round(median(results.map(({ done, seconds }) => done / seconds)));
      const cpu = median(results.map(({ cpuUs }) => cpuUs));
      const p50Ms = median(results.map((result) => result.p50Ms));
      const p50 = p50Ms.toFixed(2);
      const p99 = median(results.map(({ p99Ms }) => p99Ms)).toFixed(2);
      // One core of processor time, whatever the number of cores: comparable between machines and servers.
      const perCore = Math.round(1e6 / cpu);
      const ratio =
        others.length > 0
          ? `  ${(median(others) / cpu).toFixed(1)} times cheaper, ${(median(otherP50) / p50Ms).toFixed(1)} times sooner`
          : '';
      console.log(
        `${name.padEnd(36)} ${String(rate).padStart(7)}/s  ${cpu.toFixed(1).padStart(10)} us CPU  ${String(perCore).padStart(7)}/s a core  p50 ${p50} ms  p99 ${p99} ms${ratio}`,
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The API server of `BENCH_REFERENCE`. */
function referenceSide(): Side | undefined {
  const given = process.env['BENCH_REFERENCE'];
  if (!given) return undefined;
  const { pids, ...target } = JSON.parse(given) as Side['target'] & { pids: readonly number[] };
  const ticksUs = 10_000;
  const cpuOf = (pid: number): number => {
    // After the name, which may hold spaces: fields 14 and 15 of proc_pid_stat(5).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * ticksUs;
  };
  const residentOf = (pid: number): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  return {
    target,
    cpuUs: () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0),
    residentBytes: () => pids.reduce((sum, pid) => sum + residentOf(pid), 0),
  };
}

/** A pod as applications have them: 3.4 kB with its managed fields. */
export const podOf = (name: string, namespace: string): object => ({
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
