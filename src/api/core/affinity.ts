/** */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { nodeSelector, nodeSelectorTerm } from './node-selector.ts';

export const preferredSchedulingTerm = struct('core.v1.PreferredSchedulingTerm', {
  weight: s.int32(1).doc(''),
  preference: s.field(2, nodeSelectorTerm).doc(''),
});
export interface PreferredSchedulingTerm extends Of<typeof preferredSchedulingTerm> {}

export const nodeAffinity = struct('core.v1.NodeAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: s.field(1, nodeSelector).optional().doc(''),
  preferredDuringSchedulingIgnoredDuringExecution: s.list(2, preferredSchedulingTerm).optional().doc(''),
});
export interface NodeAffinity extends Of<typeof nodeAffinity> {}

export const podAffinityTerm = struct('core.v1.PodAffinityTerm', {
  labelSelector: s.field(1, labelSelector).optional().doc(''),
  namespaces: s.list(2, t.string).optional().doc(''),
  topologyKey: s.string(3).doc(''),
  namespaceSelector: s.field(4, labelSelector).optional().doc(''),
  matchLabelKeys: s.list(5, t.string).optional().doc(''),
  mismatchLabelKeys: s.list(6, t.string).optional().doc(''),
});
export interface PodAffinityTerm extends Of<typeof podAffinityTerm> {}

export const weightedPodAffinityTerm = struct('core.v1.WeightedPodAffinityTerm', {
  weight: s.int32(1).doc(''),
  podAffinityTerm: s.field(2, podAffinityTerm).doc(''),
});
export interface WeightedPodAffinityTerm extends Of<typeof weightedPodAffinityTerm> {}

export const podAffinity = struct('core.v1.PodAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: s.list(1, podAffinityTerm).optional().doc(''),
  preferredDuringSchedulingIgnoredDuringExecution: s.list(2, weightedPodAffinityTerm).optional().doc(''),
});
export interface PodAffinity extends Of<typeof podAffinity> {}

export const podAntiAffinity = struct('core.v1.PodAntiAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: s.list(1, podAffinityTerm).optional().doc(''),
  preferredDuringSchedulingIgnoredDuringExecution: s.list(2, weightedPodAffinityTerm).optional().doc(''),
});
export interface PodAntiAffinity extends Of<typeof podAntiAffinity> {}

export const affinity = struct('core.v1.Affinity', {
  nodeAffinity: s.field(1, nodeAffinity).optional().doc(''),
  podAffinity: s.field(2, podAffinity).optional().doc(''),
  podAntiAffinity: s.field(3, podAntiAffinity).optional().doc(''),
});
export interface Affinity extends Of<typeof affinity> {}
