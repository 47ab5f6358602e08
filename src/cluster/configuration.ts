/**
 * What a cluster is made of, decided once by its first `up` and kept in `cluster.json`: everything else is derived from it. Reading checks it, so that a
 * damaged file is named instead of half believed.
 */
import { addressAt, formatIp, parseCidr } from '#base/cidr.ts';
import type { World } from '#world/world.ts';
import type { EtcdConfiguration } from './etcd.ts';
import type { Layout } from './layout.ts';

export interface Configuration {
  /** 6 hex digits: names of namespaces, bridges and tables carry it, so that clusters live side by side. */
  readonly id: string;
  /** The API's port on 127.0.0.1. */
  readonly port: number;
  /** 'containers': every node is a machine of its own with real containers; 'simulated': hollow nodes in the server process. */
  readonly nodeKind: 'containers' | 'simulated';
  readonly nodes: readonly NodeConfiguration[];
  /** Addresses of the nodes: `172.29.3.0/24`. The first belongs to the host. */
  readonly nodeSubnet: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  readonly nodePorts: readonly [number, number];
  readonly clusterDomain: string;
  /** Where the data is, instead of a file of our own. */
  readonly etcd?: EtcdConfiguration;
  /** Somebody's own EncryptionConfiguration, an absolute path. Absent: one is made and kept in the data directory. */
  readonly encryptionConfig?: string;
  /** Where the store is served to etcd's clients over TLS, besides its socket: `https://host:port`. */
  readonly etcdListen?: readonly string[];
  /** Several servers, each on a machine of its own with a member of etcd, instead of one on the host. */
  readonly controlPlanes?: readonly ControlPlaneConfiguration[];
  readonly createdAt: string;
}

export interface NodeConfiguration {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
}

export interface ControlPlaneConfiguration {
  readonly name: string;
  readonly address: string;
}

export const defaults = {
  port: 6443,
  podSubnet: '10.244.0.0/16',
  serviceSubnet: '10.96.0.0/12',
  nodePorts: [30_000, 32_767],
  clusterDomain: 'cluster.local',
  kubeletPort: 10_250,
  /** The API as pods reach it on their node. */
  apiPort: 6443,
} as const;

/** Where in the service range the two fixed addresses are: upstream's choices. */
const apiServiceOffset = 1;
const dnsServiceOffset = 10;

export const apiServiceIp = (configuration: Configuration): string => at(configuration.serviceSubnet, apiServiceOffset);
export const dnsServiceIp = (configuration: Configuration): string => at(configuration.serviceSubnet, dnsServiceOffset);
/** The host's own address among the nodes. */
export const hostAddress = (configuration: Configuration): string => at(configuration.nodeSubnet, 1);

function at(cidrText: string, offset: number): string {
  const cidr = parseCidr(cidrText);
  const ip = cidr && addressAt(cidr, offset);
  if (!ip) throw new Error(`${cidrText} has no address ${offset}`);
  return formatIp(ip);
}

/** The first node's address is the subnet's tenth, so that the low ones stay free for the host. */
const firstNodeOffset = 10;

/** Names, addresses and pod ranges of `count` nodes: `node-1` … */
export function nodesOf(count: number, nodeSubnet: string): readonly NodeConfiguration[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `node-${index + 1}`,
    address: at(nodeSubnet, firstNodeOffset + index),
    podCidr: `10.244.${index}.0/24`,
  }));
}

/** The low addresses, after the host's own. */
const firstControlPlaneOffset = 2;

/** Names and addresses of `count` control planes: `control-plane-1` … */
export function controlPlanesOf(count: number, nodeSubnet: string): readonly ControlPlaneConfiguration[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `control-plane-${index + 1}`,
    address: at(nodeSubnet, firstControlPlaneOffset + index),
  }));
}

/** Where the servers of all control planes listen. */
export const apiServersOf = ({ controlPlanes = [] }: Configuration): readonly { host: string; port: number }[] =>
  controlPlanes.map(({ address }) => ({ host: address, port: defaults.apiPort }));

/** Undefined when there is no cluster here. Throws with the file's name when it cannot be used. */
export async function readConfiguration(world: World, layout: Layout): Promise<Configuration | undefined> {
  const text = await world.disk.readText(layout.configuration);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${layout.configuration} is damaged: ${(cause as Error).message}`, { cause });
  }
  const configuration = value as Partial<Configuration> | null;
  const complete =
    typeof configuration?.id === 'string' &&
    typeof configuration.port === 'number' &&
    (configuration.nodeKind === 'containers' || configuration.nodeKind === 'simulated') &&
    Array.isArray(configuration.nodes) &&
    typeof configuration.nodeSubnet === 'string' &&
    typeof configuration.podSubnet === 'string' &&
    typeof configuration.serviceSubnet === 'string' &&
    Array.isArray(configuration.nodePorts) &&
    typeof configuration.clusterDomain === 'string' &&
    (configuration.etcd === undefined || Array.isArray(configuration.etcd.servers)) &&
    (configuration.encryptionConfig === undefined || typeof configuration.encryptionConfig === 'string') &&
    (configuration.etcdListen === undefined || Array.isArray(configuration.etcdListen)) &&
    (configuration.controlPlanes === undefined || Array.isArray(configuration.controlPlanes));
  if (!complete) throw new Error(`${layout.configuration} is damaged: fields are missing`);
  return configuration as Configuration;
}

export async function writeConfiguration(world: World, layout: Layout, configuration: Configuration): Promise<void> {
  await world.disk.write(layout.configuration, `${JSON.stringify(configuration, undefined, 2)}\n`, { mode: 0o600 });
}
