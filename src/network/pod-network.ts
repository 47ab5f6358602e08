/**
 * The network of one node's pods: a bridge, a pair of virtual interfaces for each sandbox, addresses from the node's range, host ports. Pods get
 * their address alone (/32) and reach even their neighbours through the node: so every answer passes the connection tracking that undoes a
 * Service's translation, without br_netfilter. It runs in the node's network namespace and must never touch what it did not make.
 */
import { fnv1a64 } from '#base/hash.ts';
import { parseCidr, parseIp } from '#base/cidr.ts';
import type { ChildProcess, World } from '#world/world.ts';
import { AddressPool, type Lease } from './address-pool.ts';
import { podTableText, portElements, type HostPort } from './host-port-rules.ts';
import { ipBatch } from './ip-batch.ts';

export interface PodNetworkOptions {
  /** The node's range; its first address is the gateway's. */
  readonly podCidr: string;
  /** Ranges of all nodes together: within it pods are seen with their own addresses. */
  readonly podSubnet: string;
  /** Where the addresses that were given are remembered. */
  readonly directory: string;
  readonly bridge?: string;
  readonly mtu?: number;
}

export interface AttachRequest {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly portMappings: readonly {
    readonly hostPort: number;
    readonly containerPort: number;
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly hostIp: string;
  }[];
}

/** What the container runtime asks of the network; the kubelet's PodNetwork has this shape. */
export interface PodNetwork extends AsyncDisposable {
  attach(sandboxId: string, netnsPath: string, request: AttachRequest): Promise<{ readonly ips: readonly string[] }>;
  detach(sandboxId: string): Promise<void>;
  restore(
    sandboxId: string,
    netnsPath: string,
    request: AttachRequest & { readonly ips: readonly string[] },
  ): Promise<void>;
}

const insideTimeoutMs = 10_000;

export async function openPodNetwork(world: World, options: PodNetworkOptions): Promise<PodNetwork> {
  const { podCidr, podSubnet, bridge = 'cni0' } = options;
  if (!parseCidr(podSubnet)) throw new Error(`${JSON.stringify(podSubnet)} is no range of addresses`);
  const pool = new AddressPool(world, options);
  const { gateway } = pool;
  const making = ipBatch(world);
  // The kernel takes its time to remove an interface: nobody who makes one shall wait for that.
  const removing = ipBatch(world);
  const mtu = options.mtu === undefined ? '' : ` mtu ${options.mtu}`;

  const links = await linkNames(world);
  await pool.load(({ sandboxId }) => links.has(linkName(sandboxId)));
  const must = async (commands: readonly string[]): Promise<void> => {
    const failed = await making.run(commands);
    if (failed.length > 0) throw new Error(failed.join('; '));
  };
  await must([
    ...(links.has(bridge) ? [] : [`link add ${bridge} address ${macOf(gateway)}${mtu} type bridge`]),
    `address replace ${gateway}/${podCidr.split('/')[1]} dev ${bridge}`,
    `link set ${bridge} up`,
  ]);
  await applyRules(world, podTableText({ podCidr, podSubnet, leases: pool.leases }));

  const release = async (lease: Lease): Promise<void> => {
    if (lease.ports.length > 0) {
      await applyRules(world, `${portElements('delete', lease.ip, lease.ports).join('\n')}\n`).catch((error: unknown) =>
        // Elements that are gone already are no loss; the next start writes the whole table anew.
        world.log.warn('host ports could not be removed', { ip: lease.ip, error: String(error) }),
      );
    }
    await pool.giveBack(lease.sandboxId);
  };

  const detach = async (sandboxId: string): Promise<void> => {
    const failed = await removing.run([`link delete ${linkName(sandboxId)}`]);
    const real = failed.filter((text) => !/Cannot find device/.test(text));
    if (real.length > 0) throw new Error(real.join('; '));
    const lease = pool.of(sandboxId);
    if (lease) await release(lease);
  };

  return {
    async attach(sandboxId, netnsPath, request) {
      if (/[\s"'#\\]/.test(netnsPath)) throw new Error(`${JSON.stringify(netnsPath)} cannot be a namespace's path`);
      // What an attempt before a crash left behind.
      if (pool.of(sandboxId)) await detach(sandboxId);
      const ports = portsOf(request, world);
      requireFree(ports, pool.leases);
      const { lease, saved } = pool.take(sandboxId, ports);
      const { ip } = lease;
      const link = linkName(sandboxId);
      // Its start and the making of the pair overlap; it reads its first line when both are done.
      const inside = enter(world, netnsPath);
      try {
        const rules =
          ports.length === 0 ? undefined : applyRules(world, `${portElements('add', ip, ports).join('\n')}\n`);
        const wired = must([
          `link add ${link}${mtu} type veth peer name eth0 address ${macOf(ip)}${mtu} netns ${netnsPath}`,
          `link set ${link} master ${bridge} up`,
          `link set ${link} type bridge_slave hairpin on`,
        ]).then(() =>
          inside.run([
            `address add ${ip}/32 dev eth0`,
            'link set eth0 up',
            `route add ${gateway} dev eth0 scope link`,
            `route add default via ${gateway} dev eth0 src ${ip}`,
          ]),
        );
        // Everything has come to its end before a failure is cleaned up.
        const results = await Promise.allSettled([wired, rules, saved]);
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        return { ips: [ip] };
      } catch (cause) {
        inside.stop();
        await detach(sandboxId);
        throw new Error(`cannot connect the pod to the network: ${(cause as Error).message}`, { cause });
      }
    },
    detach,
    async restore(sandboxId, _netnsPath, request) {
      const ip = request.ips.find((address) => parseIp(address)?.family === 4);
      if (ip === undefined) throw new Error(`sandbox ${sandboxId} has no IPv4 address`);
      const known = pool.of(sandboxId);
      if (known?.ip === ip) return;
      const ports = portsOf(request, world);
      await pool.claim({ sandboxId, ip, ports });
      if (ports.length > 0) await applyRules(world, `${portElements('add', ip, ports).join('\n')}\n`);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([making[Symbol.asyncDispose](), removing[Symbol.asyncDispose]()]);
    },
  };
}

/** A process in the sandbox that waits for its commands. */
function enter(world: World, netnsPath: string): { run(commands: readonly string[]): Promise<void>; stop(): void } {
  const child: ChildProcess = world.processes.spawn(['nsenter', `--net=${netnsPath}`, 'ip', '-batch', '-']);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(0, 4096)));
  child.stdout?.resume();
  return {
    async run(commands) {
      child.stdin?.end(`${commands.join('\n')}\n`);
      const timer = world.clock.after(insideTimeoutMs, () => child.kill('SIGKILL'));
      const code = await child.exited.finally(() => timer.cancel());
      if (code !== 0) throw new Error(`in the pod's network: ${said.trim() || `exit code ${code}`}`);
    },
    stop: () => child.kill('SIGKILL'),
  };
}

async function applyRules(world: World, text: string): Promise<void> {
  const { code, stderr } = await world.processes.run(['nft', '-f', '-'], { input: text });
  if (code !== 0) throw new Error(`nft refused the rules of pods: ${stderr.trim()}`);
}

/** All interfaces of this namespace; /sys is the host's and cannot tell. */
async function linkNames(world: World): Promise<ReadonlySet<string>> {
  const { code, stdout, stderr } = await world.processes.run(['ip', '-o', 'link', 'show']);
  if (code !== 0) throw new Error(`ip link show failed: ${stderr.trim()}`);
  return new Set([...stdout.matchAll(/^\d+: ([^:@\s]+)/gm)].map((match) => match[1] as string));
}

/** The node's end of a sandbox's pair, known without any record; 15 characters are an interface's limit. */
const linkName = (sandboxId: string): string => `veth${fnv1a64(sandboxId).toString(16).padStart(16, '0').slice(0, 11)}`;

/** An address keeps its hardware address, so that a neighbour's memory of an earlier pod is not wrong. */
function macOf(ip: string): string {
  const value = parseIp(ip)?.value ?? 0n;
  const hex = value.toString(16).padStart(8, '0');
  return `0a:58:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}`;
}

function portsOf({ portMappings, pod }: AttachRequest, world: World): readonly HostPort[] {
  return portMappings.flatMap(({ hostIp, hostPort, containerPort, protocol }) => {
    if (hostPort === 0) return [];
    for (const port of [hostPort, containerPort]) {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${port} is no port`);
    }
    if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) throw new Error(`${protocol} is no protocol of ports`);
    const ip = hostIp ? parseIp(hostIp) : undefined;
    if (hostIp && !ip) throw new Error(`${JSON.stringify(hostIp)} is no address for a host port`);
    if (ip?.family === 6) {
      world.log.warn('a host port on an IPv6 address is not served', { pod: `${pod.namespace}/${pod.name}`, hostIp });
      return [];
    }
    return [{ hostIp: ip?.value === 0n ? '' : hostIp, hostPort, containerPort, protocol }];
  });
}

/** Two pods with one host port: the second one is told who has it. */
function requireFree(ports: readonly HostPort[], leases: Iterable<Lease>): void {
  if (ports.length === 0) return;
  const same = (a: HostPort, b: HostPort): boolean =>
    a.hostPort === b.hostPort && a.protocol === b.protocol && (a.hostIp === b.hostIp || !a.hostIp || !b.hostIp);
  for (const lease of leases) {
    const taken = lease.ports.find((theirs) => ports.some((ours) => same(ours, theirs)));
    if (taken) {
      throw new Error(`host port ${taken.hostPort}/${taken.protocol} is in use by the pod at ${lease.ip}`);
    }
  }
}
