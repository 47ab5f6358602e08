/** */
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { objectMeta } from '#schema/object-meta.ts';
import {
  localObjectReference,
  objectFieldSelector,
  resourceFieldSelector,
  typedLocalObjectReference,
} from './references.ts';
import { volumeResourceRequirements } from './resources.ts';

export const hostPathVolumeSource = struct('core.v1.HostPathVolumeSource', {
  path: s.string(1).doc(''),
  type: s
    .oneOf(2, '', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice')
    .default('')
    .doc(''),
});
export interface HostPathVolumeSource extends Of<typeof hostPathVolumeSource> {}

export const emptyDirVolumeSource = struct('core.v1.EmptyDirVolumeSource', {
  medium: s.string(1).optional().doc(''),
  sizeLimit: s.quantity(2).optional().doc(''),
});
export interface EmptyDirVolumeSource extends Of<typeof emptyDirVolumeSource> {}

export const gcePersistentDiskVolumeSource = struct('core.v1.GCEPersistentDiskVolumeSource', {
  pdName: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  partition: s.int32(3).optional().doc(''),
  readOnly: s.boolean(4).optional().doc(''),
});
export interface GCEPersistentDiskVolumeSource extends Of<typeof gcePersistentDiskVolumeSource> {}

export const awsElasticBlockStoreVolumeSource = struct('core.v1.AWSElasticBlockStoreVolumeSource', {
  volumeID: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  partition: s.int32(3).optional().doc(''),
  readOnly: s.boolean(4).optional().doc(''),
});
export interface AWSElasticBlockStoreVolumeSource extends Of<typeof awsElasticBlockStoreVolumeSource> {}

export const gitRepoVolumeSource = struct('core.v1.GitRepoVolumeSource', {
  repository: s.string(1).doc(''),
  revision: s.string(2).optional().doc(''),
  directory: s.string(3).optional().doc(''),
});
export interface GitRepoVolumeSource extends Of<typeof gitRepoVolumeSource> {}

export const keyToPath = struct('core.v1.KeyToPath', {
  key: s.string(1).doc(''),
  path: s.string(2).doc(''),
  mode: s.int32(3).optional().doc(''),
});
export interface KeyToPath extends Of<typeof keyToPath> {}

export const secretVolumeSource = struct('core.v1.SecretVolumeSource', {
  secretName: s.string(1).optional().doc(''),
  items: s.list(2, keyToPath).optional().doc(''),
  defaultMode: s.int32(3).default(420).doc(''),
  optional: s.boolean(4).optional().doc(''),
});
export interface SecretVolumeSource extends Of<typeof secretVolumeSource> {}

export const nfsVolumeSource = struct('core.v1.NFSVolumeSource', {
  server: s.string(1).doc(''),
  path: s.string(2).doc(''),
  readOnly: s.boolean(3).optional().doc(''),
});
export interface NFSVolumeSource extends Of<typeof nfsVolumeSource> {}

export const iscsiVolumeSource = struct('core.v1.ISCSIVolumeSource', {
  targetPortal: s.string(1).doc(''),
  iqn: s.string(2).doc(''),
  lun: s.int32(3).doc(''),
  iscsiInterface: s.string(4).default('default').doc(''),
  fsType: s.string(5).optional().doc(''),
  readOnly: s.boolean(6).optional().doc(''),
  portals: s.list(7, t.string).optional().doc(''),
  chapAuthDiscovery: s.boolean(8).optional().doc(''),
  chapAuthSession: s.boolean(11).optional().doc(''),
  secretRef: s.field(10, localObjectReference).optional().doc(''),
  initiatorName: s.string(12).optional().doc(''),
});
export interface ISCSIVolumeSource extends Of<typeof iscsiVolumeSource> {}

export const glusterfsVolumeSource = struct('core.v1.GlusterfsVolumeSource', {
  endpoints: s.string(1).doc(''),
  path: s.string(2).doc(''),
  readOnly: s.boolean(3).optional().doc(''),
});
export interface GlusterfsVolumeSource extends Of<typeof glusterfsVolumeSource> {}

export const persistentVolumeClaimVolumeSource = struct('core.v1.PersistentVolumeClaimVolumeSource', {
  claimName: s.string(1).doc(''),
  readOnly: s.boolean(2).optional().doc(''),
});
export interface PersistentVolumeClaimVolumeSource extends Of<typeof persistentVolumeClaimVolumeSource> {}

export const rbdVolumeSource = struct('core.v1.RBDVolumeSource', {
  monitors: s.list(1, t.string).doc(''),
  image: s.string(2).doc(''),
  fsType: s.string(3).optional().doc(''),
  pool: s.string(4).default('rbd').doc(''),
  user: s.string(5).default('admin').doc(''),
  keyring: s.string(6).default('/etc/ceph/keyring').doc(''),
  secretRef: s.field(7, localObjectReference).optional().doc(''),
  readOnly: s.boolean(8).optional().doc(''),
});
export interface RBDVolumeSource extends Of<typeof rbdVolumeSource> {}

export const flexVolumeSource = struct('core.v1.FlexVolumeSource', {
  driver: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  secretRef: s.field(3, localObjectReference).optional().doc(''),
  readOnly: s.boolean(4).optional().doc(''),
  options: s.map(5, t.string).optional().doc(''),
});
export interface FlexVolumeSource extends Of<typeof flexVolumeSource> {}

export const cinderVolumeSource = struct('core.v1.CinderVolumeSource', {
  volumeID: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  readOnly: s.boolean(3).optional().doc(''),
  secretRef: s.field(4, localObjectReference).optional().doc(''),
});
export interface CinderVolumeSource extends Of<typeof cinderVolumeSource> {}

export const cephFSVolumeSource = struct('core.v1.CephFSVolumeSource', {
  monitors: s.list(1, t.string).doc(''),
  path: s.string(2).optional().doc(''),
  user: s.string(3).optional().doc(''),
  secretFile: s.string(4).optional().doc(''),
  secretRef: s.field(5, localObjectReference).optional().doc(''),
  readOnly: s.boolean(6).optional().doc(''),
});
export interface CephFSVolumeSource extends Of<typeof cephFSVolumeSource> {}

export const flockerVolumeSource = struct('core.v1.FlockerVolumeSource', {
  datasetName: s.string(1).optional().doc(''),
  datasetUUID: s.string(2).optional().doc(''),
});
export interface FlockerVolumeSource extends Of<typeof flockerVolumeSource> {}

export const downwardAPIVolumeFile = struct('core.v1.DownwardAPIVolumeFile', {
  path: s.string(1).doc(''),
  fieldRef: s.field(2, objectFieldSelector).optional().doc(''),
  resourceFieldRef: s.field(3, resourceFieldSelector).optional().doc(''),
  mode: s.int32(4).optional().doc(''),
});
export interface DownwardAPIVolumeFile extends Of<typeof downwardAPIVolumeFile> {}

export const downwardAPIVolumeSource = struct('core.v1.DownwardAPIVolumeSource', {
  items: s.list(1, downwardAPIVolumeFile).optional().doc(''),
  defaultMode: s.int32(2).default(420).doc(''),
});
export interface DownwardAPIVolumeSource extends Of<typeof downwardAPIVolumeSource> {}

export const fcVolumeSource = struct('core.v1.FCVolumeSource', {
  targetWWNs: s.list(1, t.string).optional().doc(''),
  lun: s.int32(2).optional().doc(''),
  fsType: s.string(3).optional().doc(''),
  readOnly: s.boolean(4).optional().doc(''),
  wwids: s.list(5, t.string).optional().doc(''),
});
export interface FCVolumeSource extends Of<typeof fcVolumeSource> {}

export const azureFileVolumeSource = struct('core.v1.AzureFileVolumeSource', {
  secretName: s.string(1).doc(''),
  shareName: s.string(2).doc(''),
  readOnly: s.boolean(3).optional().doc(''),
});
export interface AzureFileVolumeSource extends Of<typeof azureFileVolumeSource> {}

export const configMapVolumeSource = struct('core.v1.ConfigMapVolumeSource', {
  ...inline(1, localObjectReference),
  items: s.list(2, keyToPath).optional().doc(''),
  defaultMode: s.int32(3).default(420).doc(''),
  optional: s.boolean(4).optional().doc(''),
});
export interface ConfigMapVolumeSource extends Of<typeof configMapVolumeSource> {}

export const vsphereVirtualDiskVolumeSource = struct('core.v1.VsphereVirtualDiskVolumeSource', {
  volumePath: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  storagePolicyName: s.string(3).optional().doc(''),
  storagePolicyID: s.string(4).optional().doc(''),
});
export interface VsphereVirtualDiskVolumeSource extends Of<typeof vsphereVirtualDiskVolumeSource> {}

export const quobyteVolumeSource = struct('core.v1.QuobyteVolumeSource', {
  registry: s.string(1).doc(''),
  volume: s.string(2).doc(''),
  readOnly: s.boolean(3).optional().doc(''),
  user: s.string(4).optional().doc(''),
  group: s.string(5).optional().doc(''),
  tenant: s.string(6).optional().doc(''),
});
export interface QuobyteVolumeSource extends Of<typeof quobyteVolumeSource> {}

export const azureDiskVolumeSource = struct('core.v1.AzureDiskVolumeSource', {
  diskName: s.string(1).doc(''),
  diskURI: s.string(2).doc(''),
  cachingMode: s.oneOf(3, 'None', 'ReadOnly', 'ReadWrite').default('ReadWrite').doc(''),
  fsType: s.string(4).default('ext4').doc(''),
  readOnly: s.boolean(5).default(false).doc(''),
  kind: s.oneOf(6, 'Shared', 'Dedicated', 'Managed').default('Shared').doc(''),
});
export interface AzureDiskVolumeSource extends Of<typeof azureDiskVolumeSource> {}

export const photonPersistentDiskVolumeSource = struct('core.v1.PhotonPersistentDiskVolumeSource', {
  pdID: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
});
export interface PhotonPersistentDiskVolumeSource extends Of<typeof photonPersistentDiskVolumeSource> {}

export const secretProjection = struct('core.v1.SecretProjection', {
  ...inline(1, localObjectReference),
  items: s.list(2, keyToPath).optional().doc(''),
  optional: s.boolean(4).optional().doc(''),
});
export interface SecretProjection extends Of<typeof secretProjection> {}

export const downwardAPIProjection = struct('core.v1.DownwardAPIProjection', {
  items: s.list(1, downwardAPIVolumeFile).optional().doc(''),
});
export interface DownwardAPIProjection extends Of<typeof downwardAPIProjection> {}

export const configMapProjection = struct('core.v1.ConfigMapProjection', {
  ...inline(1, localObjectReference),
  items: s.list(2, keyToPath).optional().doc(''),
  optional: s.boolean(4).optional().doc(''),
});
export interface ConfigMapProjection extends Of<typeof configMapProjection> {}

export const serviceAccountTokenProjection = struct('core.v1.ServiceAccountTokenProjection', {
  audience: s.string(1).optional().doc(''),
  expirationSeconds: s.int64(2).default(3600).doc(''),
  path: s.string(3).doc(''),
});
export interface ServiceAccountTokenProjection extends Of<typeof serviceAccountTokenProjection> {}

export const clusterTrustBundleProjection = struct('core.v1.ClusterTrustBundleProjection', {
  name: s.string(1).optional().doc(''),
  signerName: s.string(2).optional().doc(''),
  labelSelector: s.field(3, labelSelector).optional().doc(''),
  optional: s.boolean(5).optional().doc(''),
  path: s.string(4).doc(''),
});
export interface ClusterTrustBundleProjection extends Of<typeof clusterTrustBundleProjection> {}

export const podCertificateProjection = struct('core.v1.PodCertificateProjection', {
  signerName: s.string(1).optional().doc(''),
  keyType: s.string(2).optional().doc(''),
  maxExpirationSeconds: s.int32(3).optional().doc(''),
  credentialBundlePath: s.string(4).optional().doc(''),
  keyPath: s.string(5).optional().doc(''),
  certificateChainPath: s.string(6).optional().doc(''),
  userAnnotations: s.map(7, t.string).optional().doc(''),
});
export interface PodCertificateProjection extends Of<typeof podCertificateProjection> {}

export const volumeProjection = struct('core.v1.VolumeProjection', {
  secret: s.field(1, secretProjection).optional().doc(''),
  downwardAPI: s.field(2, downwardAPIProjection).optional().doc(''),
  configMap: s.field(3, configMapProjection).optional().doc(''),
  serviceAccountToken: s.field(4, serviceAccountTokenProjection).optional().doc(''),
  clusterTrustBundle: s.field(5, clusterTrustBundleProjection).optional().doc(''),
  podCertificate: s.field(6, podCertificateProjection).optional().doc(''),
});
export interface VolumeProjection extends Of<typeof volumeProjection> {}

export const projectedVolumeSource = struct('core.v1.ProjectedVolumeSource', {
  sources: s.list(1, volumeProjection).default([]).doc(''),
  defaultMode: s.int32(2).default(420).doc(''),
});
export interface ProjectedVolumeSource extends Of<typeof projectedVolumeSource> {}

export const portworxVolumeSource = struct('core.v1.PortworxVolumeSource', {
  volumeID: s.string(1).doc(''),
  fsType: s.string(2).optional().doc(''),
  readOnly: s.boolean(3).optional().doc(''),
});
export interface PortworxVolumeSource extends Of<typeof portworxVolumeSource> {}

export const scaleIOVolumeSource = struct('core.v1.ScaleIOVolumeSource', {
  gateway: s.string(1).doc(''),
  system: s.string(2).doc(''),
  secretRef: s.field(3, localObjectReference).doc(''),
  sslEnabled: s.boolean(4).optional().doc(''),
  protectionDomain: s.string(5).optional().doc(''),
  storagePool: s.string(6).optional().doc(''),
  storageMode: s.string(7).default('ThinProvisioned').doc(''),
  volumeName: s.string(8).optional().doc(''),
  fsType: s.string(9).default('xfs').doc(''),
  readOnly: s.boolean(10).optional().doc(''),
});
export interface ScaleIOVolumeSource extends Of<typeof scaleIOVolumeSource> {}

export const storageOSVolumeSource = struct('core.v1.StorageOSVolumeSource', {
  volumeName: s.string(1).optional().doc(''),
  volumeNamespace: s.string(2).optional().doc(''),
  fsType: s.string(3).optional().doc(''),
  readOnly: s.boolean(4).optional().doc(''),
  secretRef: s.field(5, localObjectReference).optional().doc(''),
});
export interface StorageOSVolumeSource extends Of<typeof storageOSVolumeSource> {}

export const csiVolumeSource = struct('core.v1.CSIVolumeSource', {
  driver: s.string(1).doc(''),
  readOnly: s.boolean(2).optional().doc(''),
  fsType: s.string(3).optional().doc(''),
  volumeAttributes: s.map(4, t.string).optional().doc(''),
  nodePublishSecretRef: s.field(5, localObjectReference).optional().doc(''),
});
export interface CSIVolumeSource extends Of<typeof csiVolumeSource> {}

export const typedObjectReference = struct('core.v1.TypedObjectReference', {
  apiGroup: s.string(1).optional().doc(''),
  kind: s.string(2).doc(''),
  name: s.string(3).doc(''),
});
export interface TypedObjectReference extends Of<typeof typedObjectReference> {}

export const persistentVolumeClaimSpec = struct('core.v1.PersistentVolumeClaimSpec', {
  accessModes: s
    .list(1, t.oneOf('ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'))
    .optional()
    .doc(''),
  selector: s.field(4, labelSelector).optional().doc(''),
  resources: s.field(2, volumeResourceRequirements).default({}).doc(''),
  volumeName: s.string(3).optional().doc(''),
  storageClassName: s.string(5).optional().doc(''),
  volumeMode: s.oneOf(6, 'Block', 'Filesystem').default('Filesystem').doc(''),
  dataSource: s.field(7, typedLocalObjectReference).optional().doc(''),
  dataSourceRef: s.field(8, typedObjectReference).optional().doc(''),
  volumeAttributesClassName: s.string(9).optional().doc(''),
});
export interface PersistentVolumeClaimSpec extends Of<typeof persistentVolumeClaimSpec> {}

export const persistentVolumeClaimTemplate = struct('core.v1.PersistentVolumeClaimTemplate', {
  metadata: s.field(1, objectMeta).optional().doc(''),
  spec: s.field(2, persistentVolumeClaimSpec).doc(''),
});
export interface PersistentVolumeClaimTemplate extends Of<typeof persistentVolumeClaimTemplate> {}

export const ephemeralVolumeSource = struct('core.v1.EphemeralVolumeSource', {
  volumeClaimTemplate: s.field(1, persistentVolumeClaimTemplate).optional().doc(''),
});
export interface EphemeralVolumeSource extends Of<typeof ephemeralVolumeSource> {}

export const imageVolumeSource = struct('core.v1.ImageVolumeSource', {
  reference: s.string(1).optional().doc(''),
  pullPolicy: s.oneOf(2, 'Always', 'Never', 'IfNotPresent').filled().doc(''),
});
export interface ImageVolumeSource extends Of<typeof imageVolumeSource> {}

export const volumeSource = struct('core.v1.VolumeSource', {
  hostPath: s.field(1, hostPathVolumeSource).optional().doc(''),
  emptyDir: s.field(2, emptyDirVolumeSource).optional().doc(''),
  gcePersistentDisk: s.field(3, gcePersistentDiskVolumeSource).optional().doc(''),
  awsElasticBlockStore: s.field(4, awsElasticBlockStoreVolumeSource).optional().doc(''),
  gitRepo: s.field(5, gitRepoVolumeSource).optional().doc(''),
  secret: s.field(6, secretVolumeSource).optional().doc(''),
  nfs: s.field(7, nfsVolumeSource).optional().doc(''),
  iscsi: s.field(8, iscsiVolumeSource).optional().doc(''),
  glusterfs: s.field(9, glusterfsVolumeSource).optional().doc(''),
  persistentVolumeClaim: s.field(10, persistentVolumeClaimVolumeSource).optional().doc(''),
  rbd: s.field(11, rbdVolumeSource).optional().doc(''),
  flexVolume: s.field(12, flexVolumeSource).optional().doc(''),
  cinder: s.field(13, cinderVolumeSource).optional().doc(''),
  cephfs: s.field(14, cephFSVolumeSource).optional().doc(''),
  flocker: s.field(15, flockerVolumeSource).optional().doc(''),
  downwardAPI: s.field(16, downwardAPIVolumeSource).optional().doc(''),
  fc: s.field(17, fcVolumeSource).optional().doc(''),
  azureFile: s.field(18, azureFileVolumeSource).optional().doc(''),
  configMap: s.field(19, configMapVolumeSource).optional().doc(''),
  vsphereVolume: s.field(20, vsphereVirtualDiskVolumeSource).optional().doc(''),
  quobyte: s.field(21, quobyteVolumeSource).optional().doc(''),
  azureDisk: s.field(22, azureDiskVolumeSource).optional().doc(''),
  photonPersistentDisk: s.field(23, photonPersistentDiskVolumeSource).optional().doc(''),
  projected: s.field(26, projectedVolumeSource).optional().doc(''),
  portworxVolume: s.field(24, portworxVolumeSource).optional().doc(''),
  scaleIO: s.field(25, scaleIOVolumeSource).optional().doc(''),
  storageos: s.field(27, storageOSVolumeSource).optional().doc(''),
  csi: s.field(28, csiVolumeSource).optional().doc(''),
  ephemeral: s.field(29, ephemeralVolumeSource).optional().doc(''),
  image: s.field(30, imageVolumeSource).optional().doc(''),
});
export interface VolumeSource extends Of<typeof volumeSource> {}

export const volume = struct('core.v1.Volume', {
  name: s.string(1).doc(''),
  ...inline(2, volumeSource),
});
export interface Volume extends Of<typeof volume> {}
