/**
 * `k8ts etcd`: the store in etcd's words. One word chooses what to do, as with etcdctl; `serve` runs the store as an etcd on its own.
 */
import type { Command } from '../command.ts';
import { UsageError } from '../flags.ts';

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  status: async () => (await import('./maintenance.ts')).status,
  defrag: async () => (await import('./maintenance.ts')).defrag,
  compact: async () => (await import('./maintenance.ts')).compaction,
  'snapshot save': async () => (await import('./snapshot.ts')).save,
  'snapshot status': async () => (await import('./snapshot.ts')).snapshotStatus,
  'snapshot restore': async () => (await import('./snapshot.ts')).restore,
};

export const etcd: Command = {
  name: 'etcd',
  summary: "The cluster's store in etcd's words: status, compact, defrag, snapshot; serve runs it alone.",
  async run(words, context) {
    const [first = '', second = ''] = words;
    const name = [`${first} ${second}`, first].find((each) => Object.hasOwn(commands, each));
    if (name !== undefined) {
      const command = await commands[name]?.();
      return command?.run(words.slice(name.split(' ').length), context) ?? 1;
    }
    const all = await Promise.all(Object.entries(commands).map(async ([key, load]) => [key, (await load()).summary]));
    const help = `The cluster's store in etcd's words. The real etcdctl works too:
  cd DATA-DIR/store && etcdctl --endpoints unix://etcd.sock get /registry --prefix --keys-only

Usage:
  k8ts etcd COMMAND [flags]

Commands:
${all.map(([key = '', summary = '']) => `  ${key.padEnd(18)} ${summary}\n`).join('')}
Every command has --help.
`;
    if (first !== '' && first !== '--help' && first !== '-h' && first !== 'help')
      throw new UsageError(`unknown command "${words.slice(0, 2).join(' ')}" for "k8ts etcd": see "k8ts etcd --help"`);
    context.program.out(help);
    return first === '' ? 2 : 0;
  },
};
