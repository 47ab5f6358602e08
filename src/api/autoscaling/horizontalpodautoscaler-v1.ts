/**
 * HorizontalPodAutoscaler (autoscaling/v1): the first face of the stored v2 object. It knows the CPU of pods; everything else is carried in
 * annotations by `hpa-conversion.ts`, so that a client of v1 loses nothing it does not know. Rules and columns are those of v2.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { resource, type Kind, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { HorizontalPodAutoscaler as Stored } from './horizontalpodautoscaler.ts';
import { hpaColumns } from './hpa-columns.ts';
import { fromV2, toV2 } from './hpa-conversion.ts';
import { hpaCauses, hpaStatusCauses } from './hpa-validation.ts';

type StoredObject = ObjectOf<typeof Stored>;

export const crossVersionObjectReference = struct(
  'autoscaling.v1.CrossVersionObjectReference',
  {
    kind: s.string(1).doc('Kind of the object.'),
    name: s.string(2).doc('Name of the object.'),
    apiVersion: s.string(3).optional().doc('API version of the object.'),
  },
  { atomic: true, doc: 'An object of the same namespace.' },
);
export interface CrossVersionObjectReference extends Of<typeof crossVersionObjectReference> {}

export const horizontalPodAutoscalerSpec = struct(
  'autoscaling.v1.HorizontalPodAutoscalerSpec',
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
    targetCPUUtilizationPercentage: s
      .int32(4)
      .keepsZero()
      .optional()
      .doc('The average CPU of the pods, in percent of what they request; 80 when no other metric is set.'),
  },
  { doc: 'What is scaled, and by what.' },
);
export interface HorizontalPodAutoscalerSpec extends Of<typeof horizontalPodAutoscalerSpec> {}

export const horizontalPodAutoscalerStatus = struct(
  'autoscaling.v1.HorizontalPodAutoscalerStatus',
  {
    observedGeneration: s.int64(1).keepsZero().optional().doc('The metadata.generation that this status speaks of.'),
    lastScaleTime: s.time(2).optional().doc('When the size was last changed.'),
    currentReplicas: s.int32(3).default(0).doc('The size that was last seen.'),
    desiredReplicas: s.int32(4).default(0).doc('The size that was last computed.'),
    currentCPUUtilizationPercentage: s
      .int32(5)
      .keepsZero()
      .optional()
      .doc('The average CPU of the pods, in percent of what they request.'),
  },
  { doc: 'What was last seen.' },
);
export interface HorizontalPodAutoscalerStatus extends Of<typeof horizontalPodAutoscalerStatus> {}

const stored = (object: AnyObject): StoredObject => toV2(object) as StoredObject;
const shown = <T extends AnyObject>(object: AnyObject): T => fromV2(object) as T;

export const HorizontalPodAutoscaler = resource({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  storedAs: { kind: () => Stored as unknown as Kind, fromStored: fromV2, toStored: toV2 },
  columns: hpaColumns(stored),
  hooks: {
    validateCreate: (autoscaler) => [...hpaCauses(stored(autoscaler).spec)],
    validateStatus: (autoscaler) => [...hpaStatusCauses(stored(autoscaler).status)],
    fill: (draft) => {
      if (draft.spec === undefined || draft.spec.targetCPUUtilizationPercentage !== undefined) return draft;
      const { spec } = shown<typeof draft & AnyObject>(toV2(draft as unknown as AnyObject));
      const target = spec?.targetCPUUtilizationPercentage;
      return target === undefined
        ? draft
        : { ...draft, spec: { ...draft.spec, targetCPUUtilizationPercentage: target } };
    },
    // Status, and what annotations carry of it, is not the client's to write here; nor is the spec where the status is written.
    prepareCreate: (autoscaler) => shown({ ...stored(autoscaler), status: { desiredReplicas: 0 } } as AnyObject),
    prepareUpdate: (autoscaler, old) => shown({ ...stored(autoscaler), status: stored(old).status } as AnyObject),
    prepareStatus: (autoscaler, old) => shown({ ...stored(autoscaler), spec: stored(old).spec } as AnyObject),
  },
  name: 'autoscaling.v1.HorizontalPodAutoscaler',
  doc: 'Sets the size of a Deployment, StatefulSet or the like by the CPU of its pods. autoscaling/v2 shows all of it.',
  fields: {
    spec: s
      .field(2, horizontalPodAutoscalerSpec)
      .default({} as never)
      .doc('What is scaled, and by what.'),
    status: s.field(3, horizontalPodAutoscalerStatus).default({}).doc('What was last seen.'),
  },
});
export type HorizontalPodAutoscaler = ObjectOf<typeof HorizontalPodAutoscaler>;
