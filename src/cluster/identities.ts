/**
 * Every component's own identity, issued at `up`: nobody shares a key, nobody has more rights than upstream gives the role.
 */
import { join } from 'node:path';
import type { TlsIdentity, World } from '#world/world.ts';
import { apiServiceIp, hostAddress, type Configuration } from './configuration.ts';
import type { Layout } from './layout.ts';
import { openAuthority, openTokenKey, type CertificateRequest } from './pki.ts';

export interface Identities {
  readonly ca: string;
  readonly server: TlsIdentity;
  readonly kubeletClient: TlsIdentity;
  readonly admin: TlsIdentity;
  readonly tokenKey: { readonly privateKey: string; readonly publicKey: string };
  node(name: string): NodeIdentities;
}

export interface NodeIdentities {
  /** Client and serving certificate of the kubelet. */
  readonly kubelet: TlsIdentity;
  readonly proxy: TlsIdentity;
  readonly dns: TlsIdentity;
}

/** What an API server's certificate says: every name and address by which nodes, pods and people reach it. With `own`, those of one of several servers too. */
export function apiServerCertificate(
  configuration: Configuration,
  own?: { readonly name: string; readonly address: string },
): CertificateRequest {
  return {
    commonName: 'kube-apiserver',
    usage: 'server',
    dnsNames: [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${configuration.clusterDomain}`,
      ...(own ? [own.name] : []),
    ],
    ipAddresses: [
      '127.0.0.1',
      apiServiceIp(configuration),
      hostAddress(configuration),
      ...(own ? [own.address] : []),
      ...configuration.nodes.map(({ address }) => address),
    ],
  };
}

/** Opens all of them, issuing what is missing or about to expire. */
export async function openIdentities(world: World, layout: Layout, configuration: Configuration): Promise<Identities> {
  const authority = await openAuthority(world, layout.pki);
  const [server, kubeletClient, admin, tokenKey] = await Promise.all([
    authority.issue('apiserver', {
      ...apiServerCertificate(configuration),
    }),
    authority.issue('apiserver-kubelet-client', { commonName: 'kube-apiserver-kubelet-client', usage: 'client' }),
    authority.issue('admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'], usage: 'client' }),
    openTokenKey(world, layout.pki),
  ]);
  const nodes = new Map<string, NodeIdentities>();
  await Promise.all(
    configuration.nodes.map(async ({ name, address }) => {
      await world.disk.makeDirectory(join(layout.pki, name), { mode: 0o700 });
      const [kubelet, proxy, dns] = await Promise.all([
        authority.issue(join(name, 'kubelet'), {
          commonName: `system:node:${name}`,
          organizations: ['system:nodes'],
          usage: 'both',
          dnsNames: [name],
          ipAddresses: [...new Set([address, '127.0.0.1'])],
        }),
        authority.issue(join(name, 'kube-proxy'), {
          commonName: 'system:kube-proxy',
          organizations: ['system:node-proxier'],
          usage: 'client',
        }),
        authority.issue(join(name, 'coredns'), {
          commonName: 'system:serviceaccount:kube-system:coredns',
          usage: 'client',
        }),
      ]);
      nodes.set(name, { kubelet, proxy, dns });
    }),
  );
  return {
    ca: authority.cert,
    server,
    kubeletClient,
    admin,
    tokenKey,
    node(name) {
      const found = nodes.get(name);
      if (!found) throw new Error(`the cluster has no node ${name}`);
      return found;
    },
  };
}
