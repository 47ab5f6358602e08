/** The server process of a cluster, which `up` starts in the background. Not for people, but anybody may look. */
import { readConfiguration } from '#cluster/configuration.ts';
import { startServerProcess } from '#cluster/server-process.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

export const server = command({
  name: 'server',
  usage: 'k8ts server [--control-plane NAME] --data-dir DIR',
  summary: "Run the cluster's server process (started by `up`).",
  hidden: true,
  flags: {
    'data-dir': dataDirectoryFlag,
    'ignore-missing-keys': { type: 'boolean', doc: 'start although values cannot be decrypted' },
    'control-plane': { type: 'string', placeholder: 'NAME', doc: 'which one, of several' },
  },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) throw new UsageError(`there is no cluster in ${layout.root}`);
    const asked = values['control-plane'];
    const plane = configuration.controlPlanes?.find(({ name }) => name === asked);
    if (!plane && (asked !== undefined || configuration.controlPlanes))
      throw new UsageError(`there is no control plane ${asked ?? ''} in ${layout.root}`);
    const end = new Promise<string>((resolve) => program.onTerminate(resolve));
    const running = await startServerProcess(world, layout, configuration, {
      ignoreMissingKeys: values['ignore-missing-keys'],
      ...(plane ? { plane } : {}),
    });
    program.keepCompiled();
    const outcome = await Promise.race([end, running.failed]);
    if (outcome instanceof Error) {
      // What is in memory may be ahead of the disk: nothing more may be answered.
      world.log.error('the store failed; the server stops', { error: outcome.message });
      return program.exit(1);
    }
    world.log.info('the server stops', { signal: outcome });
    await running[Symbol.asyncDispose]();
    return 0;
  },
});
