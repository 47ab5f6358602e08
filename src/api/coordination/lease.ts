/**
 * Lease: a lock with a time limit, for node heartbeats and leader election.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { invalidValue } from '#meta/causes.ts';

export const leaseSpec = struct(
  'coordination.v1.LeaseSpec',
  {
    holderIdentity: s.string(1).keepsZero().optional().doc('The present holder.'),
    leaseDurationSeconds: s
      .int32(2)
      .keepsZero()
      .optional()
      .doc('How long others wait after renewTime before they take it over.'),
    acquireTime: s.microTime(3).optional().doc('When the holder took it.'),
    renewTime: s.microTime(4).optional().doc('When the holder last renewed it.'),
    leaseTransitions: s.int32(5).keepsZero().min(0).optional().doc('How often it changed hands.'),
    strategy: s
      .oneOf(6, 'OldestEmulationVersion')
      .keepsZero()
      .off('CoordinatedLeaderElection')
      .doc('How the holder is chosen, in coordinated elections.'),
    preferredHolder: s
      .string(7)
      .keepsZero()
      .off('CoordinatedLeaderElection')
      .doc('Who the holder should hand over to.'),
  },
  { doc: 'Who holds the lease, and for how long.' },
);
export interface LeaseSpec extends Of<typeof leaseSpec> {}

export const Lease = resource({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  columns: [
    nameColumn,
    {
      name: 'Holder',
      type: 'string',
      description: 'The present holder.',
      cell: ({ spec }) => spec.holderIdentity ?? '',
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    validateCreate: ({ spec }) =>
      spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
        ? [invalidValue('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0')]
        : [],
  },
  name: 'coordination.v1.Lease',
  doc: 'A lock with a time limit: node heartbeats and leader election.',
  fields: {
    spec: s.field(2, leaseSpec).default({}).doc('Who holds the lease.'),
  },
});
export type Lease = ObjectOf<typeof Lease>;
