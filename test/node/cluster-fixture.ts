/**
 * A cluster as a person has one: `./k8ts` in a process of its own, with its own data directory, home and ports, and kubectl. On disposal it is deleted, and the test
 * fails when anything of it is left on the machine. Waits are polls on conditions with a deadline; nothing here may depend on how fast the machine is.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { clientTools, toolsDirectory } from '#cluster/client-tools.ts';
import type { Configuration } from '#cluster/configuration.ts';
import { layoutOf, type Layout } from '#cluster/layout.ts';
import { nodeWorld } from '#world/node/world.ts';
import { lacking } from './needs.ts';

export const project = fileURLToPath(new URL('../../', import.meta.url));
const world = nodeWorld({ log: { level: 'warn' } });
const commandMsMax = 120_000;

/** Options of a test that needs real containers. */
export const asRoot = { skip: lacking, timeout: 240_000 };

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
}

/** Runs a program to its end. */
export async function run(command: readonly string[], { env = {}, stdin }: RunOptions = {}): Promise<Run> {
  const [program = '', ...words] = command;
  const child = spawn(program, words, { cwd: project, env: { ...process.env, ...env }, timeout: commandMsMax });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined).end(stdin);
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  );
  return { code, stdout, stderr };
}

/** Asks again and again until there is an answer other than undefined and false; fails after `timeoutMs` with the last error. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline)
      assert.fail(`never happened: ${what}${last === undefined ? '' : ` (${(last as Error).message})`}`);
    await sleep(50);
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(from = 0): Promise<number> {
  for (let asked = from; ; asked++) {
    const server = createServer();
    const port = await new Promise<number | undefined>((resolve) =>
      server
        .once('error', () => resolve(undefined))
        .listen(asked, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
    if (port === undefined && from !== 0) continue;
    assert.ok(port !== undefined, 'no port is free');
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** A port of the node port range, different from one run to the next. */
export const freeNodePort = (): Promise<number> => freePort(30_100 + Math.floor(Math.random() * 2_000));

export interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly home: string;
  readonly layout: Layout;
  readonly port: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  cli(words: string | readonly string[], options?: RunOptions): Promise<Run>;
  /** The same, and it must succeed; answers what it printed. */
  ok(words: string | readonly string[], options?: RunOptions): Promise<string>;
  up(...flags: readonly string[]): Promise<string>;
  configuration(): Promise<Configuration>;
  kubectl(words: string | readonly string[], stdin?: string): Promise<Run>;
  /** kubectl that must succeed; answers what it printed. */
  get(words: string | readonly string[], stdin?: string): Promise<string>;
  json<T>(words: string): Promise<T>;
  /** kubectl in the background; ended on disposal. */
  background(words: string): ChildProcess;
  /** The id of the process behind a state file. */
  pidOf(statePath: string): Promise<number>;
}

const split = (words: string | readonly string[]): readonly string[] =>
  typeof words === 'string' ? words.split(' ') : words;

/** A data directory and a home, without a cluster yet. */
export async function place(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-cluster-'));
  const home = join(directory, 'home');
  const layout = layoutOf(join(directory, 'data'));
  const env = { HOME: home, K8TS_DATA_DIR: layout.root, KUBECONFIG: undefined };
  const port = await freePort();
  const children: ChildProcess[] = [];
  let tool = '';
  const kubectlCommand = async (words: string | readonly string[]): Promise<readonly string[]> => {
    tool ||= (await clientTools(world, toolsDirectory)).kubectl;
    return [tool, '--kubeconfig', layout.kubeconfig, '--request-timeout=20s', ...split(words)];
  };
  const must = (words: string | readonly string[], { code, stdout, stderr }: Run): string => {
    assert.equal(code, 0, `${split(words).join(' ')}: ${stderr}${stdout}`);
    return stdout;
  };
  const self: Place = {
    directory,
    home,
    layout,
    port,
    env,
    cli: (words, options = {}) => run(['./k8ts', ...split(words)], { ...options, env: { ...env, ...options.env } }),
    ok: async (words, options) => must(words, await self.cli(words, options)),
    up: (...flags) =>
      self.ok(['up', '--no-merge', ...(existsSync(layout.configuration) ? [] : ['--port', String(port)]), ...flags]),
    configuration: async () => JSON.parse(await readFile(layout.configuration, 'utf8')) as Configuration,
    kubectl: async (words, stdin) =>
      run(await kubectlCommand(words), { env, ...(stdin === undefined ? {} : { stdin }) }),
    get: async (words, stdin) => must(words, await self.kubectl(words, stdin)),
    json: async <T>(words: string) => JSON.parse(await self.get(`${words} -o json`)) as T,
    background(words) {
      const child = spawn(tool, ['--kubeconfig', layout.kubeconfig, ...split(words)], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      return child;
    },
    pidOf: async (path) => (JSON.parse(await readFile(path, 'utf8')) as { pid: number }).pid,
    async [Symbol.asyncDispose]() {
      const ended = children
        .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
        .map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      if (existsSync(layout.configuration)) {
        const { id } = await self.configuration();
        await self.ok('down --delete');
        assert.deepEqual(await settled(id, directory), [], 'down --delete left something behind');
      }
      assert.equal(existsSync(layout.root), false, 'down --delete left the data directory');
      await rm(directory, { recursive: true });
    },
  };
  return self;
}

/** A cluster that is up. */
export async function cluster(...flags: readonly string[]): Promise<Place> {
  const self = await place();
  try {
    await self.up(...flags);
    return self;
  } catch (error) {
    await self[Symbol.asyncDispose]();
    throw error;
  }
}

/** The kernel takes a moment to forget what is deleted: asks until nothing is left, and answers what stays. */
export async function settled(id: string, directory: string): Promise<readonly string[]> {
  for (let tries = 0; tries < 100; tries++) {
    if (remains(id, directory).length === 0) return [];
    await sleep(50);
  }
  return remains(id, directory);
}

/** Whatever of a cluster is on this machine: processes, namespaces, links, mounts, cgroups, nft tables. */
export function remains(id: string, directory: string): readonly string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
    if (command.includes(directory) || textOf(`/proc/${pid}/cgroup`).includes(`k8ts-${id}`))
      found.push(`process ${pid}: ${command}`);
  }
  const matching = (what: string, text: string): number =>
    found.push(
      ...text
        .split('\n')
        .filter((line) => line.includes(id) || line.includes(directory))
        .map((line) => `${what}: ${line}`),
    );
  matching('namespace', existsSync('/run/netns') ? readdirSync('/run/netns').join('\n') : '');
  matching('link', spawnSync('ip', ['-o', 'link', 'show'], { encoding: 'utf8' }).stdout);
  matching('mount', textOf('/proc/self/mountinfo'));
  matching('nft', spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).stdout);
  const cgroups = readdirSync('/sys/fs/cgroup').flatMap((name) => [name, `${name}/k8ts-${id}`]);
  matching('cgroup', cgroups.filter((name) => name.includes(id) && existsSync(`/sys/fs/cgroup/${name}`)).join('\n'));
  return found;
}

/** A file that may go away while it is read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** The first process of a container: the oldest in its cgroup. */
export function containerProcess(containerId: string): number {
  assert.match(containerId, /^[0-9a-f]{8,}/, 'a container id');
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && textOf(`/proc/${name}/cgroup`).includes(containerId))
    .map(Number)
    .toSorted((a, b) => a - b);
  assert.ok(pids[0], `no process runs in container ${containerId}`);
  return pids[0];
}
