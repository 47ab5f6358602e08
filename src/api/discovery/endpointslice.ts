/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { objectReference } from '../core/references.ts';

export const endpointConditions = struct('discovery.v1.EndpointConditions', {
  ready: s.boolean(1).optional().doc(''),
  serving: s.boolean(2).optional().doc(''),
  terminating: s.boolean(3).optional().doc(''),
});
export interface EndpointConditions extends Of<typeof endpointConditions> {}

export const forZone = struct('discovery.v1.ForZone', {
  name: s.string(1).doc(''),
});
export interface ForZone extends Of<typeof forZone> {}

export const forNode = struct('discovery.v1.ForNode', {
  name: s.string(1).doc(''),
});
export interface ForNode extends Of<typeof forNode> {}

export const endpointHints = struct('discovery.v1.EndpointHints', {
  forZones: s.list(1, forZone).optional().doc(''),
  forNodes: s.list(2, forNode).optional().doc(''),
});
export interface EndpointHints extends Of<typeof endpointHints> {}

export const endpoint = struct('discovery.v1.Endpoint', {
  addresses: s.list(1, t.string, { list: 'set' }).doc(''),
  conditions: s.field(2, endpointConditions).default({}).doc(''),
  hostname: s.string(3).optional().doc(''),
  targetRef: s.field(4, objectReference).optional().doc(''),
  deprecatedTopology: s.map(5, t.string).optional().doc(''),
  nodeName: s.string(6).optional().doc(''),
  zone: s.string(7).optional().doc(''),
  hints: s.field(8, endpointHints).optional().doc(''),
});
export interface Endpoint extends Of<typeof endpoint> {}

export const endpointPort = struct('discovery.v1.EndpointPort', {
  name: s.string(1).default('').doc(''),
  protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').default('TCP').doc(''),
  port: s.int32(3).optional().doc(''),
  appProtocol: s.string(4).optional().doc(''),
});
export interface EndpointPort extends Of<typeof endpointPort> {}

export const EndpointSlice = resource({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  name: 'discovery.v1.EndpointSlice',
  doc: '',
  fields: {
    addressType: s.oneOf(4, 'IPv4', 'IPv6', 'FQDN').immutable().doc(''),
    endpoints: s.list(2, endpoint).default([]).doc(''),
    ports: s.list(3, endpointPort).default([]).doc(''),
  },
});
export type EndpointSlice = ObjectOf<typeof EndpointSlice>;
