/**
 * The front of a cluster with several control planes: what a single server process does on the host's own 127.0.0.1. The API's port leads to any server that is well, and
 * node ports to any node. It keeps nothing, so that it may end and begin at any moment.
 */
import { clientOf } from '#client/client-of.ts';
import { httpTransport } from '#client/http/transport.ts';
import { startApiRelay } from '#network/api-relay.ts';
import { startHostPorts } from '#network/host-ports.ts';
import type { World } from '#world/world.ts';
import { apiServersOf, type Configuration } from './configuration.ts';
import { openControlPlaneIdentities } from './control-planes.ts';
import { openIdentities } from './identities.ts';
import { startIdleMemory } from './idle-memory.ts';
import type { Layout } from './layout.ts';
import { startProcess } from './process-state.ts';

/** Resolves when the API's port is open. */
export async function startFrontProcess(
  world: World,
  layout: Layout,
  configuration: Configuration,
): Promise<AsyncDisposable> {
  return startProcess(world, layout.frontState, async (stack, state) => {
    const { ca } = await openIdentities(world, layout, configuration);
    const { hostPorts } = await openControlPlaneIdentities(world, layout, configuration);
    stack.use(
      await startApiRelay(world, {
        listen: [{ host: '127.0.0.1', port: configuration.port }],
        servers: apiServersOf(configuration),
        ca,
      }),
    );
    const url = `https://127.0.0.1:${configuration.port}`;
    const client = clientOf(httpTransport(world, { url, ca, identity: hostPorts, userAgent: 'k8ts-host-ports' }));
    stack.use(await startHostPorts(world, client, { nodePorts: configuration.nodePorts }));
    await state.stage('front');
    stack.use(startIdleMemory(world));
    return {};
  });
}
