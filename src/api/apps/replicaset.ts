/**
 * ReplicaSet: a number of equal pods. Declares fields and defaults; its rules stand in `workload-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';
import { ageColumn, containersColumn, imagesColumn, nameColumn, selectorColumn } from '../columns.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import { nameWarnings, podNames, podWarnings } from '../core/pod-warnings.ts';
import { countCauses, selectorAndTemplateCauses } from './workload-validation.ts';

export const replicaSetSpec = struct(
  'apps.v1.ReplicaSetSpec',
  {
    replicas: s.int32(1).keepsZero().min(0).default(1).doc('How many pods should exist.'),
    minReadySeconds: s.int32(4).min(0).optional().doc('Seconds a pod must stay ready to count as available.'),
    selector: s
      .field(2, labelSelector)
      .immutable()
      .doc('Labels of the pods that belong to it; must match the template and cannot be changed.'),
    template: s
      .field(3, podTemplateSpec)
      .default({} as never)
      .doc('The pod to make copies of.'),
  },
  { doc: 'Which pods there should be.' },
);
export interface ReplicaSetSpec extends Of<typeof replicaSetSpec> {}

export const replicaSetCondition = struct(
  'apps.v1.ReplicaSetCondition',
  {
    type: s.string(1).doc('What is observed.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the ReplicaSet's state." },
);
export interface ReplicaSetCondition extends Of<typeof replicaSetCondition> {}

export const replicaSetStatus = struct(
  'apps.v1.ReplicaSetStatus',
  {
    replicas: s.int32(1).default(0).doc('Pods that exist and are not terminating.'),
    fullyLabeledReplicas: s.int32(2).optional().doc('Pods that have all labels of the template.'),
    readyReplicas: s.int32(4).optional().doc('Pods that are ready.'),
    availableReplicas: s.int32(5).optional().doc('Pods that are available.'),
    terminatingReplicas: s.int32(7).keepsZero().optional().doc('Pods that are terminating.'),
    observedGeneration: s.int64(3).optional().doc('The metadata.generation that this status speaks of.'),
    conditions: s
      .list(6, replicaSetCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);
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
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', description: 'How many pods should exist.', cell: ({ spec }) => spec.replicas },
    { name: 'Current', type: 'integer', description: 'How many pods exist.', cell: ({ status }) => status.replicas },
    {
      name: 'Ready',
      type: 'integer',
      description: 'How many pods are ready.',
      cell: ({ status }) => status.readyReplicas ?? 0,
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectable: { 'status.replicas': ({ status }) => String(status.replicas) },
  hooks: {
    validateCreate: ({ spec }) => [
      ...selectorAndTemplateCauses(spec, {
        empty: 'deployment',
        kind: 'ReplicaSet',
        unusable: 'invalid label selector',
      }),
    ],
    validateStatus: ({ status }) => [
      ...countCauses(status, {
        counts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
        others: ['terminatingReplicas'],
      }),
    ],
    warnings: ({ metadata, spec }, old) => [
      ...nameWarnings(metadata, old, podNames),
      ...podWarnings('spec.template', spec.template),
    ],
    fill: (draft) => {
      if (draft.spec === undefined) return draft;
      const spec = fillTemplateOf(draft.spec);
      return spec === draft.spec ? draft : { ...draft, spec };
    },
    prepareCreate: (replicaSet) => ({ ...replicaSet, status: { replicas: 0 } }),
  },
  name: 'apps.v1.ReplicaSet',
  doc: 'Keeps a number of equal pods. Usually made by a Deployment.',
  fields: {
    spec: s
      .field(2, replicaSetSpec)
      .default({} as never)
      .doc('Which pods there should be.'),
    status: s.field(3, replicaSetStatus).default({}).doc('What was last seen.'),
  },
});
export type ReplicaSet = ObjectOf<typeof ReplicaSet>;
