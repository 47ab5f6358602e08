/** The agent of a node, which `up` starts in the background. Not for people, but anybody may look. It loads nothing of the server's. */
import { startAgentProcess } from '#cluster/agent-process.ts';
import { readConfiguration } from '#cluster/configuration.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

export const agent = command({
  name: 'agent',
  usage: 'k8ts agent --node NAME --data-dir DIR',
  summary: "Run a node's agent (started by `up`).",
  hidden: true,
  flags: { 'data-dir': dataDirectoryFlag, node: { type: 'string', placeholder: 'NAME', doc: 'the node' } },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    const node = configuration?.nodes.find(({ name }) => name === values.node);
    if (!configuration || !node) throw new UsageError(`there is no node ${values.node ?? ''} in ${layout.root}`);
    const end = new Promise<string>((resolve) => program.onTerminate(resolve));
    const running = await startAgentProcess(world, layout, { configuration, node });
    program.keepCompiled();
    world.log.info('the agent stops', { signal: await end });
    await running[Symbol.asyncDispose]();
    return 0;
  },
});
