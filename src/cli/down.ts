/** `k8ts down`: stops the cluster; with `--delete` its state goes too. */
import { basename, join } from 'node:path';
import { readConfiguration } from '#cluster/configuration.ts';
import { unmergeKubeconfig, userKubeconfig } from '#cluster/kubeconfig.ts';
import { stopCluster } from '#cluster/stop.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';

export const down = command({
  name: 'down',
  usage: 'k8ts down [--delete] [--data-dir DIR]',
  summary: 'Stop the cluster. Its state stays for the next `up` unless --delete is given.',
  flags: {
    'data-dir': dataDirectoryFlag,
    delete: { type: 'boolean', doc: 'delete the cluster with everything in it' },
  },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) {
      program.out(`There is no cluster in ${layout.root}.\n`);
      return 0;
    }
    await stopCluster(world, layout, configuration);
    if (!values.delete) {
      program.out('The cluster is down. `k8ts up` resumes it.\n');
      return 0;
    }
    const path = userKubeconfig(world);
    if (path !== undefined)
      await unmergeKubeconfig(world, path, { name: 'k8ts', server: `https://127.0.0.1:${configuration.port}` });
    // What stays in etcd is lost without its keys.
    const kept = configuration.etcd
      ? [layout.encryption, layout.encryptionRetired, layout.encryptionRotation].map((path) => basename(path))
      : [];
    for (const { name } of (await world.disk.list(layout.root)) ?? [])
      if (!kept.includes(name)) await world.disk.remove(join(layout.root, name), { recursive: true });
    const left = (await world.disk.list(layout.root)) ?? [];
    if (left.length === 0) await world.disk.remove(layout.root, { recursive: true });
    program.out('The cluster is deleted.\n');
    if (left.length > 0)
      program.out(
        `Its data is still in etcd, and so ${layout.encryption} is kept: the Secrets there cannot be read without it.\n`,
      );
    return 0;
  },
});
