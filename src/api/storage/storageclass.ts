/**
 * StorageClass: a kind of storage, and who makes volumes of it.
 */
import { notSupported } from '#meta/causes.ts';
import type { Cause } from '#meta/status.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { ageColumn } from '../columns.ts';
import { oldLabels } from '../core/pod-warnings.ts';
import { topologyCauses, topologySelectorTerm, type TopologySelectorTerm } from '../core/topology-selector.ts';
import { indexed } from '../field-checks.ts';
import { driverCauses, parameterCauses } from './class-validation.ts';

/** Marks the class that claims without one get; the second is the old name, still understood. */
export const defaultClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const;

export const isDefaultClass = ({ annotations }: ObjectMeta): boolean =>
  defaultClassAnnotations.some((key) => annotations?.[key] === 'true');

function* topologyWarnings(terms: readonly TopologySelectorTerm[] | undefined): Iterable<string> {
  for (const [term, at] of indexed('allowedTopologies', terms)) {
    for (const [{ key }, keyAt] of indexed(`${at}.matchLabelExpressions`, term.matchLabelExpressions)) {
      const old = oldLabels[key];
      if (old !== undefined) yield `${keyAt}.key: ${key} is ${old}`;
    }
  }
}

const reclaimPolicies = ['Delete', 'Retain'];

/** An empty text has always been taken. */
const reclaimCauses = (path: string, policy: string): readonly Cause[] =>
  policy === '' || reclaimPolicies.includes(policy) ? [] : [notSupported(path, policy, reclaimPolicies)];

export const StorageClass = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  scope: 'Cluster',
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Unique among the classes.',
      cell: ({ metadata }) => (isDefaultClass(metadata) ? `${metadata.name} (default)` : metadata.name),
    },
    { name: 'Provisioner', type: 'string', description: 'Who makes volumes.', cell: ({ provisioner }) => provisioner },
    {
      name: 'ReclaimPolicy',
      type: 'string',
      description: 'What becomes of a released volume.',
      cell: ({ reclaimPolicy }) => reclaimPolicy,
    },
    {
      name: 'VolumeBindingMode',
      type: 'string',
      description: 'When a volume is made and bound.',
      cell: ({ volumeBindingMode }) => volumeBindingMode,
    },
    {
      name: 'AllowVolumeExpansion',
      type: 'string',
      description: 'Whether volumes can grow.',
      cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    },
    ageColumn,
  ],
  hooks: {
    validateCreate: ({ provisioner, parameters, allowedTopologies }) => [
      ...driverCauses('provisioner', provisioner),
      ...parameterCauses(parameters),
      ...topologyCauses('allowedTopologies', allowedTopologies),
    ],
    warnings: ({ allowedTopologies }) => [...topologyWarnings(allowedTopologies)],
  },
  name: 'storage.v1.StorageClass',
  doc: `A kind of storage. The annotation ${defaultClassAnnotations[0]} makes it the class of claims without one.`,
  fields: {
    provisioner: s.string(2).immutable('null').doc('Who makes volumes of this class; cannot be changed.'),
    parameters: s.map(3, t.string).immutable('null').optional().doc('Settings for the provisioner; cannot be changed.'),
    reclaimPolicy: s
      .oneOf(4, 'Delete', 'Retain')
      .keepsZero()
      .immutable('null')
      .default('Delete')
      .ruled()
      .rule((policy, path) => reclaimCauses(path, policy))
      .doc('What becomes of volumes whose claim is gone: Delete or Retain. Cannot be changed.'),
    mountOptions: s
      .list(5, t.string)
      .optional()
      .doc('Mount options of the volumes; one that does not work only shows when a pod mounts the volume.'),
    allowVolumeExpansion: s.boolean(6).keepsZero().optional().doc('Whether claims may ask for more space later.'),
    volumeBindingMode: s
      .oneOf(7, 'Immediate', 'WaitForFirstConsumer')
      .keepsZero()
      .immutable('null')
      .default('Immediate')
      .doc('Immediate, or WaitForFirstConsumer to wait until a pod that uses the claim has a node. Cannot be changed.'),
    allowedTopologies: s
      .list(8, topologySelectorTerm)
      .optional()
      .doc('Places where volumes may be made, by node labels; everywhere when empty.'),
  },
});
export type StorageClass = ObjectOf<typeof StorageClass>;
