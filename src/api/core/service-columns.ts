/** What `kubectl get services` shows; texts are those of upstream's printService. */
import type { ObjectMeta } from '#meta/object-meta.ts';
import { ageColumn, formatLabels, nameColumn } from '../columns.ts';
import type { ServicePort, ServiceSpec, ServiceStatus } from './service.ts';

interface ServiceLike {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
  readonly status: ServiceStatus;
}

/** A longer list of load balancer addresses is cut, except with `-o wide`, which the server does not hear of. */
const addressesMax = 16;

function externalAddress({ spec, status }: ServiceLike): string {
  const externalIPs = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return externalIPs.length > 0 ? externalIPs.join(',') : '<none>';
    case 'LoadBalancer': {
      const ingress = [...new Set((status.loadBalancer.ingress ?? []).map((one) => one.ip || one.hostname || ''))]
        .filter(Boolean)
        .sort()
        .join(',');
      const shown = ingress.length > addressesMax ? `${ingress.slice(0, addressesMax - 3)}...` : ingress;
      if (externalIPs.length > 0) return [...(shown ? [shown] : []), ...externalIPs].join(',');
      return shown || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      spec.type satisfies never;
      return '<unknown>';
  }
}

function ports(list: readonly ServicePort[] | undefined): string {
  const texts = (list ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return texts.length > 0 ? texts.join(',') : '<none>';
}

export const serviceColumns = [
  nameColumn,
  {
    name: 'Type',
    type: 'string',
    description: 'How the Service is reached.',
    cell: (service: ServiceLike) => service.spec.type,
  },
  {
    name: 'Cluster-IP',
    type: 'string',
    description: 'Virtual address inside the cluster.',
    cell: (service: ServiceLike) => service.spec.clusterIPs?.[0] ?? service.spec.clusterIP ?? '<none>',
  },
  {
    name: 'External-IP',
    type: 'string',
    description: 'Addresses outside the cluster.',
    cell: externalAddress,
  },
  {
    name: 'Port(s)',
    type: 'string',
    description: 'Ports of the Service.',
    cell: (service: ServiceLike) => ports(service.spec.ports),
  },
  ageColumn,
  {
    name: 'Selector',
    type: 'string',
    priority: 1,
    description: 'Labels of the pods that get the traffic.',
    cell: (service: ServiceLike) => formatLabels(service.spec.selector),
  },
] as const;
