/** `k8ts backup`: a verified copy of everything the cluster stores, made while it runs. */
import { join, resolve } from 'node:path';
import { askForBackup } from '#cluster/backup/backup-socket.ts';
import { makeBackup } from '#cluster/backup/backups.ts';
import { backupName } from '#cluster/backup/retention.ts';
import { readConfiguration } from '#cluster/configuration.ts';
import { runningState } from '#cluster/process-state.ts';
import { onDataFile } from '#store/sqlite/file-task.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

export const backup = command({
  name: 'backup',
  usage: 'k8ts backup [--output FILE] [--data-dir DIR]',
  summary: 'Copy everything the cluster stores into one verified file.',
  details:
    'Without --output it goes to the folder "backups" of the data directory, where the cluster also makes one every five minutes.\n' +
    'The file "backup.json" of the data directory may change that: {"intervalMinutes": 5, "keep": {"recent": 12, "hourly": 24, "daily": 7},\n' +
    '"s3": {"endpoint": "https://…", "bucket": "…", "accessKeyId": "…", "secretAccessKey": "…", "region": "…", "prefix": "…"}}.',
  flags: {
    'data-dir': dataDirectoryFlag,
    output: { type: 'string', placeholder: 'FILE', doc: 'where to write it' },
  },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) {
      program.err(`There is no cluster in ${layout.root}: start one with "k8ts up".\n`);
      return 1;
    }
    if (configuration.etcd || configuration.controlPlanes)
      throw new UsageError('this cluster keeps its data in an etcd: "etcdctl snapshot save" copies it');
    const output = values.output === undefined ? undefined : resolve(values.output);
    const made = (await runningState(world, layout.serverState))
      ? await askForBackup(world, layout, output === undefined ? {} : { output })
      : // Nobody has the data open: it can be copied here.
        await makeBackup(
          world,
          async (to) => void (await onDataFile({ task: 'copy', path: layout.database, to })),
          output ??
            join(
              layout.backups,
              backupName(
                world.clock.now(),
                (await onDataFile({ task: 'jump', path: layout.database, revision: 0 })).revision,
              ),
            ),
        );
    program.out(
      `${made.path}: ${made.entries} objects at revision ${made.revision}, ${(made.sizeBytes / 1024 / 1024).toFixed(1)} MiB, verified.\n`,
    );
    return 0;
  },
});
