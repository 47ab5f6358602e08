/**
 * Hollow nodes for where there is no root, or no Linux: the real kubelet over a simulated runtime, in the server process and in real time. Containers are
 * pretended; scheduling, rollouts, probes and node life are real.
 */
import { userOf } from '#apiserver/user.ts';
import type { ApiServer } from '#apiserver/server.ts';
import { startKubelet } from '#kubelet/run.ts';
import { Readable } from 'node:stream';
import { simRuntime, type SimPeer } from '#kubelet/sim/runtime.ts';
import { NetworkError, type World } from '#world/world.ts';
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
  const peers = new Map<string, SimPeer>();
  const hollow = withPods(world, peers);
  for (const [index, node] of configuration.nodes.entries()) {
    const place = layout.node(node.name);
    const runtime = stack.use(
      simRuntime(world, {
        podCidr: node.podCidr,
        nodeAddress: node.address,
        // Every image is there, and does what most servers do: it runs, and answers its probes.
        images: { '*': {} },
        place: (address, peer) => {
          peers.set(address, peer);
          return { [Symbol.dispose]: () => void peers.delete(address) };
        },
      }),
    );
    const kubelet = stack.use(
      await startKubelet(
        hollow,
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

/** The same machine, but pods' addresses are answered by what is pretended to run there. */
function withPods(world: World, peers: ReadonlyMap<string, SimPeer>): World {
  const { network } = world;
  const refused = (host: string, port: number): NetworkError =>
    new NetworkError('ECONNREFUSED', `connect ECONNREFUSED ${host}:${port}`);
  return {
    ...world,
    // Nothing is mounted for containers that are not there.
    processes: { ...world.processes, self: { ...world.processes.self, uid: 65_534 } },
    network: {
      ...network,
      request: async (request) => {
        const { hostname, port, pathname, search } = new URL(request.url);
        const peer = peers.get(hostname);
        if (!peer) return network.request(request);
        const answer = peer.connect(Number(port)) ? peer.get(Number(port), pathname + search) : undefined;
        if (!answer) throw refused(hostname, Number(port));
        return {
          status: answer.status,
          headers: {},
          body: Readable.from([]),
          bytes: async () => Buffer.alloc(0),
          trailers: async () => ({}),
        };
      },
      dialTcp: async (address, options) => {
        const peer = 'port' in address ? peers.get(address.host) : undefined;
        if (!peer || !('port' in address)) return network.dialTcp(address, options);
        if (!peer.connect(address.port)) throw refused(address.host, address.port);
        return Readable.from([]) as never;
      },
    },
  };
}
