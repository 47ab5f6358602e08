/**
 * DaemonSet: one pod on every node that fits. Declares fields and defaults; its rules stand in `workload-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';
import { deepEqual } from '#base/deep-equal.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { ageColumn, containersColumn, formatLabels, imagesColumn, nameColumn, selectorColumn } from '../columns.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { counters, daemonSetStrategyCauses, neverLess, selectorAndTemplateCauses } from './workload-validation.ts';

/** Where apps/v1 keeps the old templateGeneration; pods of an OnDelete DaemonSet are still told apart by it. */
const templateGeneration = 'deprecated.daemonset.template.generation';

const withGeneration = (metadata: ObjectMeta, generation: number): ObjectMeta => ({
  ...metadata,
  annotations: { ...metadata.annotations, [templateGeneration]: String(generation) },
});

export const rollingUpdateDaemonSet = struct(
  'apps.v1.RollingUpdateDaemonSet',
  {
    maxUnavailable: s
      .intOrString(1)
      .default(1)
      .doc('How many pods, or what part of them, may be unavailable during the update.'),
    maxSurge: s
      .intOrString(2)
      .default(0)
      .doc('How many nodes, or what part of them, may run an old and a new pod at once.'),
  },
  { doc: 'How pods are replaced.' },
);
export interface RollingUpdateDaemonSet extends Of<typeof rollingUpdateDaemonSet> {}

export const daemonSetUpdateStrategy = struct(
  'apps.v1.DaemonSetUpdateStrategy',
  {
    type: s
      .oneOf(1, 'RollingUpdate', 'OnDelete')
      .ruled()
      .default('RollingUpdate')
      .doc('RollingUpdate, or OnDelete to replace only pods that somebody deletes.'),
    rollingUpdate: s.field(2, rollingUpdateDaemonSet).optional().doc('Settings of RollingUpdate.'),
  },
  { doc: 'How pods are replaced when the template changes.' },
);
export interface DaemonSetUpdateStrategy extends Of<typeof daemonSetUpdateStrategy> {}

export const daemonSetSpec = struct(
  'apps.v1.DaemonSetSpec',
  {
    selector: s
      .field(1, labelSelector)
      .keepsZero()
      .ruled()
      .immutable()
      .doc('Labels of the pods that belong to it; must match the template and cannot be changed.'),
    template: s
      .field(2, podTemplateSpec)
      .default({} as never)
      .doc('The pod to run on each node.'),
    updateStrategy: s
      .field(3, daemonSetUpdateStrategy)
      .default({})
      .doc('How pods are replaced when the template changes.'),
    minReadySeconds: s.int32(4).min(0).optional().doc('Seconds a pod must stay ready to count as available.'),
    revisionHistoryLimit: s.int32(6).keepsZero().min(0).default(10).doc('How many old revisions are kept.'),
  },
  { doc: 'Which pod runs on which nodes.' },
);
export interface DaemonSetSpec extends Of<typeof daemonSetSpec> {}

export const daemonSetCondition = struct(
  'apps.v1.DaemonSetCondition',
  {
    type: s.string(1).doc('What is observed.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the DaemonSet's state." },
);
export interface DaemonSetCondition extends Of<typeof daemonSetCondition> {}

export const daemonSetStatus = struct(
  'apps.v1.DaemonSetStatus',
  {
    currentNumberScheduled: s.int32(1).min(0).default(0).doc('Nodes that should run the pod and do.'),
    numberMisscheduled: s.int32(2).min(0).default(0).doc('Nodes that run the pod and should not.'),
    desiredNumberScheduled: s.int32(3).min(0).default(0).doc('Nodes that should run the pod.'),
    numberReady: s.int32(4).min(0).default(0).doc('Nodes whose pod is ready.'),
    observedGeneration: s.int64(5).optional().doc('The metadata.generation that this status speaks of.'),
    updatedNumberScheduled: s.int32(6).min(0).optional().doc('Nodes that run the updated pod.'),
    numberAvailable: s.int32(7).min(0).optional().doc('Nodes whose pod is available.'),
    numberUnavailable: s.int32(8).min(0).optional().doc('Nodes that should have an available pod and have none.'),
    collisionCount: s
      .int32(9)
      .keepsZero()
      .optional()
      .doc("How often the name of a revision was taken; part of the next name's hash."),
    conditions: s
      .list(10, daemonSetCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);
export interface DaemonSetStatus extends Of<typeof daemonSetStatus> {}

export const DaemonSet = resource({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Desired',
      type: 'integer',
      description: 'Nodes that should run the pod.',
      cell: ({ status }) => status.desiredNumberScheduled,
    },
    {
      name: 'Current',
      type: 'integer',
      description: 'Nodes that should run the pod and do.',
      cell: ({ status }) => status.currentNumberScheduled,
    },
    {
      name: 'Ready',
      type: 'integer',
      description: 'Nodes whose pod is ready.',
      cell: ({ status }) => status.numberReady,
    },
    {
      name: 'Up-to-date',
      type: 'integer',
      description: 'Nodes that run the updated pod.',
      cell: ({ status }) => status.updatedNumberScheduled ?? 0,
    },
    {
      name: 'Available',
      type: 'integer',
      description: 'Nodes whose pod is available.',
      cell: ({ status }) => status.numberAvailable ?? 0,
    },
    {
      name: 'Node Selector',
      type: 'string',
      description: 'Labels a node must have.',
      cell: ({ spec }) => formatLabels(spec.template.spec.nodeSelector),
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  hooks: {
    validateCreate: ({ spec }) => [
      ...selectorAndTemplateCauses(spec, { empty: 'daemonset', kind: 'DaemonSet' }),
      ...daemonSetStrategyCauses(spec.updateStrategy),
    ],
    validateStatus: ({ status }, { status: old }) => [
      ...counters(status, [
        'currentNumberScheduled',
        'numberMisscheduled',
        'desiredNumberScheduled',
        'numberReady',
        'observedGeneration',
        'updatedNumberScheduled',
        'numberAvailable',
        'numberUnavailable',
        'collisionCount',
      ]),
      ...neverLess('status.collisionCount', status.collisionCount, old.collisionCount),
    ],
    warnings: ({ spec }) => [...podWarnings('spec.template', spec.template)],
    fill: (draft) => {
      if (draft.spec === undefined) return draft;
      const spec = fillTemplateOf(draft.spec);
      const { updateStrategy } = spec;
      if (updateStrategy?.type !== 'RollingUpdate' || updateStrategy.rollingUpdate !== undefined) {
        return spec === draft.spec ? draft : { ...draft, spec };
      }
      return {
        ...draft,
        spec: { ...spec, updateStrategy: { ...updateStrategy, rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } },
      };
    },
    prepareCreate: (daemonSet) => ({
      ...daemonSet,
      metadata: withGeneration(daemonSet.metadata, 1),
      status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
    }),
    prepareUpdate: (daemonSet, old) => {
      const before = Number(old.metadata.annotations?.[templateGeneration] ?? 1);
      const changed = !deepEqual(daemonSet.spec.template, old.spec.template);
      return { ...daemonSet, metadata: withGeneration(daemonSet.metadata, changed ? before + 1 : before) };
    },
  },
  name: 'apps.v1.DaemonSet',
  doc: 'Runs one pod on every node, or on some.',
  fields: {
    spec: s
      .field(2, daemonSetSpec)
      .default({} as never)
      .doc('Which pod runs on which nodes.'),
    status: s.field(3, daemonSetStatus).default({}).doc('What was last seen.'),
  },
});
export type DaemonSet = ObjectOf<typeof DaemonSet>;
