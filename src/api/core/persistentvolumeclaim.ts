/**
 * PersistentVolumeClaim: a request for storage by the pods of a namespace. What it asks for is declared in `volume.ts`, since ephemeral volumes
 * ask the same; here are its status, strategy and columns. The rules stand in `claim-validation.ts` and `persistentvolumeclaim-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { accessModesText, betaStorageClass } from './claim-text.ts';
import { claimSpecCauses, claimSpecWarnings } from './claim-validation.ts';
import { claimStatusCauses, claimUpdateCauses } from './persistentvolumeclaim-validation.ts';
import { persistentVolumeClaimSpec } from './volume.ts';

export const persistentVolumeClaimCondition = struct(
  'core.v1.PersistentVolumeClaimCondition',
  {
    type: s.string(1).doc('What is observed: Resizing, FileSystemResizePending, ModifyingVolume …'),
    status: s.string(2).doc('Whether it holds: True, False or Unknown.'),
    lastProbeTime: s.time(3).optional().doc('When it was last checked.'),
    lastTransitionTime: s.time(4).optional().doc('When the status last changed.'),
    reason: s.string(5).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the claim's state." },
);
export interface PersistentVolumeClaimCondition extends Of<typeof persistentVolumeClaimCondition> {}

export const modifyVolumeStatus = struct(
  'core.v1.ModifyVolumeStatus',
  {
    targetVolumeAttributesClassName: s.string(1).optional().doc('The VolumeAttributesClass it is being changed to.'),
    status: s.string(2).doc('How far the change is: Pending, InProgress or Infeasible.'),
  },
  { doc: 'A change of the attributes of a volume, on its way.' },
);
export interface ModifyVolumeStatus extends Of<typeof modifyVolumeStatus> {}

export const volumeHealthCondition = struct(
  'core.v1.VolumeHealthCondition',
  {
    status: s.string(1).doc('What is wrong: Inaccessible, DataLoss or Degraded.'),
    reason: s.string(2).doc('Why, for programs; at most 256 bytes.'),
    message: s.string(3).optional().doc('Why, for people; at most 1024 bytes.'),
  },
  { doc: 'One thing that is wrong with a volume.' },
);
export interface VolumeHealthCondition extends Of<typeof volumeHealthCondition> {}

export const volumeHealthStatus = struct(
  'core.v1.VolumeHealthStatus',
  {
    healthConditions: s
      .list(1, volumeHealthCondition, {
        list: 'map',
        keys: ['status', 'reason'],
        patch: { strategy: 'merge', mergeKey: 'status' },
      })
      .optional()
      .doc('What is wrong; nothing when empty. At most 16.'),
    lastTransitionTime: s.time(2).optional().doc('When it last changed.'),
  },
  { doc: 'What a CSI driver says of the health of a volume.' },
);
export interface VolumeHealthStatus extends Of<typeof volumeHealthStatus> {}

export const persistentVolumeClaimStatus = struct(
  'core.v1.PersistentVolumeClaimStatus',
  {
    phase: s.oneOf(1, 'Pending', 'Bound', 'Lost').default('Pending').doc('Pending, Bound or Lost.'),
    accessModes: s.list(2, t.string).optional().doc('How the volume can be mounted.'),
    capacity: s.map(3, t.quantity).optional().doc('The size of the volume.'),
    conditions: s
      .list(4, persistentVolumeClaimCondition, {
        list: 'map',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('State in detail; Resizing while the volume grows.'),
    allocatedResources: s.map(5, t.quantity).optional().doc('The size a growing volume is promised.'),
    allocatedResourceStatuses: s
      .map(7, t.string)
      .optional()
      .doc('How far the growing is, by resource; one of the words that end in InProgress, Pending or Infeasible.'),
    currentVolumeAttributesClassName: s
      .string(8)
      .keepsZero()
      .optional()
      .doc('The VolumeAttributesClass that the volume has now.'),
    modifyVolumeStatus: s.field(9, modifyVolumeStatus).optional().doc('A change to another VolumeAttributesClass.'),
    healthStatus: s.field(10, volumeHealthStatus).off('CSIVolumeHealth').doc('Health of the volume.'),
  },
  { doc: 'What was last seen.' },
);
export interface PersistentVolumeClaimStatus extends Of<typeof persistentVolumeClaimStatus> {}

type ClaimSpec = Of<typeof persistentVolumeClaimSpec>;

/** A source in another namespace needs an alpha feature: without it there is none. */
function withoutOtherNamespace(spec: ClaimSpec, old?: ClaimSpec): ClaimSpec {
  if (!spec.dataSourceRef?.namespace || old?.dataSourceRef !== undefined) return spec;
  const { dataSourceRef: _, ...rest } = spec;
  return rest;
}

/** The old field takes claims and snapshots only, and has always ignored the rest. */
function withoutForeignSource(spec: ClaimSpec): ClaimSpec {
  const { dataSource, ...rest } = spec;
  if (dataSource === undefined || spec.dataSourceRef !== undefined) return spec;
  const { apiGroup = '', kind } = dataSource;
  const known =
    (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
    (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io');
  return known ? spec : rest;
}

/** The old and the new field for a source say the same. */
function withBothSources(draft: ClaimSpec): ClaimSpec {
  const spec = withoutForeignSource(draft);
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) return { ...spec, dataSourceRef: { ...dataSource } };
  if (dataSource !== undefined || dataSourceRef === undefined || dataSourceRef.namespace) return spec;
  const { namespace: _, ...source } = dataSourceRef;
  return { ...spec, dataSource: source };
}

export const PersistentVolumeClaim = resource({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      description: 'Its phase.',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? status.phase : 'Terminating'),
    },
    {
      name: 'Volume',
      type: 'string',
      description: 'The volume it is bound to.',
      cell: ({ spec }) => spec.volumeName ?? '',
    },
    {
      name: 'Capacity',
      type: 'string',
      description: 'The size of the volume.',
      cell: ({ spec, status }) => (spec.volumeName ? (status.capacity?.['storage'] ?? '0') : ''),
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'How the volume can be mounted.',
      cell: ({ spec, status }) => (spec.volumeName ? accessModesText(status.accessModes) : ''),
    },
    {
      name: 'StorageClass',
      type: 'string',
      description: 'The StorageClass asked for.',
      cell: ({ metadata, spec }) => metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? '',
    },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'The VolumeAttributesClass asked for.',
      cell: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    },
    ageColumn,
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: 'Filesystem or Block.',
      cell: ({ spec }) => spec.volumeMode,
    },
  ],
  hooks: {
    validateCreate: ({ spec }) => [...claimSpecCauses('spec', spec)],
    validateUpdate: (claim, old) => [...claimUpdateCauses(claim, old)],
    validateStatus: ({ spec, status }) => [...claimStatusCauses(spec, status)],
    warnings: ({ metadata, spec }) => [
      ...(metadata.annotations?.[betaStorageClass] === undefined
        ? []
        : [
            `metadata.annotations[${betaStorageClass}]: deprecated since v1.8; use "storageClassName" attribute instead`,
          ]),
      ...claimSpecWarnings('spec', spec),
    ],
    prepareCreate: (claim) => ({
      ...claim,
      spec: withBothSources(withoutOtherNamespace(claim.spec)),
      status: { phase: 'Pending' as const },
    }),
    // A claim from before the two fields were one keeps them as they are.
    prepareUpdate: (claim, old) => {
      const spec = withoutOtherNamespace(claim.spec, old.spec);
      const wereOne = (old.spec.dataSource === undefined) === (old.spec.dataSourceRef === undefined);
      return { ...claim, spec: wereOne ? withBothSources(spec) : spec };
    },
    generation: false,
  },
  name: 'core.v1.PersistentVolumeClaim',
  doc: 'A request for storage; it is bound to a PersistentVolume that fits, or one is made for it.',
  fields: {
    spec: s
      .field(2, persistentVolumeClaimSpec)
      .default({} as never)
      .doc('What storage is asked for.'),
    status: s.field(3, persistentVolumeClaimStatus).default({}).doc('What was last seen.'),
  },
});
export type PersistentVolumeClaim = ObjectOf<typeof PersistentVolumeClaim>;
