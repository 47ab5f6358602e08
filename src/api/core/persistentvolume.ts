/**
 * PersistentVolume: storage that outlives pods and waits for a claim. Declares fields, defaults, strategy and columns; the rules stand in
 * `persistentvolume-validation.ts`, the sources in `persistent-volume-source.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { accessModesText, betaStorageClass } from './claim-text.ts';
import { nodeSelector } from './node-selector.ts';
import { persistentVolumeSource } from './persistent-volume-source.ts';
import { volumeCauses, volumeUpdateCauses, volumeWarnings } from './persistentvolume-validation.ts';
import { objectReference } from './references.ts';

export const volumeNodeAffinity = struct(
  'core.v1.VolumeNodeAffinity',
  {
    required: s.field(1, nodeSelector).optional().doc('The nodes that can reach the volume.'),
  },
  { doc: 'From where a volume can be used.' },
);
export interface VolumeNodeAffinity extends Of<typeof volumeNodeAffinity> {}

export const persistentVolumeSpec = struct(
  'core.v1.PersistentVolumeSpec',
  {
    capacity: s.map(1, t.quantity).optional().doc('Its size, as storage.'),
    ...inline(2, persistentVolumeSource),
    accessModes: s
      .list(3, t.string)
      .optional()
      .doc('How it can be mounted: ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod.'),
    claimRef: s.field(4, objectReference).optional().doc('The claim it is bound to, or kept for.'),
    persistentVolumeReclaimPolicy: s
      .oneOf(5, 'Recycle', 'Delete', 'Retain')
      .default('Retain')
      .doc('What happens when its claim is deleted: Retain, Delete, or Recycle, which is old.'),
    storageClassName: s.string(6).optional().doc('The StorageClass it belongs to; none when empty.'),
    mountOptions: s.list(7, t.string).optional().doc('Options of mount(8); not checked.'),
    volumeMode: s
      .oneOf(8, 'Block', 'Filesystem')
      .keepsZero()
      .default('Filesystem')
      .doc('Filesystem, or Block for a raw device.'),
    nodeAffinity: s.field(9, volumeNodeAffinity).optional().doc('The nodes that can reach it; all when absent.'),
    volumeAttributesClassName: s
      .string(10)
      .keepsZero()
      .optional()
      .doc('The VolumeAttributesClass it has; only with csi.'),
  },
  { doc: 'What the storage is and how it may be used.' },
);
export interface PersistentVolumeSpec extends Of<typeof persistentVolumeSpec> {}

export const persistentVolumeStatus = struct(
  'core.v1.PersistentVolumeStatus',
  {
    phase: s
      .oneOf(1, 'Pending', 'Available', 'Bound', 'Released', 'Failed')
      .default('Pending')
      .doc('Pending, Available, Bound, Released or Failed.'),
    message: s.string(2).optional().doc('Why it is in this phase, for people.'),
    reason: s.string(3).optional().doc('Why it failed: one CamelCase word for programs.'),
    lastPhaseTransitionTime: s.time(4).optional().doc('When the phase last changed.'),
  },
  { doc: 'What was last seen.' },
);
export interface PersistentVolumeStatus extends Of<typeof persistentVolumeStatus> {}

export const PersistentVolume = resource({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Capacity',
      type: 'string',
      description: 'Its size.',
      cell: ({ spec }) => spec.capacity?.['storage'] ?? '0',
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'How it can be mounted.',
      cell: ({ spec }) => accessModesText(spec.accessModes),
    },
    {
      name: 'Reclaim Policy',
      type: 'string',
      description: 'What happens when its claim is deleted.',
      cell: ({ spec }) => spec.persistentVolumeReclaimPolicy,
    },
    {
      name: 'Status',
      type: 'string',
      description: 'Its phase.',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? status.phase : 'Terminating'),
    },
    {
      name: 'Claim',
      type: 'string',
      description: 'The claim it is bound to.',
      cell: ({ spec: { claimRef } }) =>
        claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`,
    },
    {
      name: 'StorageClass',
      type: 'string',
      description: 'The StorageClass it belongs to.',
      cell: ({ metadata, spec }) => metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? '',
    },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'The VolumeAttributesClass it has.',
      cell: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    },
    { name: 'Reason', type: 'string', description: 'Why it failed.', cell: ({ status }) => status.reason ?? '' },
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
    validateCreate: ({ metadata, spec }) => [...volumeCauses('spec', spec, metadata)],
    validateUpdate: ({ spec }, { spec: old }) => [...volumeUpdateCauses(spec, old)],
    warnings: ({ metadata, spec }) => [...volumeWarnings(metadata, spec)],
    // The moment of creation is the moment of the first phase.
    prepareCreate: (volume) => ({
      ...volume,
      status: { phase: 'Pending' as const, lastPhaseTransitionTime: volume.metadata.creationTimestamp },
    }),
    prepareStatus: (volume, old, { now }) => {
      const { phase, lastPhaseTransitionTime: at } = volume.status;
      if (phase === old.status.phase) {
        const before = old.status.lastPhaseTransitionTime;
        return at !== undefined || before === undefined
          ? volume
          : { ...volume, status: { ...volume.status, lastPhaseTransitionTime: before } };
      }
      // Who gives a new time of his own knows better.
      if (at !== undefined && at !== old.status.lastPhaseTransitionTime) return volume;
      return { ...volume, status: { ...volume.status, lastPhaseTransitionTime: now } };
    },
    generation: false,
  },
  name: 'core.v1.PersistentVolume',
  doc: 'A piece of storage in the cluster, made by an administrator or for a claim.',
  fields: {
    spec: s
      .field(2, persistentVolumeSpec)
      .default({} as never)
      .doc('What the storage is and how it may be used.'),
    status: s.field(3, persistentVolumeStatus).default({}).doc('What was last seen.'),
  },
});
export type PersistentVolume = ObjectOf<typeof PersistentVolume>;
