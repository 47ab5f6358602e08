/**
 * The entry of the processes that `up` starts: the server, the agent of a node, or the front of several control planes, and nothing of the others. What a process does not load takes no memory. It runs from its
 * source or from a bundle of it (program-bundle.ts), which is why nothing is awaited at its top.
 */
import { nodeWorld } from '#world/node/world.ts';
import { program } from '#world/node/program.ts';
import type { Command } from './command.ts';
import { UsageError } from './flags.ts';

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  server: async () => (await import('./server.ts')).server,
  agent: async () => (await import('./agent.ts')).agent,
  front: async () => (await import('./front.ts')).front,
};

async function run([name = '', ...words]: readonly string[]): Promise<number> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) throw new UsageError(`unknown process "${name}": ${Object.keys(commands).join(' or ')}`);
  const world = nodeWorld({ log: { level: 'info', destination: 'stderr' } });
  return (await load()).run(words, { world, program });
}

run(program.arguments).then(program.exit, (error: unknown) => {
  program.err(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
  program.exit(error instanceof UsageError ? 2 : 1);
});
