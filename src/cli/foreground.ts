/** `k8ts up --foreground`: stays until ^C and then stops the cluster, as people expect of a foreground program. */
import type { Configuration } from '#cluster/configuration.ts';
import type { Layout } from '#cluster/layout.ts';
import { runningState } from '#cluster/process-state.ts';
import { stopCluster } from '#cluster/stop.ts';
import type { Program } from '#world/node/program.ts';
import type { World } from '#world/world.ts';

const pollMs = 1_000;

export async function runForeground(
  world: World,
  program: Program,
  layout: Layout,
  configuration: Configuration,
): Promise<number> {
  const stop = new AbortController();
  program.onTerminate(() => stop.abort());
  program.out('It stays until ^C.\n');
  // Of several servers any may end: the front leads to the others.
  const [state, log] = configuration.controlPlanes
    ? [layout.frontState, layout.frontLog]
    : [layout.serverState, layout.serverLog];
  while (!stop.signal.aborted) {
    if (!(await runningState(world, state))) {
      program.err(`The server has ended. Its log: ${log}\n`);
      await stopCluster(world, layout, configuration);
      return 1;
    }
    await world.clock.sleep(pollMs, { signal: stop.signal }).catch(() => undefined);
  }
  await stopCluster(world, layout, configuration);
  program.out('The cluster is down.\n');
  return 0;
}
