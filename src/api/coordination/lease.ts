/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';

export const leaseSpec = struct('coordination.v1.LeaseSpec', {
  holderIdentity: s.string(1).optional().doc(''),
  leaseDurationSeconds: s.int32(2).optional().doc(''),
  acquireTime: s.microTime(3).optional().doc(''),
  renewTime: s.microTime(4).optional().doc(''),
  leaseTransitions: s.int32(5).optional().doc(''),
});
export interface LeaseSpec extends Of<typeof leaseSpec> {}

export const Lease = resource({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  name: 'coordination.v1.Lease',
  doc: '',
  fields: {
    spec: s.field(2, leaseSpec).default({}).doc(''),
  },
});
export type Lease = ObjectOf<typeof Lease>;
