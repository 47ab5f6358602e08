/**
 * The k8ts command: finds the command its first word names, runs it, and turns failures into messages and exit codes. Commands are loaded when they are needed,
 * so that a small one starts fast.
 */
import { nodeWorld } from '#world/node/world.ts';
import { program } from '#world/node/program.ts';
import type { Command } from './command.ts';
import { UsageError } from './flags.ts';

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up.ts')).up,
  down: async () => (await import('./down.ts')).down,
  status: async () => (await import('./status.ts')).status,
  backup: async () => (await import('./backup.ts')).backup,
  restore: async () => (await import('./restore.ts')).restore,
  encryption: async () => (await import('./encryption.ts')).encryption,
  etcd: async () => (await import('./etcd/etcd.ts')).etcd,
  kubectl: async () => (await import('./kubectl.ts')).kubectl,
  image: async () => (await import('./image.ts')).image,
  version: async () => (await import('./version.ts')).version,
  server: async () => (await import('./server.ts')).server,
  agent: async () => (await import('./agent.ts')).agent,
  front: async () => (await import('./front.ts')).front,
};

async function help(): Promise<string> {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const rows = all.filter(({ hidden }) => !hidden).map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}\n`);
  return `k8ts: a real Kubernetes cluster from one command.\n\nUsage:\n  k8ts COMMAND [flags]\n\nCommands:\n${rows.join('')}\nEvery command has --help.\n`;
}

async function run([name, ...words]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    program.out(await help());
    return name === undefined ? 2 : 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load)
    throw new UsageError(
      name.startsWith('-') ? `unknown flag: ${name}` : `unknown command "${name}" for "k8ts": see "k8ts --help"`,
    );
  const background = name === 'server' || name === 'agent' || name === 'front';
  const world = nodeWorld({ log: { level: background ? 'info' : 'warn', destination: 'stderr' } });
  return (await load()).run(words, { world, program });
}

try {
  process.exitCode = await run(program.arguments);
} catch (error) {
  program.err(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
// Pooled connections and idle sockets must not hold a finished command.
program.exit(Number(process.exitCode ?? 0));
