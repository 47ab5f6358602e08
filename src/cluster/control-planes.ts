/**
 * Several control planes on one host: each is a machine of its own with a member of etcd and a server process. What belongs to them is said here: who is who, how a member
 * is started, how it is asked. Loaded only for clusters that have them.
 */
import { join } from 'node:path';
import type { TlsIdentity, World } from '#world/world.ts';
import type { Configuration, ControlPlaneConfiguration } from './configuration.ts';
import type { EtcdConfiguration } from './etcd.ts';
import { apiServerCertificate } from './identities.ts';
import type { Layout } from './layout.ts';
import { openAuthority } from './pki.ts';

const clientPort = 2379;
const peerPort = 2380;

/** Etcd's own authority: only who is meant to may speak with it, which the cluster's many certificates do not say. */
const etcdDirectory = 'etcd';
const apiServerClient = 'apiserver-client';

/** The cluster's etcd, as the server of `plane` (or somebody on the host) reaches it: its own member first. */
export function etcdOf(
  layout: Layout,
  { controlPlanes = [] }: Configuration,
  plane?: ControlPlaneConfiguration,
): EtcdConfiguration {
  const urlOf = ({ address }: ControlPlaneConfiguration): string => `https://${address}:${clientPort}`;
  const others = controlPlanes.filter(({ name }) => name !== plane?.name);
  const directory = join(layout.pki, etcdDirectory);
  return {
    servers: [...(plane ? [plane] : []), ...others].map(urlOf),
    caFile: join(directory, 'ca.crt'),
    certFile: join(directory, `${apiServerClient}.crt`),
    keyFile: join(directory, `${apiServerClient}.key`),
  };
}

export interface ControlPlaneIdentities {
  /** Who opens node ports on the host. */
  readonly hostPorts: TlsIdentity;
  /** By name of the control plane. */
  readonly servers: ReadonlyMap<string, TlsIdentity>;
}

/** Opens the identities of all control planes and their etcd, issuing what is missing or about to expire. */
export async function openControlPlaneIdentities(
  world: World,
  layout: Layout,
  configuration: Configuration,
): Promise<ControlPlaneIdentities> {
  const { controlPlanes = [] } = configuration;
  const authority = await openAuthority(world, layout.pki);
  const etcd = await openAuthority(world, join(layout.pki, etcdDirectory));
  await etcd.issue(apiServerClient, { commonName: 'kube-apiserver-etcd-client', usage: 'client' });
  const hostPorts = await authority.issue('host-ports', {
    commonName: 'system:kube-proxy',
    organizations: ['system:node-proxier'],
    usage: 'client',
  });
  const servers = new Map<string, TlsIdentity>();
  for (const { name, address } of controlPlanes) {
    await world.disk.makeDirectory(join(layout.pki, name), { mode: 0o700 });
    await world.disk.makeDirectory(join(layout.pki, etcdDirectory, name), { mode: 0o700 });
    const member = { commonName: name, dnsNames: ['localhost', name], ipAddresses: [address, '127.0.0.1'] };
    // Etcd's gateway for JSON is a client of its own server, and every peer is both.
    await etcd.issue(join(name, 'server'), { ...member, usage: 'both' });
    await etcd.issue(join(name, 'peer'), { ...member, usage: 'both' });
    const certificate = apiServerCertificate(configuration, { name, address });
    servers.set(name, await authority.issue(join(name, 'apiserver'), certificate));
  }
  return { hostPorts, servers };
}

/** Runs the member of `plane`, on its machine. */
export function etcdCommand(
  layout: Layout,
  { id, controlPlanes = [] }: Configuration,
  { name, address }: ControlPlaneConfiguration,
): readonly string[] {
  const pki = join(layout.pki, etcdDirectory);
  const client = `https://${address}:${clientPort}`;
  const peer = `https://${address}:${peerPort}`;
  const members = controlPlanes.map((each) => `${each.name}=https://${each.address}:${peerPort}`);
  const flags: Readonly<Record<string, string>> = {
    name,
    'data-dir': layout.controlPlane(name).etcdData,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': members.join(','),
    'initial-cluster-token': `k8ts-${id}`,
    'trusted-ca-file': join(pki, 'ca.crt'),
    'cert-file': join(pki, name, 'server.crt'),
    'key-file': join(pki, name, 'server.key'),
    'client-cert-auth': 'true',
    'peer-trusted-ca-file': join(pki, 'ca.crt'),
    'peer-cert-file': join(pki, name, 'peer.crt'),
    'peer-key-file': join(pki, name, 'peer.key'),
    'peer-client-cert-auth': 'true',
    // Newer etcd's own default: fewer entries in memory.
    'snapshot-count': '10000',
    logger: 'zap',
    'log-level': 'warn',
  };
  return ['etcd', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

/** What a member says of itself; undefined when it does not answer. */
export async function memberStatus(
  world: World,
  layout: Layout,
  configuration: Configuration,
  plane: ControlPlaneConfiguration,
): Promise<{ readonly leads: boolean; readonly bytes: number } | undefined> {
  const { servers, caFile = '', certFile = '', keyFile = '' } = etcdOf(layout, configuration, plane);
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((path) => world.disk.readText(path)));
  if (ca === undefined || cert === undefined || key === undefined) return undefined;
  try {
    const response = await world.network.request({
      method: 'POST',
      url: `${servers[0]}/v3/maintenance/status`,
      headers: { 'content-type': 'application/json' },
      body: '{}',
      tls: { ca, identity: { cert, key } },
      timeoutMs: statusTimeoutMs,
    });
    const status = JSON.parse((await response.bytes(statusBytesMax)).toString('utf8')) as {
      readonly header?: { readonly member_id?: string };
      readonly leader?: string;
      readonly dbSizeInUse?: string;
    };
    const leads = status.leader !== undefined && status.leader === status.header?.member_id;
    return { leads, bytes: Number(status.dbSizeInUse ?? 0) };
  } catch (error) {
    world.log.debug('a member of etcd does not answer', { member: plane.name, error: String(error) });
    return undefined;
  }
}

const statusTimeoutMs = 2_000;
const statusBytesMax = 64 * 1024;
