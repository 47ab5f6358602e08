/**
 * VolumeAttachment: asks a driver to attach a volume to a node, or to detach it by being deleted.
 */
import { forbiddenField, immutableDetail, invalidValue, tooLongInCharacters, required, tooLong } from '#meta/causes.ts';
import { dns1123Subdomain, longNameOfAnyCase } from '#meta/names.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { volumeCauses } from '../core/persistentvolume-validation.ts';
import { persistentVolumeSpec, volumeNodeAffinity, type PersistentVolumeSpec } from '../core/persistentvolume.ts';
import { between, csiDriverName, named, type Causes } from '../field-checks.ts';

/** 256 kB for all keys and values together. */
const metadataBytesMax = 256 * 1024;
const messageBytesMax = 1024;
const attacherMax = 63;
const int32Max = 2_147_483_647;

/** The spec of a volume that stands in a pod: what only a PersistentVolume has is neither set nor filled in. */
const inlineVolumeSpec = struct(
  'core.v1.PersistentVolumeSpec',
  {
    ...persistentVolumeSpec.inlined,
    persistentVolumeReclaimPolicy: s
      .oneOf(5, 'Retain', 'Recycle', 'Delete')
      .optional()
      .ruled()
      .doc('What becomes of the volume when its claim is gone.'),
    volumeMode: s.oneOf(8, 'Filesystem', 'Block').keepsZero().optional().ruled().doc('Filesystem or Block.'),
    nodeAffinity: s.field(9, volumeNodeAffinity).optional().ruled().doc('The nodes that can reach it.'),
  },
  { doc: persistentVolumeSpec.doc },
);

/** The name of a driver: upstream declares this one, and so tells of it in other words than elsewhere. */
function* attacherCauses(path: string, name: string): Causes {
  for (const message of longNameOfAnyCase(name)) yield invalidValue(path, name, message);
  if ([...name].length > attacherMax) yield tooLongInCharacters(path, attacherMax);
}

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
    attacher: s
      .string(1)
      .rule((name, path) => [...attacherCauses(path, name)])
      .doc('The driver that attaches it.'),
    source: s.field(2, volumeAttachmentSource).ruled().doc('The volume.'),
    nodeName: s.string(3).ruled().doc('The node.'),
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

function* sourceCauses({ persistentVolumeName: name, inlineVolumeSpec: own }: VolumeAttachmentSpec['source']): Causes {
  const path = 'spec.source';
  const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (name === undefined && own === undefined) yield required(path, detail);
  else if (name !== undefined && own !== undefined) yield forbiddenField(path, detail);
  else if (name === '') yield required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName');
  yield* named(dns1123Subdomain, `${path}.persistentVolumeName`, name);
  if (own !== undefined && name === undefined)
    yield* volumeCauses(`${path}.inlineVolumeSpec`, own as PersistentVolumeSpec, 'inline');
}

/** What the declaration does not say of a spec that was changed. */
function* changedCauses(spec: VolumeAttachmentSpec, old: VolumeAttachmentSpec): Causes {
  if (spec.attacher !== old.attacher) yield* csiDriverName('spec.attacher', spec.attacher || undefined);
  // An empty spec is one, too.
  if ((spec.source.inlineVolumeSpec === undefined) !== (old.source.inlineVolumeSpec === undefined))
    yield invalidValue('spec', null, immutableDetail);
}

function* errorCauses(path: string, error: VolumeError | undefined): Causes {
  if (error === undefined) return;
  if (Buffer.byteLength(error.message ?? '') > messageBytesMax) yield tooLong(`${path}.message`, messageBytesMax);
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
      ...sourceCauses(spec.source),
      ...named(dns1123Subdomain, 'spec.nodeName', spec.nodeName),
    ],
    validateUpdate: ({ spec }, { spec: old }) => [...changedCauses(spec, old)],
    validateStatus: ({ status }) => [...statusCauses(status)],
  },
  name: 'storage.v1.VolumeAttachment',
  doc: 'Asks a driver to attach a volume to a node; deleted, to detach it.',
  fields: {
    spec: s
      .field(2, volumeAttachmentSpec)
      .immutable('null')
      .default({} as never)
      .doc('What is attached where; cannot be changed.'),
    status: s.field(3, volumeAttachmentStatus).default({}).doc('What the driver reports.'),
  },
});
export type VolumeAttachment = ObjectOf<typeof VolumeAttachment>;
