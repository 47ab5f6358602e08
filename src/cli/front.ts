/** The program that `up` starts on the host for several control planes. Not for people, but anybody may look. */
import { readConfiguration } from '#cluster/configuration.ts';
import { startFrontProcess } from '#cluster/front-process.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

export const front = command({
  name: 'front',
  usage: 'k8ts front --data-dir DIR',
  summary: 'Run what listens on the host for several control planes (started by `up`).',
  hidden: true,
  flags: { 'data-dir': dataDirectoryFlag },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration?.controlPlanes) throw new UsageError(`there are no control planes in ${layout.root}`);
    const end = new Promise<string>((resolve) => program.onTerminate(resolve));
    const running = await startFrontProcess(world, layout, configuration);
    program.keepCompiled();
    world.log.info('the front stops', { signal: await end });
    await running[Symbol.asyncDispose]();
    return 0;
  },
});
