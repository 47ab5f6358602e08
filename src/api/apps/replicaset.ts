/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';

export const replicaSetSpec = struct('apps.v1.ReplicaSetSpec', {
  replicas: s.int32(1).default(1).doc(''),
  minReadySeconds: s.int32(4).optional().doc(''),
  selector: s.field(2, labelSelector).doc(''),
  template: s
    .field(3, podTemplateSpec)
    .default({} as never)
    .doc(''),
});
export interface ReplicaSetSpec extends Of<typeof replicaSetSpec> {}

export const replicaSetCondition = struct('apps.v1.ReplicaSetCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastTransitionTime: s.time(3).optional().doc(''),
  reason: s.string(4).optional().doc(''),
  message: s.string(5).optional().doc(''),
});
export interface ReplicaSetCondition extends Of<typeof replicaSetCondition> {}

export const replicaSetStatus = struct('apps.v1.ReplicaSetStatus', {
  replicas: s.int32(1).default(0).doc(''),
  fullyLabeledReplicas: s.int32(2).optional().doc(''),
  readyReplicas: s.int32(4).optional().doc(''),
  availableReplicas: s.int32(5).optional().doc(''),
  terminatingReplicas: s.int32(7).optional().doc(''),
  observedGeneration: s.int64(3).optional().doc(''),
  conditions: s
    .list(6, replicaSetCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
});
export interface ReplicaSetStatus extends Of<typeof replicaSetStatus> {}

export const ReplicaSet = resource({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: {
    status: true,
    scale: { replicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  },
  name: 'apps.v1.ReplicaSet',
  doc: '',
  fields: {
    spec: s
      .field(2, replicaSetSpec)
      .default({} as never)
      .doc(''),
    status: s.field(3, replicaSetStatus).default({}).doc(''),
  },
});
export type ReplicaSet = ObjectOf<typeof ReplicaSet>;
