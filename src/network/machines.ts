/**
 * Nodes as machines on one host: each is a network namespace with an address, connected by a bridge. The CLI makes and removes them in the
 * host's own namespace. Every name carries the cluster's id, so clusters live side by side, and what is removed is found by name: a crash
 * leaves nothing that a later stop does not find. It must never touch what is not named after the cluster.
 */
import { formatCidr, overlaps, parseCidr, type Cidr } from '#base/cidr.ts';
import type { RunOptions, World } from '#world/world.ts';
import { acceptForwarding, removeForwarding } from './host-firewall.ts';

export interface MachinesPlan {
  /** 6 hex digits. */
  readonly id: string;
  /** `172.29.3.0/24`. */
  readonly nodeSubnet: string;
  /** The host's address on the bridge, where nodes send what is not for each other. */
  readonly hostAddress: string;
  readonly podSubnet: string;
  /** One without a range runs no pods. */
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly podCidr?: string }[];
}

const namespaces = '/run/netns';
/** 172.29.0.0/24 to 172.29.255.0/24: private (RFC 1918) and little used. */
const subnetsMax = 256;
const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

const bridgeName = (id: string): string => `k8ts${id}`;
const tableName = (id: string): string => `k8ts_${id}`;
const namespaceName = (id: string, node: string): string => `k8ts-${id}-${node}`;
/** An interface's name has 15 characters: 4 of ours, 6 of the cluster, up to 5 of the node's number. */
const linkName = (id: string, index: number): string => `k8tv${id}${index}`;

/** Inside a node. Forwarding for pods; ranges and queues for many connections; no redirects, since pods are told no routes. */
const nodeSettings = [
  'net/ipv4/ip_forward 1',
  'net/ipv6/conf/all/forwarding 1',
  'net/ipv4/conf/all/rp_filter 0',
  'net/ipv4/conf/default/rp_filter 0',
  'net/ipv4/conf/all/send_redirects 0',
  'net/ipv4/conf/default/send_redirects 0',
  'net/ipv4/neigh/default/gc_thresh1 0',
  'net/core/somaxconn 32768',
  'net/netfilter/nf_conntrack_tcp_be_liberal 1',
];

/** The first 172.29.N.0/24 that no interface and no route of this host uses. */
export async function chooseNodeSubnet(world: World): Promise<string> {
  const routes = await must(world, ['ip', '-4', 'route', 'show', 'table', 'all']);
  const used: Cidr[] = [];
  for (const word of routes.split(/\s+/)) {
    const cidr = parseCidr(word.includes('/') ? word : `${word}/32`);
    if (cidr && cidr.bits > 0) used.push(cidr);
  }
  for (const { cidr } of world.network.interfaces()) {
    const parsed = parseCidr(cidr);
    if (parsed) used.push(parsed);
  }
  for (let n = 0; n < subnetsMax; n++) {
    const candidate = parseCidr(`172.29.${n}.0/24`) as Cidr;
    if (!used.some((cidr) => overlaps(cidr, candidate))) return formatCidr(candidate);
  }
  throw new Error('every subnet of 172.29.0.0/16 is in use on this host: no addresses for nodes are left');
}

/** Makes what is missing. Safe to repeat, also for more nodes than before. */
export async function startMachines(world: World, plan: MachinesPlan): Promise<void> {
  checkPlan(plan);
  const { id } = plan;
  const [links, standing] = await Promise.all([linksOf(world, id), namespacesOf(world, id)]);
  const bridge = bridgeName(id);
  const bits = plan.nodeSubnet.split('/')[1];
  const host = [
    ...(links.includes(bridge) ? [] : [`link add ${bridge} type bridge`]),
    `address replace ${plan.hostAddress}/${bits} dev ${bridge}`,
    `link set ${bridge} up`,
  ];
  const indexes = freeIndexes(id, links);
  const fresh = plan.nodes.filter(({ name }) => !standing.has(namespaceName(id, name)));
  for (const node of fresh) {
    const namespace = namespaceName(id, node.name);
    const link = linkName(id, indexes());
    host.push(
      `netns add ${namespace}`,
      `link add ${link} type veth peer name eth0 netns ${namespace}`,
      `link set ${link} master ${bridge} up`,
    );
  }
  await must(world, ['ip', '-batch', '-'], { input: lines(host) });
  await Promise.all([hostRules(world, plan), ...plan.nodes.map((node) => startMachine(world, plan, node))]);
}

/** Removes the cluster's machines and everything that was made for them. Nothing happens when there is nothing. */
export async function stopMachines(world: World, id: string): Promise<void> {
  checkId(id);
  const [found, links] = await Promise.all([namespacesOf(world, id), linksOf(world, id)]);
  // A link goes with its namespace, but only after a while: the links first.
  const commands = [...links.map((link) => `link delete ${link}`), ...[...found].map((name) => `netns delete ${name}`)];
  if (commands.length > 0) {
    const { code, stderr } = await world.processes.run(['ip', '-force', '-batch', '-'], { input: lines(commands) });
    const left = [...(await namespacesOf(world, id)), ...(await linksOf(world, id))];
    if (left.length > 0) throw new Error(`cannot remove ${left.join(', ')}: ip ended with ${code}: ${stderr.trim()}`);
  }
  await removeForwarding(world, bridgeName(id));
  await must(world, ['nft', '-f', '-'], { input: `add table ip ${tableName(id)}\ndelete table ip ${tableName(id)}\n` });
}

/** Put before a command, runs it in the node's network; its files stay the host's. */
export function machineCommand(id: string, node: string): readonly string[] {
  return ['nsenter', `--net=${namespaces}/${namespaceName(id, node)}`, '--'];
}

export async function machineExists(world: World, id: string, node: string): Promise<boolean> {
  return (await namespacesOf(world, id)).has(namespaceName(id, node));
}

async function startMachine(world: World, plan: MachinesPlan, node: MachinesPlan['nodes'][number]): Promise<void> {
  const bits = plan.nodeSubnet.split('/')[1];
  const commands = [
    'link set lo up',
    `address replace ${node.address}/${bits} dev eth0`,
    'link set eth0 up',
    `route replace default via ${plan.hostAddress} dev eth0`,
    ...plan.nodes
      .filter(({ name, podCidr }) => name !== node.name && podCidr !== undefined)
      .map(({ podCidr, address }) => `route replace ${podCidr} via ${address} dev eth0`),
  ];
  // A setting that this kernel lacks is none that a node needs.
  const settings = nodeSettings.map((setting) => {
    const [path, value] = setting.split(' ');
    return `[ ! -w /proc/sys/${path} ] || echo ${value} >/proc/sys/${path}`;
  });
  const script = `${settings.join('\n')}\nexec ip -batch -`;
  await must(world, [...machineCommand(plan.id, node.name), '/bin/sh', '-c', script], { input: lines(commands) });
}

async function hostRules(world: World, { id, nodeSubnet }: MachinesPlan): Promise<void> {
  const table = tableName(id);
  const rules = [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    `    ip saddr ${nodeSubnet} oifname != "${bridgeName(id)}" masquerade`,
    '  }',
    '}',
  ];
  const forward = '[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 >/proc/sys/net/ipv4/ip_forward';
  await must(world, ['/bin/sh', '-c', `${forward}\nexec nft -f -`], { input: lines(rules) });
  await acceptForwarding(world, bridgeName(id));
}

/** Names under /run/netns that are this cluster's. A file without a namespace behind it (after a reboot) is removed. */
async function namespacesOf(world: World, id: string): Promise<Set<string>> {
  const entries = (await world.disk.list(namespaces)) ?? [];
  const prefix = `k8ts-${id}-`;
  const found = new Set<string>();
  const mounts = await world.disk.readText('/proc/self/mounts');
  for (const { name } of entries) {
    if (!name.startsWith(prefix)) continue;
    if (mounts?.includes(` ${namespaces}/${name} nsfs `) !== false) found.add(name);
    else await world.disk.remove(`${namespaces}/${name}`);
  }
  return found;
}

async function linksOf(world: World, id: string): Promise<readonly string[]> {
  const shown = await must(world, ['ip', '-o', 'link', 'show']);
  return shown
    .split('\n')
    .map((line) => /^\d+: ([^:@\s]+)/.exec(line)?.[1] ?? '')
    .filter((name) => name === bridgeName(id) || name.startsWith(linkName(id, 0).slice(0, -1)));
}

/** Numbers for names of links that no node has yet. */
function freeIndexes(id: string, links: readonly string[]): () => number {
  let next = 0;
  return () => {
    while (links.includes(linkName(id, next))) next++;
    return next++;
  };
}

function checkPlan(plan: MachinesPlan): void {
  checkId(plan.id);
  for (const cidr of [plan.nodeSubnet, plan.podSubnet, ...plan.nodes.flatMap(({ podCidr }) => podCidr ?? [])]) {
    if (!parseCidr(cidr)) throw new Error(`${JSON.stringify(cidr)} is no range of addresses`);
  }
  for (const address of [plan.hostAddress, ...plan.nodes.map((node) => node.address)]) {
    if (!parseCidr(`${address}/32`)) throw new Error(`${JSON.stringify(address)} is no IPv4 address`);
  }
  for (const { name } of plan.nodes) {
    if (!namePattern.test(name)) throw new Error(`${JSON.stringify(name)} is no node's name`);
  }
}

/** Everything that is removed is found by this id: an empty one would name the machines of others. */
function checkId(id: string): void {
  if (!/^[0-9a-f]{6}$/.test(id)) throw new Error(`${JSON.stringify(id)} is no cluster's id: six hex digits`);
}

async function must(world: World, command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await world.processes.run(command, { timeoutMs: 30_000, ...options });
  if (code === 0) return stdout;
  throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}: ${stderr.trim()}`);
}

const lines = (all: readonly string[]): string => `${all.join('\n')}\n`;
