/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';

export const endpointAddress = struct('core.v1.EndpointAddress', {
  ip: s.string(1).doc(''),
  hostname: s.string(3).optional().doc(''),
  nodeName: s.string(4).optional().doc(''),
  targetRef: s.field(2, objectReference).optional().doc(''),
});
export interface EndpointAddress extends Of<typeof endpointAddress> {}

export const endpointPort = struct('core.v1.EndpointPort', {
  name: s.string(1).optional().doc(''),
  port: s.int32(2).doc(''),
  protocol: s.oneOf(3, 'TCP', 'UDP', 'SCTP').default('TCP').doc(''),
  appProtocol: s.string(4).optional().doc(''),
});
export interface EndpointPort extends Of<typeof endpointPort> {}

export const endpointSubset = struct('core.v1.EndpointSubset', {
  addresses: s.list(1, endpointAddress).optional().doc(''),
  notReadyAddresses: s.list(2, endpointAddress).optional().doc(''),
  ports: s.list(3, endpointPort).optional().doc(''),
});
export interface EndpointSubset extends Of<typeof endpointSubset> {}

export const Endpoints = resource({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  scope: 'Namespaced',
  storagePrefix: 'services/endpoints',
  name: 'core.v1.Endpoints',
  doc: '',
  fields: {
    subsets: s.list(2, endpointSubset).optional().doc(''),
  },
});
export type Endpoints = ObjectOf<typeof Endpoints>;
