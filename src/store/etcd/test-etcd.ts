/** Real etcd members on loopback, for tests: a process each, with data in a temporary folder. Only what was started here is ever ended. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Undefined when etcd is here; otherwise what to tell about the tests that are skipped. */
export const etcdMissing: string | undefined = (() => {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `etcd is not installed (${(error as Error).message}): apt-get install etcd-server`;
  }
})();

interface Member {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  child: ChildProcess | undefined;
}

export interface TestEtcd extends AsyncDisposable {
  readonly servers: readonly string[];
  /** The index of the member that leads. */
  leader(): Promise<number>;
  /** Makes etcd commit, without a revision: it counts pages as free only at the commits after the one that freed them. */
  settle(): Promise<void>;
  kill(index: number): Promise<void>;
  /** Hangs: it keeps its connections and says nothing. */
  stop(index: number): void;
  resume(index: number): void;
  /** `anew`: without what it had, as another cluster. */
  start(index: number, options?: { anew?: boolean }): Promise<void>;
}

export async function startEtcd(
  options: { readonly members?: number; readonly flags?: readonly string[]; readonly scheme?: 'http' | 'https' } = {},
): Promise<TestEtcd> {
  const { scheme = 'http', flags = [] } = options;
  // Memory where there is some: etcd syncs each write.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'k8ts-etcd-'));
  const ports = await freePorts(2 * (options.members ?? 1));
  const members = Array.from({ length: options.members ?? 1 }, (_, index): Member => ({
    name: `m${index}`,
    client: `${scheme}://127.0.0.1:${ports[2 * index]}`,
    peer: `http://127.0.0.1:${ports[2 * index + 1]}`,
    child: undefined,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const start: TestEtcd['start'] = async (index, { anew = false } = {}) => {
    const member = members[index]!;
    if (anew) await rm(join(folder, member.name), { recursive: true });
    const child = spawn(
      'etcd',
      [
        ...['--name', member.name, '--data-dir', join(folder, member.name), '--logger', 'zap'],
        ...['--listen-client-urls', member.client, '--advertise-client-urls', member.client],
        ...['--listen-peer-urls', member.peer, '--initial-advertise-peer-urls', member.peer],
        ...['--initial-cluster', cluster, '--heartbeat-interval', '20', '--election-timeout', '200'],
        ...(anew ? ['--initial-cluster-token', 'anew'] : []),
        ...['--log-level', 'error', '--max-txn-ops', '4096'],
        // Sizes are those of the last commit: each write is one.
        ...['--backend-batch-limit', '1', ...flags],
      ],
      { stdio: 'ignore' },
    );
    member.child = child;
    await once(child, 'spawn');
  };
  const kill = async (index: number): Promise<void> => {
    const { child } = members[index]!;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  for (const index of members.keys()) await start(index);
  return {
    servers: members.map(({ client }) => client),
    async leader() {
      for (;;) {
        for (const [index, { client, child }] of members.entries()) {
          if (child?.exitCode !== null || child.signalCode !== null) continue;
          try {
            const response = await fetch(`${client}/v3/maintenance/status`, { method: 'POST', body: '{}' });
            const { header, leader } = (await response.json()) as { header: { member_id: string }; leader?: string };
            if (leader !== undefined && header.member_id === leader) return index;
          } catch (error) {
            if (!(error instanceof TypeError)) throw error; // Refused: it is starting or stopping.
          }
        }
        await sleep(20);
      }
    },
    async settle() {
      // A lease is written down, and no key changes.
      for (let commit = 0; commit < 3; commit++) {
        const response = await fetch(`${members[0]!.client}/v3/lease/grant`, { method: 'POST', body: '{"TTL":600}' });
        await response.arrayBuffer();
      }
    },
    start,
    kill,
    stop: (index) => void members[index]?.child?.kill('SIGSTOP'),
    resume: (index) => void members[index]?.child?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await Promise.all(members.keys().map(kill));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
