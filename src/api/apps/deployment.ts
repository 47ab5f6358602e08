/**
 * Deployment: equal pods, replaced step by step. Declares fields and defaults; its rules stand in `workload-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';
import { ageColumn, containersColumn, imagesColumn, nameColumn, selectorColumn } from '../columns.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import { invalidValue } from '#meta/causes.ts';
import { nameWarnings, podNames, podWarnings } from '../core/pod-warnings.ts';
import { countCauses, deploymentStrategyCauses, neverLess, selectorAndTemplateCauses } from './workload-validation.ts';

export const rollingUpdateDeployment = struct(
  'apps.v1.RollingUpdateDeployment',
  {
    maxUnavailable: s
      .intOrString(1)
      .default('25%')
      .doc('How many pods, or what part of them, may be missing during the update; rounded down.'),
    maxSurge: s
      .intOrString(2)
      .default('25%')
      .doc('How many pods, or what part of them, may exist beyond replicas during the update; rounded up.'),
  },
  { doc: 'How fast pods are replaced.' },
);
export interface RollingUpdateDeployment extends Of<typeof rollingUpdateDeployment> {}

export const deploymentStrategy = struct(
  'apps.v1.DeploymentStrategy',
  {
    type: s
      .oneOf(1, 'Recreate', 'RollingUpdate')
      .ruled()
      .default('RollingUpdate')
      .doc('RollingUpdate, or Recreate to end all old pods first.'),
    rollingUpdate: s.field(2, rollingUpdateDeployment).optional().doc('Settings of RollingUpdate.'),
  },
  { doc: 'How pods are replaced when the template changes.' },
);
export interface DeploymentStrategy extends Of<typeof deploymentStrategy> {}

export const deploymentSpec = struct(
  'apps.v1.DeploymentSpec',
  {
    replicas: s.int32(1).keepsZero().min(0).default(1).doc('How many pods should exist.'),
    selector: s
      .field(2, labelSelector)
      .immutable()
      .doc('Labels of the pods that belong to it; must match the template and cannot be changed.'),
    template: s
      .field(3, podTemplateSpec)
      .default({} as never)
      .doc('The pod to make copies of.'),
    strategy: s
      .field(4, deploymentStrategy)
      .patchStrategy('retainKeys')
      .patchStrategy('retainKeys')
      .default({})
      .doc('How pods are replaced when the template changes.'),
    minReadySeconds: s.int32(5).min(0).optional().doc('Seconds a pod must stay ready to count as available.'),
    revisionHistoryLimit: s
      .int32(6)
      .keepsZero()
      .min(0)
      .default(10)
      .doc('How many old ReplicaSets are kept for a rollback.'),
    paused: s.boolean(7).optional().doc('When true, changes of the template are not rolled out.'),
    progressDeadlineSeconds: s
      .int32(9)
      .keepsZero()
      .min(0)
      .default(600)
      .doc('Seconds without progress after which the rollout counts as failed.'),
  },
  { doc: 'Which pods there should be.' },
);
export interface DeploymentSpec extends Of<typeof deploymentSpec> {}

export const deploymentCondition = struct(
  'apps.v1.DeploymentCondition',
  {
    type: s.string(1).doc('What is observed: Available, Progressing or ReplicaFailure.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastUpdateTime: s.time(6).optional().doc('When the condition was last written.'),
    lastTransitionTime: s.time(7).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the Deployment's state." },
);
export interface DeploymentCondition extends Of<typeof deploymentCondition> {}

export const deploymentStatus = struct(
  'apps.v1.DeploymentStatus',
  {
    observedGeneration: s.int64(1).optional().doc('The metadata.generation that this status speaks of.'),
    replicas: s.int32(2).optional().doc('Pods that exist and are not terminating.'),
    updatedReplicas: s.int32(3).optional().doc('Pods made from the present template.'),
    readyReplicas: s.int32(7).optional().doc('Pods that are ready.'),
    availableReplicas: s.int32(4).optional().doc('Pods that are available.'),
    unavailableReplicas: s.int32(5).optional().doc('Pods still needed for all to be available.'),
    terminatingReplicas: s.int32(9).keepsZero().optional().doc('Pods that are terminating.'),
    conditions: s
      .list(6, deploymentCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
    collisionCount: s
      .int32(8)
      .keepsZero()
      .optional()
      .doc("How often the name of a ReplicaSet was taken; part of the next name's hash."),
  },
  { doc: 'What was last seen.' },
);
export interface DeploymentStatus extends Of<typeof deploymentStatus> {}

export const Deployment = resource({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: {
    status: true,
    scale: { replicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  },
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      description: 'Pods that are ready, of those wanted.',
      cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas}`,
    },
    {
      name: 'Up-to-date',
      type: 'string',
      description: 'Pods made from the present template.',
      cell: ({ status }) => status.updatedReplicas ?? 0,
    },
    {
      name: 'Available',
      type: 'string',
      description: 'Pods that are available.',
      cell: ({ status }) => status.availableReplicas ?? 0,
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  hooks: {
    annotationsCount: true,
    validateCreate: ({ spec }) => [
      ...selectorAndTemplateCauses(spec, {
        empty: 'deployment',
        kind: 'ReplicaSet',
        unusable: 'invalid label selector',
      }),
      ...deploymentStrategyCauses(spec.strategy),
      ...(spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)
        ? [
            invalidValue(
              'spec.progressDeadlineSeconds',
              spec.progressDeadlineSeconds,
              'must be greater than minReadySeconds',
            ),
          ]
        : []),
    ],
    validateStatus: ({ status }, { status: old }) => [
      ...countCauses(status, {
        counts: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
        others: ['unavailableReplicas', 'terminatingReplicas', 'collisionCount'],
      }),
      ...neverLess('status.collisionCount', status.collisionCount, old.collisionCount),
    ],
    warnings: ({ metadata, spec }, old) => [
      ...nameWarnings(metadata, old, podNames),
      ...podWarnings('spec.template', spec.template),
    ],
    fill: (draft) => {
      if (draft.spec === undefined) return draft;
      const spec = fillTemplateOf(draft.spec);
      const { strategy } = spec;
      if (strategy?.type !== 'RollingUpdate' || strategy.rollingUpdate !== undefined)
        return spec === draft.spec ? draft : { ...draft, spec };
      return {
        ...draft,
        spec: { ...spec, strategy: { ...strategy, rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } } },
      };
    },
    prepareCreate: (deployment) => ({ ...deployment, status: {} }),
  },
  name: 'apps.v1.Deployment',
  doc: 'Keeps a number of equal pods and replaces them step by step when the template changes.',
  fields: {
    spec: s
      .field(2, deploymentSpec)
      .default({} as never)
      .doc('Which pods there should be.'),
    status: s.field(3, deploymentStatus).default({}).doc('What was last seen.'),
  },
});
export type Deployment = ObjectOf<typeof Deployment>;
