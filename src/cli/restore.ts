/** `k8ts restore`: a backup takes the place of what a stopped cluster stores. */
import { resolve } from 'node:path';
import { restoreBackup } from '#cluster/backup/restore.ts';
import { readConfiguration } from '#cluster/configuration.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

export const restore = command({
  name: 'restore',
  usage: 'k8ts restore FILE [--data-dir DIR] [--ignore-missing-keys]',
  summary: 'Put a backup in the place of what the stopped cluster stores.',
  details: 'The replaced data is kept beside it. Every watch that was open before learns that it is too old.',
  flags: {
    'data-dir': dataDirectoryFlag,
    'ignore-missing-keys': { type: 'boolean', doc: 'restore it although what is encrypted in it cannot be read' },
  },
  words: [1, 1],
  async run({ values, words: [file = ''] }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) {
      program.err(
        `There is no cluster in ${layout.root}: "k8ts up" makes one, "k8ts down" stops it for the restore.\n`,
      );
      return 1;
    }
    if (configuration.etcd || configuration.controlPlanes)
      throw new UsageError('this cluster keeps its data in an etcd: "etcdctl snapshot restore" restores it');
    const restored = await restoreBackup(world, layout, {
      file: resolve(file),
      configuration,
      ignoreMissingKeys: values['ignore-missing-keys'],
    });
    program.out(
      `Restored ${restored.entries} objects of revision ${restored.backupRevision}; the store goes on at revision ${restored.revision}.\n` +
        (restored.replaced === undefined ? '' : `What was there before is kept in ${restored.replaced}.\n`) +
        (restored.keys.length === 0
          ? ''
          : `It needs encryption keys that were retired, which are in use again: ${restored.keys.join(', ')}.\n`) +
        'Start the cluster with "k8ts up".\n',
    );
    return 0;
  },
});
