/**
 * Hollow nodes for where there is no root, or no Linux: the real kubelet over a simulated runtime, in the server process and in real time. Containers are
 * pretended; scheduling, rollouts, probes and node life are real.
 */
import { userOf } from '#apiserver/user.ts';
import type { ApiServer } from '#apiserver/server.ts';
import { startKubelet } from '#kubelet/run.ts';
import { simRuntime } from '#kubelet/sim/runtime.ts';
import type { World } from '#world/world.ts';
import { defaults, dnsServiceIp, type Configuration } from './configuration.ts';
import { openIdentities } from './identities.ts';
import type { Layout } from './layout.ts';

export async function startSimulatedNodes(
  world: World,
  server: ApiServer,
  configuration: Configuration,
  layout: Layout,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const identities = await openIdentities(world, layout, configuration);
  for (const [index, node] of configuration.nodes.entries()) {
    const place = layout.node(node.name);
    const runtime = stack.use(simRuntime(world, { podCidr: node.podCidr }));
    const kubelet = stack.use(
      await startKubelet(
        world,
        { client: server.client(userOf(`system:node:${node.name}`, 'system:nodes'), 'kubelet'), runtime },
        {
          nodeName: node.name,
          nodeAddress: node.address,
          podCidr: node.podCidr,
          clusterDns: dnsServiceIp(configuration),
          clusterDomain: configuration.clusterDomain,
          podsDirectory: place.pods,
          logDirectory: place.podLogs,
          serve: {
            host: '127.0.0.1',
            port: defaults.kubeletPort + 1 + index,
            tls: identities.node(node.name).kubelet,
            clientCa: identities.ca,
          },
        },
      ),
    );
    await kubelet.registered;
  }
  return stack.move();
}
