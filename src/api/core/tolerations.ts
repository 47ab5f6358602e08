/** */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';

export const toleration = struct('core.v1.Toleration', {
  key: s.string(1).optional().doc(''),
  operator: s.oneOf(2, 'Exists', 'Equal').optional().doc(''),
  value: s.string(3).optional().doc(''),
  effect: s.oneOf(4, 'NoSchedule', 'PreferNoSchedule', 'NoExecute').optional().doc(''),
  tolerationSeconds: s.int64(5).optional().doc(''),
});
export interface Toleration extends Of<typeof toleration> {}

export const taint = struct('core.v1.Taint', {
  key: s.string(1).doc(''),
  value: s.string(2).optional().doc(''),
  effect: s.oneOf(3, 'NoSchedule', 'PreferNoSchedule', 'NoExecute').doc(''),
  timeAdded: s.time(4).optional().doc(''),
});
export interface Taint extends Of<typeof taint> {}

export const topologySpreadConstraint = struct('core.v1.TopologySpreadConstraint', {
  maxSkew: s.int32(1).doc(''),
  topologyKey: s.string(2).doc(''),
  whenUnsatisfiable: s.oneOf(3, 'DoNotSchedule', 'ScheduleAnyway').doc(''),
  labelSelector: s.field(4, labelSelector).optional().doc(''),
  minDomains: s.int32(5).optional().doc(''),
  nodeAffinityPolicy: s.oneOf(6, 'Ignore', 'Honor').optional().doc(''),
  nodeTaintsPolicy: s.oneOf(7, 'Ignore', 'Honor').optional().doc(''),
  matchLabelKeys: s.list(8, t.string).optional().doc(''),
});
export interface TopologySpreadConstraint extends Of<typeof topologySpreadConstraint> {}
