/** `k8ts down`: stops the cluster; with `--delete` its state goes too. */
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
    await world.disk.remove(layout.root, { recursive: true });
    program.out('The cluster is deleted.\n');
    return 0;
  },
});
