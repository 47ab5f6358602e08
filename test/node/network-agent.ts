/** A node's agent for the network tests: runs in the node's namespace and does what its parent says. */
import { nodeWorld } from '#world/node/world.ts';
import { openPodNetwork, type PodNetwork } from '#network/pod-network.ts';

const world = nodeWorld({ log: { level: 'warn' } });
let pods: PodNetwork | undefined;

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
