/**
 * StatefulSet: pods with names, order and storage of their own. Declares fields, defaults, strategy and columns; its rules stand in
 * `statefulset-validation.ts`.
 */
import { resource, type DraftObject, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type DraftOf, type Of, type Type } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { ageColumn, containersColumn, imagesColumn, nameColumn } from '../columns.ts';
import { claimSpecWarnings } from '../core/claim-validation.ts';
import { PersistentVolumeClaim } from '../core/persistentvolumeclaim.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import { podTemplateSpec } from '../core/pod-template.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { indexed } from '../field-checks.ts';
import {
  newStatefulSetCauses,
  statefulSetCauses,
  statefulSetStatusCauses,
  statefulSetUpdateCauses,
} from './statefulset-validation.ts';

export const rollingUpdateStatefulSetStrategy = struct(
  'apps.v1.RollingUpdateStatefulSetStrategy',
  {
    partition: s
      .int32(1)
      .keepsZero()
      .default(0)
      .doc('Pods with this ordinal or a higher one are updated; the others stay as they are.'),
    maxUnavailable: s
      .intOrString(2)
      .optional()
      .doc('How many pods, or what part of them, may be unavailable during the update; 1 by default.'),
  },
  { doc: 'How pods are replaced.' },
);
export interface RollingUpdateStatefulSetStrategy extends Of<typeof rollingUpdateStatefulSetStrategy> {}

export const statefulSetUpdateStrategy = struct(
  'apps.v1.StatefulSetUpdateStrategy',
  {
    type: s.string(1).filled().doc('RollingUpdate, or OnDelete to replace only pods that somebody deletes.'),
    rollingUpdate: s.field(2, rollingUpdateStatefulSetStrategy).optional().doc('Settings of RollingUpdate.'),
  },
  { doc: 'How pods are replaced when the template changes.' },
);
export interface StatefulSetUpdateStrategy extends Of<typeof statefulSetUpdateStrategy> {}

export const statefulSetPersistentVolumeClaimRetentionPolicy = struct(
  'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
  {
    whenDeleted: s
      .oneOf(1, 'Retain', 'Delete')
      .inOrder()
      .default('Retain')
      .doc('What happens to the claims when the StatefulSet is deleted: Retain or Delete.'),
    whenScaled: s
      .oneOf(2, 'Retain', 'Delete')
      .inOrder()
      .default('Retain')
      .doc('What happens to the claim of a pod that scaling removes: Retain or Delete.'),
  },
  { doc: 'How long claims made from volumeClaimTemplates live.' },
);
export interface StatefulSetPersistentVolumeClaimRetentionPolicy extends Of<
  typeof statefulSetPersistentVolumeClaimRetentionPolicy
> {}

export const statefulSetOrdinals = struct(
  'apps.v1.StatefulSetOrdinals',
  {
    start: s.int32(1).default(0).doc('The ordinal of the first pod.'),
  },
  { doc: 'How pods are numbered.' },
);
export interface StatefulSetOrdinals extends Of<typeof statefulSetOrdinals> {}

const claim = PersistentVolumeClaim.schema as unknown as Type<
  PersistentVolumeClaim,
  DraftObject<typeof PersistentVolumeClaim>
>;

export const statefulSetSpec = struct(
  'apps.v1.StatefulSetSpec',
  {
    replicas: s.int32(1).keepsZero().min(0).default(1).doc('How many pods should exist.'),
    selector: s
      .field(2, labelSelector)
      .doc('Labels of the pods that belong to it; must match the template and cannot be changed.'),
    template: s
      .field(3, podTemplateSpec)
      .default({} as never)
      .doc('The pod to make; each gets the name <statefulset>-<ordinal>.'),
    volumeClaimTemplates: s
      .list(4, claim)
      .optional()
      .ruled()
      .doc('Claims that each pod gets for its own, and keeps; a volume of the same name mounts each.'),
    serviceName: s
      .string(5)
      .default('')
      .doc('The headless Service that gives the pods their DNS names; it must be made by somebody.'),
    podManagementPolicy: s
      .string(6)
      .default('OrderedReady')
      .doc('OrderedReady to start and stop pods one after the other, or Parallel.'),
    updateStrategy: s
      .field(7, statefulSetUpdateStrategy)
      .default({})
      .doc('How pods are replaced when the template changes.'),
    revisionHistoryLimit: s.int32(8).keepsZero().default(10).doc('How many old revisions are kept.'),
    minReadySeconds: s.int32(9).min(0).optional().doc('Seconds a pod must stay ready to count as available.'),
    persistentVolumeClaimRetentionPolicy: s
      .field(10, statefulSetPersistentVolumeClaimRetentionPolicy)
      .default({})
      .doc('How long claims made from volumeClaimTemplates live.'),
    ordinals: s.field(11, statefulSetOrdinals).optional().doc('How pods are numbered; from 0 when absent.'),
  },
  { doc: 'Which pods there should be.' },
);
export interface StatefulSetSpec extends Of<typeof statefulSetSpec> {}

export const statefulSetCondition = struct(
  'apps.v1.StatefulSetCondition',
  {
    type: s.string(1).doc('What is observed.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the StatefulSet's state." },
);
export interface StatefulSetCondition extends Of<typeof statefulSetCondition> {}

export const statefulSetStatus = struct(
  'apps.v1.StatefulSetStatus',
  {
    observedGeneration: s.int64(1).optional().doc('The metadata.generation that this status speaks of.'),
    replicas: s.int32(2).default(0).doc('Pods that exist.'),
    readyReplicas: s.int32(3).optional().doc('Pods that are ready.'),
    currentReplicas: s.int32(4).optional().doc('Pods of currentRevision.'),
    updatedReplicas: s.int32(5).optional().doc('Pods of updateRevision.'),
    currentRevision: s.string(6).optional().doc('The revision of pods that are not updated yet.'),
    updateRevision: s.string(7).optional().doc('The revision of pods that are updated.'),
    collisionCount: s
      .int32(9)
      .keepsZero()
      .optional()
      .doc("How often the name of a revision was taken; part of the next name's hash."),
    conditions: s
      .list(10, statefulSetCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
    availableReplicas: s.int32(11).default(0).doc('Pods that are available.'),
  },
  { doc: 'What was last seen.' },
);
export interface StatefulSetStatus extends Of<typeof statefulSetStatus> {}

type SpecDraft = DraftOf<typeof statefulSetSpec>;

/** Claims are whole objects and say so; a rolling update says how many pods may be missing. */
function filled(draft: SpecDraft): SpecDraft {
  let spec = fillTemplateOf(draft);
  const { updateStrategy: strategy, volumeClaimTemplates: claims } = spec;
  const { type = 'RollingUpdate', rollingUpdate = strategy?.type ? undefined : {} } = strategy ?? {};
  // Who names the strategy and says no more is taken at the word.
  if (type === 'RollingUpdate' && rollingUpdate !== undefined && rollingUpdate.maxUnavailable === undefined) {
    const { partition = 0, maxUnavailable = 1 } = rollingUpdate;
    spec = { ...spec, updateStrategy: { type, rollingUpdate: { partition, maxUnavailable } } };
  } else if (strategy?.type === undefined) spec = { ...spec, updateStrategy: { ...strategy, type } };
  const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
  if (claims?.some(({ apiVersion, kind }) => apiVersion !== claimType.apiVersion || kind !== claimType.kind))
    spec = { ...spec, volumeClaimTemplates: claims.map((one) => ({ ...one, ...claimType })) };
  return spec;
}

export const StatefulSet = resource({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
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
    ageColumn,
    containersColumn,
    imagesColumn,
  ],
  hooks: {
    name: 'dns1123Label',
    validateCreate: ({ metadata, spec }) => [
      ...(metadata.resourceVersion ? [] : newStatefulSetCauses(spec)),
      ...statefulSetCauses(spec),
    ],
    validateUpdate: ({ spec }, { spec: old }) => [...statefulSetUpdateCauses(spec, old)],
    validateStatus: ({ status }, { status: old }) => [...statefulSetStatusCauses(status, old)],
    warnings: ({ spec }) => [
      ...podWarnings('spec.template', spec.template),
      ...[...indexed('spec.volumeClaimTemplates', spec.volumeClaimTemplates)].flatMap(([one, at]) => [
        ...claimSpecWarnings(at, one.spec),
      ]),
      ...(spec.revisionHistoryLimit < 0
        ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
        : []),
    ],
    fill: (draft) => {
      if (draft.spec === undefined) return draft;
      const spec = filled(draft.spec);
      return spec === draft.spec ? draft : { ...draft, spec };
    },
    prepareCreate: (set) => ({ ...set, status: { replicas: 0, availableReplicas: 0 } }),
  },
  name: 'apps.v1.StatefulSet',
  doc: 'Keeps pods with names, order and storage of their own.',
  fields: {
    spec: s
      .field(2, statefulSetSpec)
      .default({} as never)
      .doc('Which pods there should be.'),
    status: s.field(3, statefulSetStatus).default({}).doc('What was last seen.'),
  },
});
export type StatefulSet = ObjectOf<typeof StatefulSet>;
