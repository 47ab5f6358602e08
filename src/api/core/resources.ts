/** */
import { s, struct, t, type Of } from '#schema/type.ts';

export const resourceClaim = struct('core.v1.ResourceClaim', {
  name: s.string(1).doc(''),
  request: s.string(2).optional().doc(''),
});
export interface ResourceClaim extends Of<typeof resourceClaim> {}

export const resourceRequirements = struct('core.v1.ResourceRequirements', {
  limits: s.map(1, t.quantity).optional().doc(''),
  requests: s.map(2, t.quantity).optional().doc(''),
  claims: s
    .list(3, resourceClaim, { list: 'map', keys: ['name'] })
    .optional()
    .doc(''),
});
export interface ResourceRequirements extends Of<typeof resourceRequirements> {}

export const volumeResourceRequirements = struct('core.v1.VolumeResourceRequirements', {
  limits: s.map(1, t.quantity).optional().doc(''),
  requests: s.map(2, t.quantity).optional().doc(''),
});
export interface VolumeResourceRequirements extends Of<typeof volumeResourceRequirements> {}
