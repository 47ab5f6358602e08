/** `k8ts etcd snapshot`: snapshots that etcdctl can restore, and those of an etcd into a cluster of ours. */
import { resolve } from 'node:path';
import { restoreEtcdSnapshot } from '#cluster/etcd-api/restore-snapshot.ts';
import { saveSnapshot } from '#cluster/etcd-api/client.ts';
import { openSnapshot, statusOf } from '#store/etcd-server/snapshot-file.ts';
import { command } from '../command.ts';
import { dataDirectoryFlag, layoutFor } from '../data-directory.ts';
import { table } from './maintenance.ts';
import { peerFlags, peerFor, reasonOf } from './peer.ts';

const skipHashCheck = {
  type: 'boolean',
  doc: "take a file without a sum at its end, such as an etcd's member/snap/db",
} as const;

export const save = command({
  name: 'etcd snapshot save',
  usage: 'k8ts etcd snapshot save FILE [--data-dir DIR | --endpoints URL]',
  summary: "Write a snapshot in etcd's format: etcdctl snapshot restore opens it.",
  details: 'It holds the current state of every key. "k8ts backup" copies the data file itself.',
  flags: peerFlags,
  words: [1, 1],
  async run({ values, words: [file = ''] }, { world, program }) {
    const peer = await peerFor(world, values);
    const path = resolve(file);
    const bytes = await saveSnapshot(world, peer.peer, path).catch((error: unknown) => {
      throw reasonOf(peer, error);
    });
    program.out(`Snapshot saved at ${path} (${(bytes / 1024 / 1024).toFixed(1)} MiB)\n`);
    return 0;
  },
});

export const snapshotStatus = command({
  name: 'etcd snapshot status',
  usage: 'k8ts etcd snapshot status FILE [--write-out table|json] [--skip-hash-check]',
  summary: 'Verify a snapshot, ours or an etcd’s, and show what is in it.',
  flags: {
    'skip-hash-check': skipHashCheck,
    'write-out': { type: 'string', short: 'w', choices: ['table', 'json'], doc: 'table (default) or json' },
  },
  words: [1, 1],
  async run({ values, words: [file = ''] }, { world, program }) {
    const snapshot = await openSnapshot(world, resolve(file), { trusted: values['skip-hash-check'] });
    const { hash, revision, totalKeys, totalSizeBytes } = await statusOf(snapshot);
    program.out(
      values['write-out'] === 'json'
        ? `${JSON.stringify({ hash, revision, totalKey: totalKeys, totalSize: totalSizeBytes })}\n`
        : table([
            ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'],
            [
              hash.toString(16),
              String(revision),
              String(totalKeys),
              `${(totalSizeBytes / 1024 / 1024).toFixed(1)} MiB`,
            ],
          ]),
    );
    return 0;
  },
});

export const restore = command({
  name: 'etcd snapshot restore',
  usage: 'k8ts etcd snapshot restore FILE [--data-dir DIR] [--skip-hash-check] [--ignore-missing-keys]',
  summary: 'Put a snapshot, ours or an etcd’s, in the place of what a stopped cluster stores.',
  details:
    'The current state of every key and its lease come along; revisions go on far past the old ones, so that every older watch learns that it is too old.\n' +
    'What was there is kept beside it. Without a cluster in DIR it makes data for "k8ts etcd serve --data-dir DIR".',
  flags: {
    'data-dir': dataDirectoryFlag,
    'skip-hash-check': skipHashCheck,
    'ignore-missing-keys': { type: 'boolean', doc: 'restore although values of it could not be decrypted' },
  },
  words: [1, 1],
  async run({ values, words: [file = ''] }, { world, program }) {
    const restored = await restoreEtcdSnapshot(world, layoutFor(world, values['data-dir']), {
      file: resolve(file),
      trusted: values['skip-hash-check'],
      ignoreMissingKeys: values['ignore-missing-keys'],
    });
    program.out(
      `Restored ${restored.entries} entries of revision ${restored.backupRevision} to ${restored.database}; it goes on at revision ${restored.revision}.\n` +
        (restored.replaced === undefined ? '' : `What was there before is kept in ${restored.replaced}.\n`) +
        (restored.keys.length === 0
          ? ''
          : `It needs encryption keys that were retired, which are in use again: ${restored.keys.join(', ')}.\n`),
    );
    return 0;
  },
});
