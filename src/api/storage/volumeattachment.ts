/**
 * VolumeAttachment: asks a driver to attach a volume to a node, or to detach it by being deleted.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, required, tooLong } from '#meta/causes.ts';
import { dns1123Subdomain } from '#meta/names.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { accessModeCauses } from '../core/claim-validation.ts';
import { persistentVolumeSpec } from '../core/persistentvolume.ts';
import { between, csiDriverName, named, type Causes } from '../field-checks.ts';

/** 256 kB for all keys and values together. */
const metadataBytesMax = 256 * 1024;
const messageBytesMax = 1024;
const int32Max = 2_147_483_647;

/** The spec of a volume that stands in a pod: what only a PersistentVolume has is neither set nor filled in. */
const inlineVolumeSpec = struct(
  'core.v1.PersistentVolumeSpec',
  {
    ...persistentVolumeSpec.inlined,
    persistentVolumeReclaimPolicy: s
      .oneOf(5, 'Retain', 'Recycle', 'Delete')
      .optional()
      .doc('What becomes of the volume when its claim is gone.'),
    volumeMode: s.oneOf(8, 'Filesystem', 'Block').keepsZero().optional().doc('Filesystem or Block.'),
  },
  { doc: persistentVolumeSpec.doc },
);

export const volumeAttachmentSource = struct(
  'storage.v1.VolumeAttachmentSource',
  {
    persistentVolumeName: s.string(1).keepsZero().optional().doc('Name of the PersistentVolume.'),
    inlineVolumeSpec: s
      .field(2, inlineVolumeSpec)
      .optional()
      .doc("A pod's own volume, translated to CSI; for drivers that were once built in."),
  },
  { doc: 'The volume: exactly one of the fields.' },
);

export const volumeAttachmentSpec = struct(
  'storage.v1.VolumeAttachmentSpec',
  {
    attacher: s.string(1).doc('The driver that attaches it.'),
    source: s
      .field(2, volumeAttachmentSource)
      .requiredAs('must specify exactly one of inlineVolumeSpec and persistentVolumeName')
      .doc('The volume.'),
    nodeName: s.string(3).doc('The node.'),
  },
  { doc: 'What is attached where.' },
);
export interface VolumeAttachmentSpec extends Of<typeof volumeAttachmentSpec> {}

export const volumeError = struct(
  'storage.v1.VolumeError',
  {
    time: s.time(1).optional().doc('When it happened.'),
    message: s.string(2).optional().doc('What went wrong; it may be logged, so it must hold no secrets.'),
    errorCode: s.int32(3).keepsZero().optional().doc('The gRPC code of the failure.'),
  },
  { doc: 'The last failure.' },
);
export interface VolumeError extends Of<typeof volumeError> {}

export const volumeAttachmentStatus = struct(
  'storage.v1.VolumeAttachmentStatus',
  {
    attached: s.boolean(1).keepsZero().default(false).doc('Whether the volume is attached.'),
    attachmentMetadata: s.map(2, t.string).optional().doc('What the driver wants to know again when it mounts.'),
    attachError: s.field(3, volumeError).optional().doc('Why it could not be attached.'),
    detachError: s.field(4, volumeError).optional().doc('Why it could not be detached.'),
  },
  { doc: 'What the driver reports.' },
);
export interface VolumeAttachmentStatus extends Of<typeof volumeAttachmentStatus> {}

const inline = 'may not be specified in the context of inline volumes';

function* sourceCauses({ persistentVolumeName: name, inlineVolumeSpec: own }: VolumeAttachmentSpec['source']): Causes {
  const path = 'spec.source';
  const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (name === undefined && own === undefined) yield required(path, detail);
  else if (name !== undefined && own !== undefined) yield forbiddenField(path, detail);
  else if (name === '') yield required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName');
  yield* named(dns1123Subdomain, `${path}.persistentVolumeName`, name);
  if (own === undefined || name !== undefined) return;
  const at = `${path}.inlineVolumeSpec`;
  if (own.claimRef !== undefined) yield forbiddenField(`${at}.claimRef`, inline);
  if (Object.keys(own.capacity ?? {}).length > 0) yield forbiddenField(`${at}.capacity`, inline);
  if (own.csi === undefined) yield required(`${at}.csi`, 'has to be specified in the context of inline volumes');
  if (!own.accessModes?.length) yield required(`${at}.accessModes`);
  yield* accessModeCauses(`${at}.accessModes`, own.accessModes);
  if (own.persistentVolumeReclaimPolicy) yield forbiddenField(`${at}.persistentVolumeReclaimPolicy`, inline);
  if (own.nodeAffinity !== undefined) yield forbiddenField(`${at}.nodeAffinity`, inline);
  if (own.storageClassName) yield forbiddenField(`${at}.storageClassName`, inline);
}

function* errorCauses(path: string, error: VolumeError | undefined): Causes {
  if (error === undefined) return;
  if (Buffer.byteLength(error.message ?? '') > messageBytesMax) yield tooLong(`${path}.message`, metadataBytesMax);
  yield* between(`${path}.errorCode`, error.errorCode, [0, int32Max]);
}

function* statusCauses(status: VolumeAttachmentStatus): Causes {
  let bytes = 0;
  for (const [key, value] of Object.entries(status.attachmentMetadata ?? {}))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > metadataBytesMax) yield tooLong('status.attachmentMetadata', metadataBytesMax);
  yield* errorCauses('status.attachError', status.attachError);
  yield* errorCauses('status.detachError', status.detachError);
}

export const VolumeAttachment = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Attacher',
      type: 'string',
      format: 'name',
      description: 'The driver.',
      cell: ({ spec }) => spec.attacher,
    },
    {
      name: 'PV',
      type: 'string',
      description: 'The volume.',
      cell: ({ spec }) => spec.source.persistentVolumeName ?? '',
    },
    { name: 'Node', type: 'string', description: 'The node.', cell: ({ spec }) => spec.nodeName },
    {
      name: 'Attached',
      type: 'boolean',
      description: 'Whether it is attached.',
      cell: ({ status }) => status.attached,
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    generation: false,
    prepareCreate: (attachment) => ({ ...attachment, status: { attached: false } }),
    validateCreate: ({ spec }) => [
      ...csiDriverName('spec.attacher', spec.attacher || undefined),
      ...(spec.source === undefined ? [] : sourceCauses(spec.source)),
      ...named(dns1123Subdomain, 'spec.nodeName', spec.nodeName || undefined),
    ],
    validateUpdate: ({ spec }, { spec: old }) =>
      deepEqual(spec, old) ? [] : [invalidValue('spec', spec, immutableDetail)],
    validateStatus: ({ status }) => [...statusCauses(status)],
  },
  name: 'storage.v1.VolumeAttachment',
  doc: 'Asks a driver to attach a volume to a node; deleted, to detach it.',
  fields: {
    spec: s
      .field(2, volumeAttachmentSpec)
      .default({} as never)
      .doc('What is attached where; cannot be changed.'),
    status: s.field(3, volumeAttachmentStatus).default({}).doc('What the driver reports.'),
  },
});
export type VolumeAttachment = ObjectOf<typeof VolumeAttachment>;
