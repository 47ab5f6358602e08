/** `k8ts etcd status`, `defrag` and `compact`: what etcdctl calls endpoint status, defrag and compaction. */
import { compact, defragment, etcdStatus } from '#cluster/etcd-api/client.ts';
import { command } from '../command.ts';
import { UsageError } from '../flags.ts';
import { peerFlags, peerFor, reasonOf } from './peer.ts';

export const status = command({
  name: 'etcd status',
  usage: 'k8ts etcd status [--write-out table|json] [--data-dir DIR | --endpoints URL]',
  summary: 'Show revision and size of the data, and whether there is an alarm.',
  flags: {
    ...peerFlags,
    'write-out': { type: 'string', short: 'w', choices: ['table', 'json'], doc: 'table (default) or json' },
  },
  async run({ values }, { world, program }) {
    const peer = await peerFor(world, values);
    const found = await etcdStatus(world, peer.peer).catch((error: unknown) => {
      throw reasonOf(peer, error);
    });
    const row = {
      endpoint: peer.endpoint,
      id: (found.header?.memberId ?? 0n).toString(16),
      version: found.version,
      revision: Number(found.header?.revision ?? 0n),
      dbSize: Number(found.dbSize),
      dbSizeInUse: Number(found.dbSizeInUse),
      isLeader: found.leader === found.header?.memberId,
      raftTerm: Number(found.raftTerm),
      raftIndex: Number(found.raftIndex),
      errors: found.errors,
    };
    if (values['write-out'] === 'json') {
      program.out(`${JSON.stringify(row, undefined, 2)}\n`);
      return 0;
    }
    program.out(
      table([
        ['ENDPOINT', 'ID', 'VERSION', 'REVISION', 'DB SIZE', 'IS LEADER', 'ERRORS'],
        [
          row.endpoint,
          row.id,
          row.version,
          String(row.revision),
          `${(row.dbSize / 1024 / 1024).toFixed(1)} MiB`,
          String(row.isLeader),
          row.errors.join(', ').trim() || '-',
        ],
      ]),
    );
    return 0;
  },
});

export const defrag = command({
  name: 'etcd defrag',
  usage: 'k8ts etcd defrag [--data-dir DIR | --endpoints URL]',
  summary: 'Give room that is free inside the data file back to the disk.',
  details: 'The cluster does this by itself after each compaction, but for a fifth that it keeps for the next writes.',
  flags: peerFlags,
  async run({ values }, { world, program }) {
    const peer = await peerFor(world, values);
    await defragment(world, peer.peer).catch((error: unknown) => {
      throw reasonOf(peer, error);
    });
    program.out(`Finished defragmenting etcd member[${peer.endpoint}]\n`);
    return 0;
  },
});

export const compaction = command({
  name: 'etcd compact',
  usage: 'k8ts etcd compact REVISION [--physical] [--data-dir DIR | --endpoints URL]',
  summary: 'Forget the history before a revision.',
  flags: { ...peerFlags, physical: { type: 'boolean', doc: 'wait until it is gone from the data file' } },
  words: [1, 1],
  async run({ values, words: [revision = ''] }, { world, program }) {
    if (!/^\d{1,15}$/.test(revision)) throw new UsageError(`bad compaction revision (${revision})`);
    const peer = await peerFor(world, values);
    await compact(world, peer.peer, { revision: BigInt(revision), physical: values.physical }).catch(
      (error: unknown) => {
        throw reasonOf(peer, error);
      },
    );
    program.out(`compacted revision ${revision}\n`);
    return 0;
  },
});

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}
