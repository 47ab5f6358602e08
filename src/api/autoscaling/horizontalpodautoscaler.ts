/**
 * HorizontalPodAutoscaler (autoscaling/v2): sets the size of something by metrics. This is the version that is stored; v1 shows the same
 * objects (`horizontalpodautoscaler-v1.ts`). Declares fields and defaults; metrics stand in `metrics.ts`, rules in `hpa-validation.ts`.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type DraftOf, type Of } from '#schema/type.ts';
import { hpaColumns, type HpaView } from './hpa-columns.ts';
import { hpaCauses, hpaStatusCauses } from './hpa-validation.ts';
import { crossVersionObjectReference, metricSpec, metricStatus } from './metrics.ts';

export const hpaScalingPolicy = struct(
  'autoscaling.v2.HPAScalingPolicy',
  {
    type: s.string(1).optional().doc('Pods for a number, Percent for a part of the present size.'),
    value: s.int32(2).default(0).doc('How many pods, or what part, may come or go in the period.'),
    periodSeconds: s.int32(3).default(0).doc('Length of the period, 1 to 1800 seconds.'),
  },
  { doc: 'One limit on how fast the size changes.' },
);
export interface HPAScalingPolicy extends Of<typeof hpaScalingPolicy> {}

export const hpaScalingRules = struct(
  'autoscaling.v2.HPAScalingRules',
  {
    stabilizationWindowSeconds: s
      .int32(3)
      .keepsZero()
      .optional()
      .doc('How far back recommendations count, 0 to 3600 seconds: the safest of them is taken.'),
    selectPolicy: s
      .string(1)
      .keepsZero()
      .optional()
      .doc('Which policy counts: Max, Min, or Disabled to forbid this direction.'),
    policies: s
      .list(2, hpaScalingPolicy)
      .keepsZero()
      .optional()
      .doc('Limits on how fast the size changes; at least one.'),
    tolerance: s
      .quantity(4)
      .optional()
      .doc('How far a metric may be off its target, as a fraction, before anything happens; 0.1 by default.'),
  },
  { doc: 'How the size changes in one direction.' },
);
export interface HPAScalingRules extends Of<typeof hpaScalingRules> {}

export const horizontalPodAutoscalerBehavior = struct(
  'autoscaling.v2.HorizontalPodAutoscalerBehavior',
  {
    scaleUp: s.field(1, hpaScalingRules).optional().doc('How it grows; quickly by default.'),
    scaleDown: s.field(2, hpaScalingRules).optional().doc('How it shrinks; after five quiet minutes by default.'),
  },
  { doc: 'How fast the size changes.' },
);
export interface HorizontalPodAutoscalerBehavior extends Of<typeof horizontalPodAutoscalerBehavior> {}

export const horizontalPodAutoscalerSpec = struct(
  'autoscaling.v2.HorizontalPodAutoscalerSpec',
  {
    scaleTargetRef: s
      .field(1, crossVersionObjectReference)
      .doc('What is scaled: an object with the scale subresource.'),
    minReplicas: s
      .int32(2)
      .keepsZero()
      .min(0)
      .default(1)
      .doc('The smallest size; 0 needs an Object or External metric.'),
    maxReplicas: s.int32(3).doc('The greatest size; at least minReplicas.'),
    metrics: s
      .list(4, metricSpec)
      .optional()
      .doc('The metrics; the one that asks for the greatest size counts. 80% of the requested CPU by default.'),
    behavior: s.field(5, horizontalPodAutoscalerBehavior).optional().doc('How fast the size changes.'),
  },
  { doc: 'What is scaled, and by what.' },
);
export interface HorizontalPodAutoscalerSpec extends Of<typeof horizontalPodAutoscalerSpec> {}

export const horizontalPodAutoscalerCondition = struct(
  'autoscaling.v2.HorizontalPodAutoscalerCondition',
  {
    type: s.string(1).doc('What is observed: ScalingActive, AbleToScale, ScalingLimited or ScaledToZero.'),
    status: s.string(2).doc('Whether it holds: True, False or Unknown.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
    observedGeneration: s.int64(6).keepsZero().optional().doc('The metadata.generation that this condition speaks of.'),
  },
  { doc: "One aspect of the autoscaler's state." },
);
export interface HorizontalPodAutoscalerCondition extends Of<typeof horizontalPodAutoscalerCondition> {}

export const horizontalPodAutoscalerStatus = struct(
  'autoscaling.v2.HorizontalPodAutoscalerStatus',
  {
    observedGeneration: s.int64(1).keepsZero().optional().doc('The metadata.generation that this status speaks of.'),
    lastScaleTime: s.time(2).optional().doc('When the size was last changed.'),
    currentReplicas: s.int32(3).optional().doc('The size that was last seen.'),
    desiredReplicas: s.int32(4).default(0).doc('The size that was last computed.'),
    currentMetrics: s.list(5, metricStatus).optional().doc('What the metrics were.'),
    conditions: s
      .list(6, horizontalPodAutoscalerCondition, {
        list: 'map',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);
export interface HorizontalPodAutoscalerStatus extends Of<typeof horizontalPodAutoscalerStatus> {}

/** Upstream's autoscaler has always meant this when nothing is said. */
export const defaultCpuUtilization = 80;
const defaultMetrics = [
  {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultCpuUtilization } },
  },
] as const;

type RulesDraft = DraftOf<typeof hpaScalingRules>;
const upDefaults: RulesDraft = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
/** Without a window: that is a setting of the controller manager. */
const downDefaults: RulesDraft = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

const isComplete = (rules: RulesDraft | undefined, defaults: RulesDraft): boolean =>
  rules !== undefined && Object.keys(defaults).every((key) => rules[key as keyof RulesDraft] !== undefined);

/** Metrics when there are none; both directions of a behavior when there is one. */
export function fillSpec<S extends DraftOf<typeof horizontalPodAutoscalerSpec>>(draft: S): S {
  const { metrics, behavior } = draft;
  const needsMetrics = (metrics?.length ?? 0) === 0;
  const needsBehavior =
    behavior !== undefined &&
    !(isComplete(behavior.scaleUp, upDefaults) && isComplete(behavior.scaleDown, downDefaults));
  if (!needsMetrics && !needsBehavior) return draft;
  return {
    ...draft,
    ...(needsMetrics ? { metrics: defaultMetrics } : {}),
    ...(needsBehavior
      ? {
          behavior: {
            scaleUp: { ...upDefaults, ...behavior.scaleUp },
            scaleDown: { ...downDefaults, ...behavior.scaleDown },
          },
        }
      : {}),
  };
}

export const HorizontalPodAutoscaler = resource({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: hpaColumns((object) => object as AnyObject & HpaView),
  hooks: {
    validateCreate: ({ spec }) => [...hpaCauses(spec)],
    validateStatus: ({ status }) => [...hpaStatusCauses(status)],
    fill: (draft) => {
      if (draft.spec === undefined) return draft;
      const spec = fillSpec(draft.spec);
      return spec === draft.spec ? draft : { ...draft, spec };
    },
    prepareCreate: (autoscaler) => ({ ...autoscaler, status: { desiredReplicas: 0 } }),
  },
  name: 'autoscaling.v2.HorizontalPodAutoscaler',
  doc: 'Sets the size of a Deployment, StatefulSet or the like by what metrics say.',
  fields: {
    spec: s
      .field(2, horizontalPodAutoscalerSpec)
      .default({} as never)
      .doc('What is scaled, and by what.'),
    status: s.field(3, horizontalPodAutoscalerStatus).default({}).doc('What was last seen.'),
  },
});
export type HorizontalPodAutoscaler = ObjectOf<typeof HorizontalPodAutoscaler>;
