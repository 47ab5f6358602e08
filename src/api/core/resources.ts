/**
 * Requests and limits.
 */
import { s, struct, t, type Of } from '#schema/type.ts';

export const resourceClaim = struct(
  'core.v1.ResourceClaim',
  {
    name: s.string(1).ruled().doc('Name of the entry.'),
    request: s.string(2).optional().doc('One request of the claim; all of it when empty.'),
  },
  { doc: "An entry of the pod's resourceClaims that a container uses." },
);
export interface ResourceClaim extends Of<typeof resourceClaim> {}

export const resourceRequirements = struct(
  'core.v1.ResourceRequirements',
  {
    limits: s.map(1, t.quantity).optional().doc('The most that may be used.'),
    requests: s.map(2, t.quantity).optional().doc('The least that is reserved; the limits when absent.'),
    claims: s
      .list(3, resourceClaim, { list: 'map', duplicates: 'allowed', keys: ['name'] })
      .optional()
      .doc('Claims of the pod that the container uses.'),
  },
  { doc: 'Compute resources.' },
);
export interface ResourceRequirements extends Of<typeof resourceRequirements> {}

export const volumeResourceRequirements = struct(
  'core.v1.VolumeResourceRequirements',
  {
    limits: s.map(1, t.quantity).optional().doc('The most that may be provided.'),
    requests: s.map(2, t.quantity).optional().doc('The least that is needed.'),
  },
  { doc: 'Storage resources.' },
);
export interface VolumeResourceRequirements extends Of<typeof volumeResourceRequirements> {}
