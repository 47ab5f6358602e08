/**
 * Taints, tolerations and topology spread.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

export const toleration = struct(
  'core.v1.Toleration',
  {
    key: s.string(1).optional().doc('Key of the taint; empty with Exists means every taint.'),
    operator: s.oneOf(2, 'Exists', 'Equal').optional().doc('Equal (the default) or Exists.'),
    value: s.string(3).optional().doc('Value of the taint, for Equal.'),
    effect: s
      .oneOf(4, ...taintEffects)
      .inOrder()
      .optional()
      .doc('Effect of the taint; empty means every effect.'),
    tolerationSeconds: s
      .int64(5)
      .keepsZero()
      .optional()
      .doc('For NoExecute: how long the pod stays after the taint appears; for ever when absent.'),
  },
  { doc: 'Taints the pod can live with.' },
);
export interface Toleration extends Of<typeof toleration> {}

export const taint = struct(
  'core.v1.Taint',
  {
    key: s.string(1).ruled().doc('Key of the taint.'),
    value: s.string(2).optional().doc('Value of the taint.'),
    effect: s
      .oneOf(3, ...taintEffects)
      .ruled()
      .doc('NoSchedule, PreferNoSchedule or NoExecute.'),
    timeAdded: s.time(4).optional().doc('When it was added.'),
  },
  { doc: 'Keeps pods away that do not tolerate it.' },
);
export interface Taint extends Of<typeof taint> {}

export const topologySpreadConstraint = struct(
  'core.v1.TopologySpreadConstraint',
  {
    maxSkew: s.int32(1).ruled().doc('How much the fullest place may differ from the emptiest.'),
    topologyKey: s
      .string(2)
      .requiredAs('can not be empty')
      .doc('Nodes with the same value of this label are one place.'),
    whenUnsatisfiable: s.oneOf(3, 'DoNotSchedule', 'ScheduleAnyway').listed().doc('DoNotSchedule or ScheduleAnyway.'),
    labelSelector: s.field(4, labelSelector).optional().doc('Which pods are counted.'),
    minDomains: s.int32(5).keepsZero().optional().doc('The least number of places to expect; only with DoNotSchedule.'),
    nodeAffinityPolicy: s
      .oneOf(6, 'Ignore', 'Honor')
      .keepsZero()
      .optional()
      .doc("Whether nodes outside the pod's node affinity are counted: Honor or Ignore."),
    nodeTaintsPolicy: s
      .oneOf(7, 'Ignore', 'Honor')
      .keepsZero()
      .optional()
      .doc('Whether nodes with taints the pod does not tolerate are left out: Honor or Ignore.'),
    matchLabelKeys: s
      .list(8, t.string)
      .optional()
      .doc("Count only pods that have the incoming pod's values of these labels."),
  },
  { doc: 'How evenly matching pods are spread over places.' },
);
export interface TopologySpreadConstraint extends Of<typeof topologySpreadConstraint> {}
