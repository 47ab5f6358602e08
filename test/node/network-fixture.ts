/** Machines and pods of a cluster of their own, for the network tests: everything is named by a random id and removed at the end. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeWorld } from '#world/node/world.ts';
import { chooseNodeSubnet, machineCommand, startMachines, stopMachines, type MachinesPlan } from '#network/machines.ts';
import { lacking } from './needs.ts';

export const world = nodeWorld({ log: { level: 'warn' } });
export const asRoot = { skip: lacking, timeout: 60_000 };

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An agent: a process of its own in a node's network, that does what it is told (network-agent.ts). */
export interface Agent {
  ask<T = unknown>(what: string, ...values: readonly unknown[]): Promise<T>;
}

export interface Machines extends AsyncDisposable {
  readonly plan: MachinesPlan;
  readonly directory: string;
  /** Runs a command in a node's network. */
  run(node: string, ...command: readonly string[]): Promise<Run>;
  /** Runs a program of node's (`-e`) inside a namespace. */
  script(prefix: readonly string[], script: string, ...values: readonly string[]): Promise<string>;
  agent(node: string): Promise<Agent>;
  /** A namespace as a sandbox has one. */
  sandbox(name: string): Promise<string>;
  /** A web server in a namespace that answers every request with its name. */
  serve(prefix: readonly string[], port: number, name: string): Promise<void>;
}

export async function machines(count: number): Promise<Machines> {
  const id = world.random.uuid().slice(0, 6);
  const nodeSubnet = await chooseNodeSubnet(world);
  const at = (host: number): string => nodeSubnet.replace('.0/24', `.${host}`);
  const plan: MachinesPlan = {
    id,
    nodeSubnet,
    hostAddress: at(1),
    podSubnet: '10.244.0.0/16',
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `node-${index + 1}`,
      address: at(10 + index),
      podCidr: `10.244.${index}.0/24`,
    })),
  };
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-network-'));
  const children: ChildProcess[] = [];
  const sandboxes: string[] = [];
  await startMachines(world, plan);
  const start = async (
    prefix: readonly string[],
    file: string,
    values: readonly string[] = [],
  ): Promise<ChildProcess> => {
    const [program, ...args] = prefix;
    const child = fork(join(import.meta.dirname, file), values, {
      execPath: program ?? process.execPath,
      execArgv: program === undefined ? [] : [...args, process.execPath],
    });
    children.push(child);
    await once(child, 'message');
    return child;
  };
  return {
    plan,
    directory,
    run: (node, ...command) => world.processes.run([...machineCommand(id, node), ...command]),
    async script(prefix, script, ...values) {
      const { code, stdout, stderr } = await world.processes.run([
        ...prefix,
        process.execPath,
        '-e',
        script,
        ...values,
      ]);
      if (code !== 0) throw new Error(stderr);
      return stdout.trim();
    },
    async agent(node) {
      const child = await start(machineCommand(id, node), 'network-agent.ts');
      let next = 0;
      return {
        ask(what, ...values) {
          const number = next++;
          return new Promise((resolve, reject) => {
            const listener = (answer: { number: number; result?: unknown; error?: string }): void => {
              if (answer.number !== number) return;
              child.off('message', listener as never);
              if (answer.error === undefined) resolve(answer.result as never);
              else reject(new Error(answer.error));
            };
            child.on('message', listener as never);
            child.send({ number, what, values });
          });
        },
      };
    },
    async sandbox(name) {
      const path = `/run/netns/k8ts-test-${id}-${name}`;
      sandboxes.push(name);
      const { code, stderr } = await world.processes.run(['ip', 'netns', 'add', `k8ts-test-${id}-${name}`]);
      if (code !== 0) throw new Error(stderr);
      await world.processes.run(['nsenter', `--net=${path}`, 'ip', 'link', 'set', 'lo', 'up']);
      return path;
    },
    async serve(prefix, port, name) {
      await start(prefix, 'network-server.mjs', [String(port), name]);
    },
    async [Symbol.asyncDispose]() {
      const ended = children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      for (const name of sandboxes) await world.processes.run(['ip', 'netns', 'delete', `k8ts-test-${id}-${name}`]);
      await stopMachines(world, id);
      await rm(directory, { recursive: true });
    },
  };
}
