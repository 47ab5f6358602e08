/**
 * Where the data of a PersistentVolume is. Sources that pods can name too stand in `volume.ts` and `volume-legacy.ts`; those here differ from
 * them, because a volume has no namespace and must say in which one its Secrets are.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';
import { fcVolumeSource, hostPathVolumeSource, nfsVolumeSource } from './volume.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
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
    targetPortal: s.string(1).doc('Address of the target, with port when it is not 3260.'),
    iqn: s.string(2).doc('Qualified name of the target.'),
    lun: s.int32(3).doc('Logical unit number.'),
    iscsiInterface: s.string(4).default('default').doc('Transport interface.'),
    fsType: s.string(5).optional().doc('File system.'),
    readOnly: s.boolean(6).optional().doc('Mount read-only.'),
    portals: s.list(7, t.string).optional().doc('Further portals.'),
    chapAuthDiscovery: s.boolean(8).optional().doc('Authenticate discovery by CHAP.'),
    chapAuthSession: s.boolean(11).optional().doc('Authenticate the session by CHAP.'),
    secretRef: s.field(10, secretReference).optional().doc('Secret with the CHAP credentials.'),
    initiatorName: s.string(12).keepsZero().optional().doc('Name of the initiator.'),
  },
  { doc: 'An iSCSI disk.' },
);
export interface ISCSIPersistentVolumeSource extends Of<typeof iscsiPersistentVolumeSource> {}

export const azureFilePersistentVolumeSource = struct(
  'core.v1.AzureFilePersistentVolumeSource',
  {
    secretName: s.string(1).doc('Secret with account and key.'),
    shareName: s.string(2).doc('Name of the share.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
    secretNamespace: s.string(4).keepsZero().optional().doc("Namespace of the Secret; the claim's when absent."),
  },
  { doc: 'An Azure file share. Old: goes to the CSI driver.' },
);
export interface AzureFilePersistentVolumeSource extends Of<typeof azureFilePersistentVolumeSource> {}

export const cephFSPersistentVolumeSource = struct(
  'core.v1.CephFSPersistentVolumeSource',
  {
    monitors: s.list(1, t.string).doc('Ceph monitors.'),
    path: s.string(2).optional().doc('Path inside the file system.'),
    user: s.string(3).optional().doc('User name.'),
    secretFile: s.string(4).optional().doc('Path of the key ring.'),
    secretRef: s.field(5, secretReference).optional().doc('Secret with the key.'),
    readOnly: s.boolean(6).optional().doc('Mount read-only.'),
  },
  { doc: 'A Ceph file system. Removed from nodes.' },
);
export interface CephFSPersistentVolumeSource extends Of<typeof cephFSPersistentVolumeSource> {}

export const cinderPersistentVolumeSource = struct(
  'core.v1.CinderPersistentVolumeSource',
  {
    volumeID: s.string(1).doc('ID of the volume.'),
    fsType: s.string(2).optional().doc('File system.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
    secretRef: s.field(4, secretReference).optional().doc('Secret with OpenStack settings.'),
  },
  { doc: 'A disk of OpenStack. Old: goes to the CSI driver.' },
);
export interface CinderPersistentVolumeSource extends Of<typeof cinderPersistentVolumeSource> {}

export const flexPersistentVolumeSource = struct(
  'core.v1.FlexPersistentVolumeSource',
  {
    driver: s.string(1).doc('Name of the driver.'),
    fsType: s.string(2).optional().doc('File system.'),
    secretRef: s.field(3, secretReference).optional().doc('Secret for the driver.'),
    readOnly: s.boolean(4).optional().doc('Mount read-only.'),
    options: s.map(5, t.string).optional().doc('Options for the driver.'),
  },
  { doc: 'A volume of an exec plug-in. Old: use CSI.' },
);
export interface FlexPersistentVolumeSource extends Of<typeof flexPersistentVolumeSource> {}

export const glusterfsPersistentVolumeSource = struct(
  'core.v1.GlusterfsPersistentVolumeSource',
  {
    endpoints: s.string(1).doc('Endpoints with the servers.'),
    path: s.string(2).doc('Path of the volume.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
    endpointsNamespace: s.string(4).keepsZero().optional().doc("Namespace of the Endpoints; the claim's when absent."),
  },
  { doc: 'A GlusterFS volume. Removed from nodes.' },
);
export interface GlusterfsPersistentVolumeSource extends Of<typeof glusterfsPersistentVolumeSource> {}

export const rbdPersistentVolumeSource = struct(
  'core.v1.RBDPersistentVolumeSource',
  {
    monitors: s.list(1, t.string).doc('Ceph monitors.'),
    image: s.string(2).doc('Name of the image.'),
    fsType: s.string(3).optional().doc('File system.'),
    pool: s.string(4).default('rbd').doc('Name of the pool.'),
    user: s.string(5).default('admin').doc('User name.'),
    keyring: s.string(6).default('/etc/ceph/keyring').doc('Path of the keyring.'),
    secretRef: s.field(7, secretReference).optional().doc('Secret with the key.'),
    readOnly: s.boolean(8).optional().doc('Mount read-only.'),
  },
  { doc: 'A Ceph RBD image. Removed from nodes.' },
);
export interface RBDPersistentVolumeSource extends Of<typeof rbdPersistentVolumeSource> {}

export const scaleIOPersistentVolumeSource = struct(
  'core.v1.ScaleIOPersistentVolumeSource',
  {
    gateway: s.string(1).doc('Address of the gateway.'),
    system: s.string(2).doc('Name of the system.'),
    secretRef: s.field(3, secretReference).doc('Secret with the credentials.'),
    sslEnabled: s.boolean(4).optional().doc('Use TLS to the gateway.'),
    protectionDomain: s.string(5).optional().doc('Protection domain.'),
    storagePool: s.string(6).optional().doc('Storage pool.'),
    storageMode: s.string(7).default('ThinProvisioned').doc('ThickProvisioned or ThinProvisioned.'),
    volumeName: s.string(8).optional().doc('Name of the volume.'),
    fsType: s.string(9).default('xfs').doc('File system.'),
    readOnly: s.boolean(10).optional().doc('Mount read-only.'),
  },
  { doc: 'A ScaleIO volume. Removed from nodes.' },
);
export interface ScaleIOPersistentVolumeSource extends Of<typeof scaleIOPersistentVolumeSource> {}

export const storageOSPersistentVolumeSource = struct(
  'core.v1.StorageOSPersistentVolumeSource',
  {
    volumeName: s.string(1).optional().doc('Name of the volume.'),
    volumeNamespace: s.string(2).optional().doc('Namespace of the volume.'),
    fsType: s.string(3).optional().doc('File system.'),
    readOnly: s.boolean(4).optional().doc('Mount read-only.'),
    secretRef: s.field(5, objectReference).optional().doc('Secret with the credentials.'),
  },
  { doc: 'A StorageOS volume. Removed from nodes.' },
);
export interface StorageOSPersistentVolumeSource extends Of<typeof storageOSPersistentVolumeSource> {}

export const persistentVolumeSource = struct(
  'core.v1.PersistentVolumeSource',
  {
    gcePersistentDisk: s.field(1, gcePersistentDiskVolumeSource).optional().doc('A disk of Google Compute Engine.'),
    awsElasticBlockStore: s.field(2, awsElasticBlockStoreVolumeSource).optional().doc('A disk of AWS.'),
    hostPath: s.field(3, hostPathVolumeSource).optional().doc('A directory of the node; for tests on one node only.'),
    glusterfs: s.field(4, glusterfsPersistentVolumeSource).optional().doc('A GlusterFS volume; removed.'),
    nfs: s.field(5, nfsVolumeSource).optional().doc('An NFS export.'),
    rbd: s.field(6, rbdPersistentVolumeSource).optional().doc('A Ceph RBD image; removed.'),
    iscsi: s.field(7, iscsiPersistentVolumeSource).optional().doc('An iSCSI disk.'),
    cinder: s.field(8, cinderPersistentVolumeSource).optional().doc('A disk of OpenStack.'),
    cephfs: s.field(9, cephFSPersistentVolumeSource).optional().doc('A Ceph file system; removed.'),
    fc: s.field(10, fcVolumeSource).optional().doc('A Fibre Channel disk.'),
    flocker: s.field(11, flockerVolumeSource).optional().doc('A Flocker dataset; removed.'),
    flexVolume: s.field(12, flexPersistentVolumeSource).optional().doc('A volume of an exec plug-in.'),
    azureFile: s.field(13, azureFilePersistentVolumeSource).optional().doc('An Azure file share.'),
    vsphereVolume: s.field(14, vsphereVirtualDiskVolumeSource).optional().doc('A vSphere disk.'),
    quobyte: s.field(15, quobyteVolumeSource).optional().doc('A Quobyte volume; removed.'),
    azureDisk: s.field(16, azureDiskVolumeSource).optional().doc('An Azure data disk.'),
    photonPersistentDisk: s.field(17, photonPersistentDiskVolumeSource).optional().doc('A Photon disk; removed.'),
    portworxVolume: s.field(18, portworxVolumeSource).optional().doc('A Portworx volume.'),
    scaleIO: s.field(19, scaleIOPersistentVolumeSource).optional().doc('A ScaleIO volume; removed.'),
    local: s.field(20, localVolumeSource).optional().doc('A disk of one node.'),
    storageos: s.field(21, storageOSPersistentVolumeSource).optional().doc('A StorageOS volume; removed.'),
    csi: s.field(22, csiPersistentVolumeSource).optional().doc('A volume of a CSI driver.'),
  },
  { doc: 'Where the data is; exactly one member.' },
);
export interface PersistentVolumeSource extends Of<typeof persistentVolumeSource> {}
