/**
 * EndpointSlice: a part of the endpoints of a Service.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { objectReference } from '../core/references.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import {
  changedEndpointCauses,
  endpointSliceCauses,
  endpointSliceWarnings,
  slicePortCauses,
} from './endpointslice-validation.ts';

const shownMax = 3;

/** The old field can be written by the old version only, which is not served. */
const withoutTopology = (endpoints: readonly Endpoint[]): readonly Endpoint[] =>
  endpoints.map(({ deprecatedTopology: _, ...endpoint }) => endpoint);

function firstOf(all: readonly string[]): string {
  if (all.length === 0) return '<unset>';
  const shown = all.slice(0, shownMax).join(',');
  return all.length > shownMax ? `${shown} + ${all.length - shownMax} more...` : shown;
}

export const endpointConditions = struct(
  'discovery.v1.EndpointConditions',
  {
    ready: s.boolean(1).keepsZero().optional().doc('Whether it should get traffic; absent counts as true.'),
    serving: s.boolean(2).keepsZero().optional().doc('Whether it answers, even while it terminates.'),
    terminating: s.boolean(3).keepsZero().optional().doc('Whether it is being ended.'),
  },
  { doc: 'State of an endpoint.' },
);
export interface EndpointConditions extends Of<typeof endpointConditions> {}

export const forZone = struct(
  'discovery.v1.ForZone',
  {
    name: s.string(1).ruled().doc('Name of the zone.'),
  },
  { doc: 'A zone that should use the endpoint.' },
);
export interface ForZone extends Of<typeof forZone> {}

export const forNode = struct(
  'discovery.v1.ForNode',
  {
    name: s.string(1).ruled().doc('Name of the node.'),
  },
  { doc: 'A node that should use the endpoint.' },
);
export interface ForNode extends Of<typeof forNode> {}

export const endpointHints = struct(
  'discovery.v1.EndpointHints',
  {
    forZones: s.list(1, forZone).optional().doc('Zones that should use it; at most 8.'),
    forNodes: s.list(2, forNode).optional().doc('Nodes that should use it; at most 8.'),
  },
  { doc: 'Who should use an endpoint.' },
);
export interface EndpointHints extends Of<typeof endpointHints> {}

export const endpoint = struct(
  'discovery.v1.Endpoint',
  {
    addresses: s
      .list(1, t.string, { list: 'set', duplicates: 'allowed' })
      .ruled()
      .doc("Its addresses, of the slice's addressType; consumers use the first."),
    conditions: s.field(2, endpointConditions).default({}).doc('Its state.'),
    hostname: s.string(3).keepsZero().optional().doc('Its host name, for DNS.'),
    targetRef: s.field(4, objectReference).optional().doc('The object it stands for, usually a pod.'),
    deprecatedTopology: s.map(5, t.string).optional().doc('Topology labels of the old v1beta1 API.'),
    nodeName: s.string(6).keepsZero().optional().doc('The node it runs on.'),
    zone: s.string(7).keepsZero().optional().doc('The zone it runs in.'),
    hints: s.field(8, endpointHints).optional().doc('Who should use it.'),
  },
  { doc: 'One backend of a Service.' },
);
export interface Endpoint extends Of<typeof endpoint> {}

export const endpointPort = struct(
  'discovery.v1.EndpointPort',
  {
    name: s.string(1).keepsZero().default('').doc("Name of the Service's port; unique in the slice."),
    protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').keepsZero().default('TCP').doc('TCP, UDP or SCTP.'),
    port: s.int32(3).keepsZero().optional().doc('Number of the port; absent means all ports.'),
    appProtocol: s.string(4).keepsZero().optional().doc('A hint what is spoken over the port.'),
  },
  { doc: 'One port of the endpoints.' },
);
export interface EndpointPort extends Of<typeof endpointPort> {}

/** Whether traffic can go to it: the API takes any number. */
export const isUsablePort = (port: number | undefined): port is number =>
  port !== undefined && port > 0 && port <= 65_535;

export const EndpointSlice = resource({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  columns: [
    nameColumn,
    { name: 'AddressType', type: 'string', description: 'IPv4, IPv6 or FQDN.', cell: ({ addressType }) => addressType },
    {
      name: 'Ports',
      type: 'string',
      description: 'Ports of the endpoints.',
      cell: ({ ports }) => firstOf(ports.map(({ port, name }) => String(port ?? (name || '*')))),
    },
    {
      name: 'Endpoints',
      type: 'string',
      description: 'Addresses of the endpoints.',
      cell: ({ endpoints }) => firstOf(endpoints.flatMap(({ addresses }) => addresses)),
    },
    ageColumn,
  ],
  hooks: {
    // Labels count as well: they say which Service the slice belongs to.
    generation: false,
    prepareCreate: (slice) => ({
      ...slice,
      metadata: { ...slice.metadata, generation: 1 },
      endpoints: withoutTopology(slice.endpoints),
    }),
    prepareUpdate: (slice, old) => {
      const endpoints = deepEqual(slice.endpoints, old.endpoints) ? old.endpoints : withoutTopology(slice.endpoints);
      const desired = ({ addressType, ports, metadata }: typeof slice, list: typeof endpoints): unknown => ({
        addressType,
        ports,
        list,
        labels: metadata.labels ?? {},
      });
      const raise = deepEqual(desired(slice, slice.endpoints), desired(old, old.endpoints)) ? 0 : 1;
      const generation = (old.metadata.generation ?? 0) + raise;
      return { ...slice, metadata: { ...slice.metadata, ...(generation > 0 ? { generation } : {}) }, endpoints };
    },
    validateCreate: (slice) =>
      slice.metadata.resourceVersion ? [...slicePortCauses(slice.ports)] : [...endpointSliceCauses(slice)],
    validateUpdate: (slice, old) => [...changedEndpointCauses(slice, old)],
    warnings: (slice, old) => [...endpointSliceWarnings(slice, old === undefined)],
  },
  name: 'discovery.v1.EndpointSlice',
  doc: 'A part of the endpoints of a Service.',
  fields: {
    addressType: s.oneOf(4, 'IPv4', 'IPv6', 'FQDN').immutable('null').doc('IPv4, IPv6 or FQDN; cannot be changed.'),
    endpoints: s.list(2, endpoint).default([]).doc('The endpoints; at most 1000.'),
    ports: s.list(3, endpointPort).default([]).doc('The ports of every endpoint in the slice; at most 100.'),
  },
});
export type EndpointSlice = ObjectOf<typeof EndpointSlice>;
