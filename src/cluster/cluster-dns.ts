/**
 * The Service `kube-dns` and what belongs to it: every node's agent answers on its address, so it has no pods behind it; its endpoints are the nodes themselves.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import { Service } from '#api/core/service.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { EndpointSlice } from '#api/discovery/endpointslice.ts';
import type { AnyKind } from '#client/client.ts';
import type { ApiServer } from '#apiserver/server.ts';
import { untilAgreed } from '#apiserver/bootstrap/bootstrap.ts';
import { loopback } from '#apiserver/user.ts';
import { dnsServiceIp, type Configuration } from './configuration.ts';

interface DraftNamed {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

const namespace = 'kube-system';
const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' as const },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' as const },
];

export async function publishClusterDns(server: ApiServer, configuration: Configuration): Promise<void> {
  if (configuration.nodeKind === 'simulated') return; // Nobody could ask it.
  await untilAgreed(() => publish(server, configuration));
}

async function publish(server: ApiServer, configuration: Configuration): Promise<void> {
  const client = server.client(loopback, 'k8ts');
  const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' };
  // Asked first: a Service that is there already would be refused for its address, not for its name.
  const ensure = async (kind: typeof Service | typeof ServiceAccount, draft: DraftNamed): Promise<void> => {
    try {
      await client.get(kind as AnyKind, draft.metadata.name, { namespace });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      await client.create(kind as AnyKind, draft);
    }
  };
  const service = {
    metadata: { name: 'kube-dns', namespace, labels },
    spec: { clusterIP: dnsServiceIp(configuration), ports: ports.map((port) => ({ ...port, targetPort: 53 })) },
  };
  await ensure(ServiceAccount, { metadata: { name: 'coredns', namespace } });
  await ensure(Service, service);
  const slice = {
    metadata: {
      name: 'kube-dns',
      namespace,
      labels: { 'kubernetes.io/service-name': 'kube-dns', 'endpointslice.kubernetes.io/managed-by': 'k8ts.dev' },
    },
    addressType: 'IPv4',
    endpoints: configuration.nodes.map(({ name, address }) => ({
      addresses: [address],
      nodeName: name,
      conditions: { ready: true, serving: true, terminating: false },
    })),
    ports,
  };
  try {
    const present = await client.get(EndpointSlice, 'kube-dns', { namespace });
    if (!deepEqual(present.endpoints, slice.endpoints))
      await client.update(EndpointSlice, { ...present, endpoints: slice.endpoints } as never);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    await client.create(EndpointSlice, slice as never);
  }
}
