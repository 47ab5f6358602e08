/**
 * Volume sources that upstream keeps for old manifests: in-tree cloud disks that CSI drivers serve today, and plug-ins that are gone. They are
 * stored and shown like any field; no kubelet of ours mounts them.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { localObjectReference } from './references.ts';

export const gcePersistentDiskVolumeSource = struct(
  'core.v1.GCEPersistentDiskVolumeSource',
  {
    pdName: s.string(1).ruled().doc('Name of the disk.'),
    fsType: s.string(2).optional().doc('File system.'),
    partition: s.int32(3).optional().doc('Partition number.'),
    readOnly: s.boolean(4).optional().doc('Mount read-only.'),
  },
  { doc: 'A disk of Google Compute Engine. Old: goes to the CSI driver.' },
);
export interface GCEPersistentDiskVolumeSource extends Of<typeof gcePersistentDiskVolumeSource> {}

export const awsElasticBlockStoreVolumeSource = struct(
  'core.v1.AWSElasticBlockStoreVolumeSource',
  {
    volumeID: s.string(1).doc('ID of the volume.'),
    fsType: s.string(2).optional().doc('File system.'),
    partition: s.int32(3).optional().doc('Partition number.'),
    readOnly: s.boolean(4).optional().doc('Mount read-only.'),
  },
  { doc: 'A disk of AWS EBS. Old: goes to the CSI driver.' },
);
export interface AWSElasticBlockStoreVolumeSource extends Of<typeof awsElasticBlockStoreVolumeSource> {}

export const gitRepoVolumeSource = struct(
  'core.v1.GitRepoVolumeSource',
  {
    repository: s.string(1).doc('URL of the repository.'),
    revision: s.string(2).optional().doc('Commit to check out.'),
    directory: s.string(3).optional().doc('Directory to clone into.'),
  },
  { doc: 'A clone of a git repository. Old and switched off.' },
);
export interface GitRepoVolumeSource extends Of<typeof gitRepoVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const glusterfsFields = {
  endpoints: s.string(1).doc('Endpoints with the servers.'),
  path: s.string(2).doc('Path of the volume.'),
  readOnly: s.boolean(3).optional().doc('Mount read-only.'),
};
export const glusterfsVolumeSource = struct(
  'core.v1.GlusterfsVolumeSource',
  { ...glusterfsFields },
  { doc: 'A GlusterFS volume. Removed from nodes.' },
);
export interface GlusterfsVolumeSource extends Of<typeof glusterfsVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const rbdFields = {
  monitors: s.list(1, t.string).doc('Ceph monitors.'),
  image: s.string(2).doc('Name of the image.'),
  fsType: s.string(3).optional().doc('File system.'),
  pool: s.string(4).default('rbd').doc('Name of the pool.'),
  user: s.string(5).default('admin').doc('User name.'),
  keyring: s.string(6).default('/etc/ceph/keyring').doc('Path of the keyring.'),
  secretRef: s.field(7, localObjectReference).optional().doc('Secret with the key.'),
  readOnly: s.boolean(8).optional().doc('Mount read-only.'),
};
export const rbdVolumeSource = struct(
  'core.v1.RBDVolumeSource',
  { ...rbdFields },
  { doc: 'A Ceph RBD image. Removed from nodes.' },
);
export interface RBDVolumeSource extends Of<typeof rbdVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const flexFields = {
  driver: s.string(1).doc('Name of the driver.'),
  fsType: s.string(2).optional().doc('File system.'),
  secretRef: s.field(3, localObjectReference).optional().doc('Secret for the driver.'),
  readOnly: s.boolean(4).optional().doc('Mount read-only.'),
  options: s.map(5, t.string).optional().doc('Options for the driver.'),
};
export const flexVolumeSource = struct(
  'core.v1.FlexVolumeSource',
  { ...flexFields },
  { doc: 'A volume of an exec plug-in. Old: use CSI.' },
);
export interface FlexVolumeSource extends Of<typeof flexVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const cinderFields = {
  volumeID: s.string(1).doc('ID of the volume.'),
  fsType: s.string(2).optional().doc('File system.'),
  readOnly: s.boolean(3).optional().doc('Mount read-only.'),
  secretRef: s.field(4, localObjectReference).optional().doc('Secret with OpenStack settings.'),
};
export const cinderVolumeSource = struct(
  'core.v1.CinderVolumeSource',
  { ...cinderFields },
  { doc: 'A disk of OpenStack. Old: goes to the CSI driver.' },
);
export interface CinderVolumeSource extends Of<typeof cinderVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const cephFSFields = {
  monitors: s.list(1, t.string).doc('Ceph monitors.'),
  path: s.string(2).optional().doc('Path inside the file system.'),
  user: s.string(3).optional().doc('User name.'),
  secretFile: s.string(4).optional().doc('Path of the key ring.'),
  secretRef: s.field(5, localObjectReference).optional().doc('Secret with the key.'),
  readOnly: s.boolean(6).optional().doc('Mount read-only.'),
};
export const cephFSVolumeSource = struct(
  'core.v1.CephFSVolumeSource',
  { ...cephFSFields },
  { doc: 'A Ceph file system. Removed from nodes.' },
);
export interface CephFSVolumeSource extends Of<typeof cephFSVolumeSource> {}

export const flockerVolumeSource = struct(
  'core.v1.FlockerVolumeSource',
  {
    datasetName: s.string(1).optional().doc('Name of the dataset.'),
    datasetUUID: s.string(2).optional().doc('UUID of the dataset.'),
  },
  { doc: 'A Flocker dataset. Removed from nodes.' },
);
export interface FlockerVolumeSource extends Of<typeof flockerVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const azureFileFields = {
  secretName: s.string(1).doc('Secret with account and key.'),
  shareName: s.string(2).doc('Name of the share.'),
  readOnly: s.boolean(3).optional().doc('Mount read-only.'),
};
export const azureFileVolumeSource = struct(
  'core.v1.AzureFileVolumeSource',
  { ...azureFileFields },
  { doc: 'An Azure file share. Old: goes to the CSI driver.' },
);
export interface AzureFileVolumeSource extends Of<typeof azureFileVolumeSource> {}

export const vsphereVirtualDiskVolumeSource = struct(
  'core.v1.VsphereVirtualDiskVolumeSource',
  {
    volumePath: s.string(1).doc('Path of the disk.'),
    fsType: s.string(2).optional().doc('File system.'),
    storagePolicyName: s.string(3).optional().doc('Name of the storage policy.'),
    storagePolicyID: s.string(4).optional().doc('ID of the storage policy.'),
  },
  { doc: 'A vSphere disk. Old: goes to the CSI driver.' },
);
export interface VsphereVirtualDiskVolumeSource extends Of<typeof vsphereVirtualDiskVolumeSource> {}

export const quobyteVolumeSource = struct(
  'core.v1.QuobyteVolumeSource',
  {
    registry: s.string(1).ruled().doc('Registry addresses, separated by commas.'),
    volume: s.string(2).doc('Name of the volume.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
    user: s.string(4).optional().doc('User to map to.'),
    group: s.string(5).optional().doc('Group to map to.'),
    tenant: s.string(6).optional().doc('Tenant that owns the volume.'),
  },
  { doc: 'A Quobyte volume. Removed from nodes.' },
);
export interface QuobyteVolumeSource extends Of<typeof quobyteVolumeSource> {}

export const azureDiskVolumeSource = struct(
  'core.v1.AzureDiskVolumeSource',
  {
    diskName: s.string(1).doc('Name of the disk.'),
    diskURI: s.string(2).doc('URI of the disk.'),
    cachingMode: s
      .oneOf(3, 'None', 'ReadOnly', 'ReadWrite')
      .keepsZero()
      .default('ReadWrite')
      .doc('None, ReadOnly or ReadWrite.'),
    fsType: s.string(4).keepsZero().default('ext4').doc('File system.'),
    readOnly: s.boolean(5).keepsZero().default(false).doc('Mount read-only.'),
    kind: s
      .oneOf(6, 'Shared', 'Dedicated', 'Managed')
      .keepsZero()
      .default('Shared')
      .doc('Shared, Dedicated or Managed.'),
  },
  { doc: 'An Azure data disk. Old: goes to the CSI driver.' },
);
export interface AzureDiskVolumeSource extends Of<typeof azureDiskVolumeSource> {}

export const photonPersistentDiskVolumeSource = struct(
  'core.v1.PhotonPersistentDiskVolumeSource',
  {
    pdID: s.string(1).doc('ID of the disk.'),
    fsType: s.string(2).optional().doc('File system.'),
  },
  { doc: 'A Photon disk. Removed from nodes.' },
);
export interface PhotonPersistentDiskVolumeSource extends Of<typeof photonPersistentDiskVolumeSource> {}

export const portworxVolumeSource = struct(
  'core.v1.PortworxVolumeSource',
  {
    volumeID: s.string(1).doc('ID of the volume.'),
    fsType: s.string(2).optional().doc('File system.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
  },
  { doc: 'A Portworx volume. Old: goes to the CSI driver.' },
);
export interface PortworxVolumeSource extends Of<typeof portworxVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const scaleIOFields = {
  gateway: s.string(1).doc('Address of the gateway.'),
  system: s.string(2).doc('Name of the system.'),
  secretRef: s.field(3, localObjectReference).ruled().doc('Secret with the credentials.'),
  sslEnabled: s.boolean(4).optional().doc('Use TLS to the gateway.'),
  protectionDomain: s.string(5).optional().doc('Protection domain.'),
  storagePool: s.string(6).optional().doc('Storage pool.'),
  storageMode: s.string(7).default('ThinProvisioned').doc('ThickProvisioned or ThinProvisioned.'),
  volumeName: s.string(8).optional().doc('Name of the volume.'),
  fsType: s.string(9).default('xfs').doc('File system.'),
  readOnly: s.boolean(10).optional().doc('Mount read-only.'),
};
export const scaleIOVolumeSource = struct(
  'core.v1.ScaleIOVolumeSource',
  { ...scaleIOFields },
  { doc: 'A ScaleIO volume. Removed from nodes.' },
);
export interface ScaleIOVolumeSource extends Of<typeof scaleIOVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const storageOSFields = {
  volumeName: s.string(1).optional().doc('Name of the volume.'),
  volumeNamespace: s.string(2).optional().doc('Namespace of the volume.'),
  fsType: s.string(3).optional().doc('File system.'),
  readOnly: s.boolean(4).optional().doc('Mount read-only.'),
  secretRef: s.field(5, localObjectReference).optional().doc('Secret with the credentials.'),
};
export const storageOSVolumeSource = struct(
  'core.v1.StorageOSVolumeSource',
  { ...storageOSFields },
  { doc: 'A StorageOS volume. Removed from nodes.' },
);
export interface StorageOSVolumeSource extends Of<typeof storageOSVolumeSource> {}
