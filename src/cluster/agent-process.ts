/**
 * The agent of one node: kubelet, service proxy and DNS, each with its own certificate, in the node's network namespace. It reaches the API through the server's unix
 * socket, and brings that socket to the node's pods.
 */
import { dirname } from 'node:path';
import { clientOf } from '#client/client-of.ts';
import { httpTransport } from '#client/http/transport.ts';
import type { Client } from '#client/client.ts';
import { startDns } from '#dns/run.ts';
import { hostUpstreams } from '#dns/upstreams.ts';
import { openImageStore } from '#images/image-store.ts';
import { ensureDemoImages } from '#images/demo.ts';
import { openOciRuntime } from '#kubelet/oci/runtime.ts';
import { startKubelet } from '#kubelet/run.ts';
import { startProxy } from '#proxy/run.ts';
import { startApiForward } from '#network/api-forward.ts';
import { openPodNetwork } from '#network/pod-network.ts';
import { addServiceAddress } from '#network/service-address.ts';
import type { TlsIdentity, World } from '#world/world.ts';
import { apiServersOf, defaults, dnsServiceIp, type Configuration, type NodeConfiguration } from './configuration.ts';
import { openIdentities } from './identities.ts';
import { startIdleMemory } from './idle-memory.ts';
import type { Layout } from './layout.ts';
import { startProcess } from './process-state.ts';

/** Cgroups of a cluster's node. */
export const cgroupRootOf = (configuration: Configuration, node: string): string => `k8ts-${configuration.id}/${node}`;

/** Starts all of it; on disposal the node's containers run on. */
export async function startAgentProcess(
  world: World,
  layout: Layout,
  { configuration, node }: { configuration: Configuration; node: NodeConfiguration },
): Promise<AsyncDisposable> {
  const place = layout.node(node.name);
  return startProcess(world, place.state, async (stack, state) => {
    await world.disk.makeDirectory(place.root, { mode: 0o700 });
    await world.disk.makeDirectory(dirname(place.log), { mode: 0o700 });
    const identities = await openIdentities(world, layout, configuration);
    const own = identities.node(node.name);
    // One server is reached through its socket, several through this agent's own, which leads to any that is well.
    const apiSocket = configuration.controlPlanes ? place.apiSocket : layout.apiSocket;
    const clientAs = (identity: TlsIdentity, userAgent: string): Client =>
      clientOf(
        httpTransport(world, {
          url: `https://localhost:${configuration.port}`,
          socketPath: apiSocket,
          ca: identities.ca,
          identity,
          userAgent,
        }),
      );

    const listen = { host: node.address, port: defaults.apiPort };
    if (configuration.controlPlanes) {
      const { startApiRelay } = await import('#network/api-relay.ts');
      const servers = apiServersOf(configuration);
      await world.disk.remove(apiSocket);
      stack.use(await startApiRelay(world, { listen: [listen, { path: apiSocket }], servers, ca: identities.ca }));
    } else {
      stack.use(await startApiForward(world, { listen, socketPath: apiSocket }));
    }
    const images = stack.use(await openImageStore(world, { directory: layout.images }));
    await ensureDemoImages(world, images);
    await state.stage('images');
    const network = await openPodNetwork(world, {
      podCidr: node.podCidr,
      podSubnet: configuration.podSubnet,
      directory: `${place.root}/network`,
    });
    const runtime = stack.use(
      await openOciRuntime(world, {
        directory: place.runtime,
        images,
        cgroupRoot: cgroupRootOf(configuration, node.name),
        network,
        nodeName: node.name,
      }),
    );
    await state.stage('container runtime');

    const dnsIp = dnsServiceIp(configuration);
    await addServiceAddress(world, dnsIp);
    const kubelet = stack.use(
      await startKubelet(
        world,
        { client: clientAs(own.kubelet, 'kubelet'), runtime },
        {
          nodeName: node.name,
          nodeAddress: node.address,
          podCidr: node.podCidr,
          clusterDns: dnsIp,
          clusterDomain: configuration.clusterDomain,
          podsDirectory: place.pods,
          logDirectory: place.podLogs,
          serve: { host: node.address, port: defaults.kubeletPort, tls: own.kubelet, clientCa: identities.ca },
        },
      ),
    );
    const proxy = stack.use(
      await startProxy(world, clientAs(own.proxy, 'kube-proxy'), {
        nodeName: node.name,
        podCidr: node.podCidr,
        apiAddress: { ip: node.address, port: defaults.apiPort },
        ownAddresses: [dnsIp],
      }),
    );
    stack.use(
      await startDns(world, clientAs(own.dns, 'coredns'), {
        listen: [
          { host: dnsIp, port: 53 },
          { host: node.address, port: 53 },
        ],
        clusterDomain: configuration.clusterDomain,
        upstreams: await hostUpstreams(world),
      }),
    );
    await proxy.synced;
    await state.stage('proxy and DNS');
    await kubelet.registered;
    await state.stage('kubelet');
    stack.use(startIdleMemory(world));
    return {};
  });
}
