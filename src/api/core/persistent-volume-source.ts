/**
 * Where the data of a PersistentVolume is. Sources that pods can name too stand in `volume.ts` and `volume-legacy.ts`; those here differ from
 * them, because a volume has no namespace and must say in which one its Secrets are.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';
import { fcVolumeSource, hostPathVolumeSource, iscsiFields, nfsVolumeSource } from './volume.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  azureFileFields,
  cephFSFields,
  cinderFields,
  flexFields,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  glusterfsFields,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  rbdFields,
  scaleIOFields,
  storageOSFields,
  vsphereVirtualDiskVolumeSource,
} from './volume-legacy.ts';

export const secretReference = struct(
  'core.v1.SecretReference',
  {
    name: s.string(1).optional().doc('Name of the Secret.'),
    namespace: s.string(2).optional().doc('Namespace of the Secret.'),
  },
  { atomic: true, doc: 'A Secret of any namespace.' },
);
export interface SecretReference extends Of<typeof secretReference> {}

export const localVolumeSource = struct(
  'core.v1.LocalVolumeSource',
  {
    path: s.string(1).doc('Path of a directory, or of a block device, on the node.'),
    fsType: s.string(2).keepsZero().optional().doc('File system to make on a block device; a guess when absent.'),
  },
  { doc: 'A disk of one node; the volume must say which in nodeAffinity.' },
);
export interface LocalVolumeSource extends Of<typeof localVolumeSource> {}

export const csiPersistentVolumeSource = struct(
  'core.v1.CSIPersistentVolumeSource',
  {
    driver: s.string(1).doc('Name of the driver.'),
    volumeHandle: s.string(2).doc("The driver's own name of the volume; cannot be changed."),
    readOnly: s.boolean(3).optional().doc('Publish read-only.'),
    fsType: s.string(4).optional().doc("File system to mount; the driver's choice when empty."),
    volumeAttributes: s.map(5, t.string).optional().doc('Parameters for the driver.'),
    controllerPublishSecretRef: s.field(6, secretReference).optional().doc('Secret for attaching and detaching.'),
    nodeStageSecretRef: s.field(7, secretReference).optional().doc('Secret for staging on a node.'),
    nodePublishSecretRef: s.field(8, secretReference).optional().doc('Secret for mounting into a pod.'),
    controllerExpandSecretRef: s.field(9, secretReference).optional().doc('Secret for growing in the back end.'),
    nodeExpandSecretRef: s.field(10, secretReference).optional().doc('Secret for growing on a node.'),
  },
  { doc: 'A volume of a CSI driver.' },
);
export interface CSIPersistentVolumeSource extends Of<typeof csiPersistentVolumeSource> {}

export const iscsiPersistentVolumeSource = struct(
  'core.v1.ISCSIPersistentVolumeSource',
  {
    ...iscsiFields,
    secretRef: s.field(10, secretReference).optional().doc('Secret with the CHAP credentials.'),
  },
  { doc: 'An iSCSI disk.' },
);
export interface ISCSIPersistentVolumeSource extends Of<typeof iscsiPersistentVolumeSource> {}

export const azureFilePersistentVolumeSource = struct(
  'core.v1.AzureFilePersistentVolumeSource',
  {
    ...azureFileFields,
    secretNamespace: s.string(4).keepsZero().optional().doc("Namespace of the Secret; the claim's when absent."),
  },
  { doc: 'An Azure file share. Old: goes to the CSI driver.' },
);
export interface AzureFilePersistentVolumeSource extends Of<typeof azureFilePersistentVolumeSource> {}

export const cephFSPersistentVolumeSource = struct(
  'core.v1.CephFSPersistentVolumeSource',
  {
    ...cephFSFields,
    secretRef: s.field(5, secretReference).optional().doc('Secret with the key.'),
  },
  { doc: 'A Ceph file system. Removed from nodes.' },
);
export interface CephFSPersistentVolumeSource extends Of<typeof cephFSPersistentVolumeSource> {}

export const cinderPersistentVolumeSource = struct(
  'core.v1.CinderPersistentVolumeSource',
  {
    ...cinderFields,
    secretRef: s.field(4, secretReference).optional().doc('Secret with OpenStack settings.'),
  },
  { doc: 'A disk of OpenStack. Old: goes to the CSI driver.' },
);
export interface CinderPersistentVolumeSource extends Of<typeof cinderPersistentVolumeSource> {}

export const flexPersistentVolumeSource = struct(
  'core.v1.FlexPersistentVolumeSource',
  {
    ...flexFields,
    secretRef: s.field(3, secretReference).optional().doc('Secret for the driver.'),
  },
  { doc: 'A volume of an exec plug-in. Old: use CSI.' },
);
export interface FlexPersistentVolumeSource extends Of<typeof flexPersistentVolumeSource> {}

export const glusterfsPersistentVolumeSource = struct(
  'core.v1.GlusterfsPersistentVolumeSource',
  {
    ...glusterfsFields,
    endpointsNamespace: s.string(4).keepsZero().optional().doc("Namespace of the Endpoints; the claim's when absent."),
  },
  { doc: 'A GlusterFS volume. Removed from nodes.' },
);
export interface GlusterfsPersistentVolumeSource extends Of<typeof glusterfsPersistentVolumeSource> {}

export const rbdPersistentVolumeSource = struct(
  'core.v1.RBDPersistentVolumeSource',
  {
    ...rbdFields,
    secretRef: s.field(7, secretReference).optional().doc('Secret with the key.'),
  },
  { doc: 'A Ceph RBD image. Removed from nodes.' },
);
export interface RBDPersistentVolumeSource extends Of<typeof rbdPersistentVolumeSource> {}

export const scaleIOPersistentVolumeSource = struct(
  'core.v1.ScaleIOPersistentVolumeSource',
  {
    ...scaleIOFields,
    secretRef: s.field(3, secretReference).keepsZero().ruled().doc('Secret with the credentials.'),
  },
  { doc: 'A ScaleIO volume. Removed from nodes.' },
);
export interface ScaleIOPersistentVolumeSource extends Of<typeof scaleIOPersistentVolumeSource> {}

export const storageOSPersistentVolumeSource = struct(
  'core.v1.StorageOSPersistentVolumeSource',
  {
    ...storageOSFields,
    secretRef: s.field(5, objectReference).optional().doc('Secret with the credentials.'),
  },
  { doc: 'A StorageOS volume. Removed from nodes.' },
);
export interface StorageOSPersistentVolumeSource extends Of<typeof storageOSPersistentVolumeSource> {}

/** Only the first source that is set is looked into: `persistentvolume-validation.ts` does that. */
export const persistentVolumeSource = struct(
  'core.v1.PersistentVolumeSource',
  {
    gcePersistentDisk: s
      .field(1, gcePersistentDiskVolumeSource)
      .optional()
      .ruled()
      .doc('A disk of Google Compute Engine.'),
    awsElasticBlockStore: s.field(2, awsElasticBlockStoreVolumeSource).optional().ruled().doc('A disk of AWS.'),
    hostPath: s
      .field(3, hostPathVolumeSource)
      .optional()
      .ruled()
      .doc('A directory of the node; for tests on one node only.'),
    glusterfs: s.field(4, glusterfsPersistentVolumeSource).optional().ruled().doc('A GlusterFS volume; removed.'),
    nfs: s.field(5, nfsVolumeSource).optional().ruled().doc('An NFS export.'),
    rbd: s.field(6, rbdPersistentVolumeSource).optional().ruled().doc('A Ceph RBD image; removed.'),
    iscsi: s.field(7, iscsiPersistentVolumeSource).optional().ruled().doc('An iSCSI disk.'),
    cinder: s.field(8, cinderPersistentVolumeSource).optional().ruled().doc('A disk of OpenStack.'),
    cephfs: s.field(9, cephFSPersistentVolumeSource).optional().ruled().doc('A Ceph file system; removed.'),
    fc: s.field(10, fcVolumeSource).optional().ruled().doc('A Fibre Channel disk.'),
    flocker: s.field(11, flockerVolumeSource).optional().ruled().doc('A Flocker dataset; removed.'),
    flexVolume: s.field(12, flexPersistentVolumeSource).optional().ruled().doc('A volume of an exec plug-in.'),
    azureFile: s.field(13, azureFilePersistentVolumeSource).optional().ruled().doc('An Azure file share.'),
    vsphereVolume: s.field(14, vsphereVirtualDiskVolumeSource).optional().ruled().doc('A vSphere disk.'),
    quobyte: s.field(15, quobyteVolumeSource).optional().ruled().doc('A Quobyte volume; removed.'),
    azureDisk: s.field(16, azureDiskVolumeSource).optional().ruled().doc('An Azure data disk.'),
    photonPersistentDisk: s
      .field(17, photonPersistentDiskVolumeSource)
      .optional()
      .ruled()
      .doc('A Photon disk; removed.'),
    portworxVolume: s.field(18, portworxVolumeSource).optional().ruled().doc('A Portworx volume.'),
    scaleIO: s.field(19, scaleIOPersistentVolumeSource).optional().ruled().doc('A ScaleIO volume; removed.'),
    local: s.field(20, localVolumeSource).optional().ruled().doc('A disk of one node.'),
    storageos: s.field(21, storageOSPersistentVolumeSource).optional().ruled().doc('A StorageOS volume; removed.'),
    csi: s.field(22, csiPersistentVolumeSource).optional().ruled().doc('A volume of a CSI driver.'),
  },
  { doc: 'Where the data is; exactly one member.' },
);
export interface PersistentVolumeSource extends Of<typeof persistentVolumeSource> {}
