/** A node's agent for the network tests: runs in the node's namespace and does what its parent says. */
import { nodeWorld } from '#world/node/world.ts';
import { startDns } from '#dns/run.ts';
import { startApiForward } from '#network/api-forward.ts';
import { openPodNetwork, type PodNetwork } from '#network/pod-network.ts';
import { addServiceAddress } from '#network/service-address.ts';
import { startProxy, type Proxy, type ProxyOptions } from '#proxy/run.ts';
import { memoryClient } from './network-client.ts';

const world = nodeWorld({ log: { level: 'warn' } });
const api = memoryClient();
let pods: PodNetwork | undefined;
let proxy: Proxy | undefined;

const pod = { namespace: 'default', name: 'p', uid: 'u' };
const actions: Record<string, (...values: never[]) => Promise<unknown>> = {
  async open(podCidr: string, directory: string) {
    await pods?.[Symbol.asyncDispose]();
    pods = await openPodNetwork(world, { podCidr, podSubnet: '10.244.0.0/16', directory });
  },
  attach: async (id: string, path: string, portMappings: never[] = []) =>
    (await pods?.attach(id, path, { pod, portMappings }))?.ips[0],
  detach: async (id: string) => pods?.detach(id),
  restore: async (id: string, path: string, ip: string) =>
    pods?.restore(id, path, { pod, portMappings: [], ips: [ip] }),
  async proxy(options: ProxyOptions) {
    proxy = await startProxy(world, api.client, options);
    await proxy.synced;
  },
  async set(objects: readonly [plural: string, object: object][]) {
    for (const [plural, object] of objects) api.set(plural, object);
    // The watch delivers in another turn.
    await world.clock.sleep(20);
    await proxy?.settled();
  },
  async remove(plural: string, namespace: string, name: string) {
    api.remove(plural, namespace, name);
    await world.clock.sleep(20);
    await proxy?.settled();
  },
  async forward(host: string, port: number, socketPath: string) {
    await startApiForward(world, { listen: { host, port }, socketPath });
  },
  async dns(host: string, clusterDomain = 'cluster.local', upstreams: string[] = []) {
    await addServiceAddress(world, host);
    await addServiceAddress(world, host);
    await startDns(world, api.client, { listen: [{ host, port: 53 }], clusterDomain, upstreams });
  },
  async measure(id: string, path: string, count: number) {
    const spans: number[] = [];
    for (let i = 0; i < count; i++) {
      const started = world.clock.monotonic();
      await pods?.attach(id, path, { pod, portMappings: [] });
      spans.push(world.clock.monotonic() - started);
      await pods?.detach(id);
    }
    return spans.sort((a, b) => a - b);
  },
};

process.on('message', ({ number, what, values }: { number: number; what: string; values: never[] }) => {
  Promise.resolve()
    .then(() => {
      const action = actions[what];
      if (!action) throw new Error(`no action ${what}`);
      return action(...values);
    })
    .then(
      (result) => process.send?.({ number, result }),
      (error: unknown) => process.send?.({ number, error: String(error) }),
    );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
