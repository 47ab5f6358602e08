/**
 * Endpoints: the addresses behind a Service, in the old form that EndpointSlices replace.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { endpointsCauses, endpointsWarnings } from './endpoints-validation.ts';

const shownMax = 3;

function formatEndpoints(subsets: readonly EndpointSubset[] | undefined): string {
  const all: string[] = [];
  for (const { addresses = [], ports = [] } of subsets ?? []) {
    if (ports.length === 0) all.push(...addresses.map(({ ip }) => ip));
    for (const { port } of ports)
      for (const { ip } of addresses) all.push(ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
  }
  if (all.length === 0) return '<none>';
  const shown = all.slice(0, shownMax).join(',');
  return all.length > shownMax ? `${shown} + ${all.length - shownMax} more...` : shown;
}

export const endpointAddress = struct(
  'core.v1.EndpointAddress',
  {
    ip: s.string(1).ruled().doc('The address.'),
    hostname: s.string(3).optional().doc('Host name of this endpoint.'),
    nodeName: s.string(4).keepsZero().optional().doc('The node it runs on.'),
    targetRef: s.field(2, objectReference).optional().doc('The pod.'),
  },
  { doc: 'One address behind a Service.' },
);
export interface EndpointAddress extends Of<typeof endpointAddress> {}

export const endpointPort = struct(
  'core.v1.EndpointPort',
  {
    name: s.string(1).optional().doc("Name of the Service's port."),
    port: s.int32(2).doc('Number of the port.'),
    protocol: s.oneOf(3, 'TCP', 'UDP', 'SCTP').default('TCP').doc('TCP, UDP or SCTP.'),
    appProtocol: s.string(4).keepsZero().optional().doc('A hint what is spoken over the port.'),
  },
  { doc: 'One port behind a Service.' },
);
export interface EndpointPort extends Of<typeof endpointPort> {}

export const endpointSubset = struct(
  'core.v1.EndpointSubset',
  {
    addresses: s.list(1, endpointAddress).optional().doc('Addresses that are ready.'),
    notReadyAddresses: s.list(2, endpointAddress).optional().doc('Addresses that are not ready.'),
    ports: s.list(3, endpointPort).optional().doc('Ports of all these addresses.'),
  },
  { doc: 'Addresses that share the same ports.' },
);
export interface EndpointSubset extends Of<typeof endpointSubset> {}

export const Endpoints = resource({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  scope: 'Namespaced',
  storagePrefix: 'services/endpoints',
  deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [
    nameColumn,
    {
      name: 'Endpoints',
      type: 'string',
      description: 'Addresses and ports.',
      cell: ({ subsets }) => formatEndpoints(subsets),
    },
    ageColumn,
  ],
  hooks: {
    validateCreate: (endpoints) => [...endpointsCauses(endpoints)],
    warnings: (endpoints) => [...endpointsWarnings(endpoints)],
  },
  name: 'core.v1.Endpoints',
  doc: 'The addresses behind a Service. EndpointSlices replace it.',
  fields: {
    subsets: s
      .list(2, endpointSubset)
      .optional()
      .doc('Addresses and ports; the endpoints are all combinations in each subset.'),
  },
});
export type Endpoints = ObjectOf<typeof Endpoints>;
