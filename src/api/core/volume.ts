/**
 * Volumes of a pod: the sources that nodes mount today. Old ones stand in `volume-legacy.ts`.
 */
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
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  azureFileVolumeSource,
  cephFSVolumeSource,
  cinderVolumeSource,
  flexVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  gitRepoVolumeSource,
  glusterfsVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  rbdVolumeSource,
  scaleIOVolumeSource,
  storageOSVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from './volume-legacy.ts';

export const hostPathTypes = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
] as const;

export const hostPathVolumeSource = struct(
  'core.v1.HostPathVolumeSource',
  {
    path: s.string(1).doc('Path on the node.'),
    type: s
      .oneOf(2, ...hostPathTypes)
      .keepsZero()
      .default('')
      .ruled()
      .doc(
        'What must be there, or is made: Directory, DirectoryOrCreate, File, FileOrCreate, Socket, CharDevice, BlockDevice; empty checks nothing.',
      ),
  },
  { doc: 'A file or directory of the node.' },
);
export interface HostPathVolumeSource extends Of<typeof hostPathVolumeSource> {}

export const emptyDirVolumeSource = struct(
  'core.v1.EmptyDirVolumeSource',
  {
    medium: s.string(1).optional().doc("Empty for the node's disk, Memory for a tmpfs, HugePages or HugePages-<size>."),
    sizeLimit: s.quantity(2).optional().doc('The most it may hold.'),
    mode: s.int32(3).keepsZero().off('EmptyDirVolumeMode').doc('Permission bits of the directory, 0 to 01777.'),
  },
  { doc: 'An empty directory that lives as long as the pod.' },
);
export interface EmptyDirVolumeSource extends Of<typeof emptyDirVolumeSource> {}

export const keyToPath = struct(
  'core.v1.KeyToPath',
  {
    key: s.string(1).doc('The key.'),
    path: s.string(2).doc('Relative path of the file; without "..".'),
    mode: s.int32(3).keepsZero().optional().doc('Permission bits of the file, 0 to 0777; defaultMode when absent.'),
    user: s.int64(4).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the file; defaultUser when absent.'),
  },
  { doc: 'Puts one key into one file.' },
);
export interface KeyToPath extends Of<typeof keyToPath> {}

export const secretVolumeSource = struct(
  'core.v1.SecretVolumeSource',
  {
    secretName: s.string(1).optional().doc('Name of the Secret.'),
    items: s.list(2, keyToPath).optional().doc('The keys to show; all when absent.'),
    defaultMode: s.int32(3).keepsZero().default(420).doc('Permission bits of the files, 0 to 0777.'),
    optional: s.boolean(4).keepsZero().optional().doc('When true, a missing Secret or key is no failure.'),
    defaultUser: s.int64(5).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the files.'),
  },
  { doc: 'The keys of a Secret as files.' },
);
export interface SecretVolumeSource extends Of<typeof secretVolumeSource> {}

export const nfsVolumeSource = struct(
  'core.v1.NFSVolumeSource',
  {
    server: s.string(1).doc('Host name or address of the server.'),
    path: s.string(2).doc('Exported path.'),
    readOnly: s.boolean(3).optional().doc('Mount read-only.'),
  },
  { doc: 'An NFS export.' },
);
export interface NFSVolumeSource extends Of<typeof nfsVolumeSource> {}

/** Shared with the PersistentVolume's form. */
export const iscsiFields = {
  targetPortal: s.string(1).doc('Address of the target, with port when it is not 3260.'),
  iqn: s.string(2).doc('Qualified name of the target.'),
  lun: s.int32(3).doc('Logical unit number.'),
  iscsiInterface: s.string(4).default('default').doc('Transport interface.'),
  fsType: s.string(5).optional().doc('File system.'),
  readOnly: s.boolean(6).optional().doc('Mount read-only.'),
  portals: s.list(7, t.string).optional().doc('Further portals.'),
  chapAuthDiscovery: s.boolean(8).optional().doc('Authenticate discovery by CHAP.'),
  chapAuthSession: s.boolean(11).optional().doc('Authenticate the session by CHAP.'),
  secretRef: s.field(10, localObjectReference).optional().doc('Secret with the CHAP credentials.'),
  initiatorName: s.string(12).keepsZero().optional().doc('Name of the initiator.'),
};
export const iscsiVolumeSource = struct('core.v1.ISCSIVolumeSource', { ...iscsiFields }, { doc: 'An iSCSI disk.' });
export interface ISCSIVolumeSource extends Of<typeof iscsiVolumeSource> {}

export const persistentVolumeClaimVolumeSource = struct(
  'core.v1.PersistentVolumeClaimVolumeSource',
  {
    claimName: s.string(1).doc('Name of the PersistentVolumeClaim.'),
    readOnly: s.boolean(2).optional().doc('Mount read-only everywhere.'),
  },
  { doc: 'The volume bound to a claim of the namespace.' },
);
export interface PersistentVolumeClaimVolumeSource extends Of<typeof persistentVolumeClaimVolumeSource> {}

export const downwardAPIVolumeFile = struct(
  'core.v1.DownwardAPIVolumeFile',
  {
    path: s.string(1).ruled().doc('Relative path of the file; without "..".'),
    fieldRef: s
      .field(2, objectFieldSelector)
      .optional()
      .doc('A field of the pod: annotations, labels, name, namespace, uid.'),
    resourceFieldRef: s.field(3, resourceFieldSelector).optional().doc('A request or limit of a container.'),
    mode: s.int32(4).keepsZero().optional().doc('Permission bits of the file, 0 to 0777; defaultMode when absent.'),
    user: s.int64(5).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the file; defaultUser when absent.'),
  },
  { doc: 'One file with a field of the pod.' },
);
export interface DownwardAPIVolumeFile extends Of<typeof downwardAPIVolumeFile> {}

export const downwardAPIVolumeSource = struct(
  'core.v1.DownwardAPIVolumeSource',
  {
    items: s.list(1, downwardAPIVolumeFile).optional().doc('The files.'),
    defaultMode: s.int32(2).keepsZero().default(420).doc('Permission bits of the files, 0 to 0777.'),
    defaultUser: s.int64(3).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the files.'),
  },
  { doc: 'Fields of the pod as files.' },
);
export interface DownwardAPIVolumeSource extends Of<typeof downwardAPIVolumeSource> {}

export const fcVolumeSource = struct(
  'core.v1.FCVolumeSource',
  {
    targetWWNs: s.list(1, t.string).optional().doc('World wide names of the target.'),
    lun: s.int32(2).keepsZero().optional().doc('Logical unit number.'),
    fsType: s.string(3).optional().doc('File system.'),
    readOnly: s.boolean(4).optional().doc('Mount read-only.'),
    wwids: s.list(5, t.string).optional().doc('World wide identifiers, instead of targetWWNs and lun.'),
  },
  { doc: 'A Fibre Channel disk.' },
);
export interface FCVolumeSource extends Of<typeof fcVolumeSource> {}

export const configMapVolumeSource = struct(
  'core.v1.ConfigMapVolumeSource',
  {
    ...inline(1, localObjectReference),
    items: s.list(2, keyToPath).optional().doc('The keys to show; all when absent.'),
    defaultMode: s.int32(3).keepsZero().default(420).doc('Permission bits of the files, 0 to 0777.'),
    optional: s.boolean(4).keepsZero().optional().doc('When true, a missing ConfigMap or key is no failure.'),
    defaultUser: s.int64(5).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the files.'),
  },
  { doc: 'The keys of a ConfigMap as files.' },
);
export interface ConfigMapVolumeSource extends Of<typeof configMapVolumeSource> {}

export const secretProjection = struct(
  'core.v1.SecretProjection',
  {
    ...inline(1, localObjectReference),
    items: s.list(2, keyToPath).optional().doc('The keys to show; all when absent.'),
    optional: s.boolean(4).keepsZero().optional().doc('When true, a missing Secret or key is no failure.'),
  },
  { doc: 'The keys of a Secret inside a projected volume.' },
);
export interface SecretProjection extends Of<typeof secretProjection> {}

export const downwardAPIProjection = struct(
  'core.v1.DownwardAPIProjection',
  {
    items: s.list(1, downwardAPIVolumeFile).optional().doc('The files.'),
  },
  { doc: 'Fields of the pod inside a projected volume.' },
);
export interface DownwardAPIProjection extends Of<typeof downwardAPIProjection> {}

export const configMapProjection = struct(
  'core.v1.ConfigMapProjection',
  {
    ...inline(1, localObjectReference),
    items: s.list(2, keyToPath).optional().doc('The keys to show; all when absent.'),
    optional: s.boolean(4).keepsZero().optional().doc('When true, a missing ConfigMap or key is no failure.'),
  },
  { doc: 'The keys of a ConfigMap inside a projected volume.' },
);
export interface ConfigMapProjection extends Of<typeof configMapProjection> {}

export const serviceAccountTokenProjection = struct(
  'core.v1.ServiceAccountTokenProjection',
  {
    audience: s.string(1).optional().doc('Who may accept the token; the API server when empty.'),
    expirationSeconds: s.int64(2).keepsZero().default(3600).doc('Lifetime asked for, at least 600.'),
    path: s.string(3).ruled().doc('Relative path of the file.'),
    user: s.int64(4).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the file; defaultUser when absent.'),
  },
  { doc: "A token of the pod's ServiceAccount, renewed by the kubelet." },
);
export interface ServiceAccountTokenProjection extends Of<typeof serviceAccountTokenProjection> {}

export const clusterTrustBundleProjection = struct(
  'core.v1.ClusterTrustBundleProjection',
  {
    name: s.string(1).keepsZero().optional().doc('One bundle by name; not together with signerName and labelSelector.'),
    signerName: s.string(2).keepsZero().optional().doc('Bundles of this signer.'),
    labelSelector: s
      .field(3, labelSelector)
      .optional()
      .doc("Which of the signer's bundles; none when absent, all when empty."),
    optional: s.boolean(5).keepsZero().optional().doc('When true, missing bundles are no failure.'),
    path: s.string(4).doc('Relative path of the file.'),
    user: s.int64(6).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the file; defaultUser when absent.'),
  },
  { doc: 'Trust anchors of ClusterTrustBundles.' },
);
export interface ClusterTrustBundleProjection extends Of<typeof clusterTrustBundleProjection> {}

export const podCertificateProjection = struct(
  'core.v1.PodCertificateProjection',
  {
    signerName: s.string(1).optional().doc('The signer to ask.'),
    keyType: s.string(2).optional().doc('Kind of key: RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521 or ED25519.'),
    maxExpirationSeconds: s.int32(3).keepsZero().optional().doc('The longest lifetime wanted.'),
    credentialBundlePath: s.string(4).optional().doc('Relative path of one file with key and chain.'),
    keyPath: s.string(5).optional().doc('Relative path of the key alone.'),
    certificateChainPath: s.string(6).optional().doc('Relative path of the chain alone.'),
    userAnnotations: s.map(7, t.string).optional().doc('Key-value pairs for the signer.'),
    user: s.int64(8).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the file; defaultUser when absent.'),
  },
  { doc: 'A key and certificate that the kubelet gets for the pod.' },
);
export interface PodCertificateProjection extends Of<typeof podCertificateProjection> {}

export const volumeProjection = struct(
  'core.v1.VolumeProjection',
  {
    secret: s.field(1, secretProjection).optional().doc('Keys of a Secret.'),
    downwardAPI: s.field(2, downwardAPIProjection).optional().doc('Fields of the pod.'),
    configMap: s.field(3, configMapProjection).optional().doc('Keys of a ConfigMap.'),
    serviceAccountToken: s.field(4, serviceAccountTokenProjection).optional().doc('A token of the ServiceAccount.'),
    clusterTrustBundle: s.field(5, clusterTrustBundleProjection).optional().doc('Trust anchors.'),
    podCertificate: s.field(6, podCertificateProjection).optional().doc('A key and certificate.'),
  },
  { doc: 'One source of a projected volume; exactly one member.' },
);
export interface VolumeProjection extends Of<typeof volumeProjection> {}

export const projectedVolumeSource = struct(
  'core.v1.ProjectedVolumeSource',
  {
    sources: s.list(1, volumeProjection).default([]).doc('The sources.'),
    defaultMode: s.int32(2).keepsZero().default(420).doc('Permission bits of the files, 0 to 0777.'),
    defaultUser: s.int64(3).keepsZero().off('AtomicWriteVolumeUserFields').doc('Owner of the files.'),
  },
  { doc: 'Several sources in one directory.' },
);
export interface ProjectedVolumeSource extends Of<typeof projectedVolumeSource> {}

export const csiVolumeSource = struct(
  'core.v1.CSIVolumeSource',
  {
    driver: s.string(1).doc('Name of the driver.'),
    readOnly: s.boolean(2).keepsZero().optional().doc('Mount read-only.'),
    fsType: s.string(3).keepsZero().optional().doc("File system; the driver's default when empty."),
    volumeAttributes: s.map(4, t.string).optional().doc('Parameters for the driver.'),
    nodePublishSecretRef: s.field(5, localObjectReference).optional().doc('Secret for the driver.'),
  },
  { doc: 'An inline volume of a CSI driver.' },
);
export interface CSIVolumeSource extends Of<typeof csiVolumeSource> {}

export const typedObjectReference = struct(
  'core.v1.TypedObjectReference',
  {
    apiGroup: s.string(1).keepsZero().optional().doc('Group of the kind; the core group when absent.'),
    kind: s.string(2).doc('Kind of the object.'),
    name: s.string(3).doc('Name of the object.'),
    namespace: s
      .string(4)
      .keepsZero()
      .optional()
      .doc('Namespace of the object; needs the alpha feature CrossNamespaceVolumeDataSource.'),
  },
  { doc: 'An object of any kind.' },
);
export interface TypedObjectReference extends Of<typeof typedObjectReference> {}

export const persistentVolumeClaimSpec = struct(
  'core.v1.PersistentVolumeClaimSpec',
  {
    accessModes: s
      .list(1, t.string)
      .optional()
      .doc('How the volume may be mounted: ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod.'),
    selector: s.field(4, labelSelector).optional().doc('Labels of volumes to choose from.'),
    resources: s.field(2, volumeResourceRequirements).default({}).doc('Size that is needed.'),
    volumeName: s.string(3).optional().doc('The volume bound to the claim.'),
    storageClassName: s.string(5).keepsZero().optional().doc('The StorageClass asked for.'),
    volumeMode: s.oneOf(6, 'Block', 'Filesystem').keepsZero().default('Filesystem').doc('Filesystem or Block.'),
    dataSource: s.field(7, typedLocalObjectReference).optional().doc('A snapshot or claim to fill the volume from.'),
    dataSourceRef: s.field(8, typedObjectReference).optional().doc('Any object to fill the volume from.'),
    volumeAttributesClassName: s.string(9).keepsZero().optional().doc('The VolumeAttributesClass asked for.'),
  },
  { doc: 'What storage is asked for.' },
);
export interface PersistentVolumeClaimSpec extends Of<typeof persistentVolumeClaimSpec> {}

export const persistentVolumeClaimTemplate = struct(
  'core.v1.PersistentVolumeClaimTemplate',
  {
    metadata: s.field(1, objectMeta).optional().doc('Labels and annotations of the claim.'),
    spec: s.field(2, persistentVolumeClaimSpec).doc('What the claim asks for.'),
  },
  { doc: 'The claim to be made for a pod.' },
);
export interface PersistentVolumeClaimTemplate extends Of<typeof persistentVolumeClaimTemplate> {}

export const ephemeralVolumeSource = struct(
  'core.v1.EphemeralVolumeSource',
  {
    volumeClaimTemplate: s
      .field(1, persistentVolumeClaimTemplate)
      .optional()
      .doc('The claim; it is named <pod>-<volume>.'),
  },
  { doc: 'A claim that is made for the pod and goes with it.' },
);
export interface EphemeralVolumeSource extends Of<typeof ephemeralVolumeSource> {}

export const imageVolumeSource = struct(
  'core.v1.ImageVolumeSource',
  {
    reference: s.string(1).optional().doc('Name of the image.'),
    pullPolicy: s
      .oneOf(2, 'Always', 'Never', 'IfNotPresent')
      .filled()
      .doc('When to pull: Always, IfNotPresent or Never.'),
  },
  { doc: 'The file system of an image, read-only.' },
);
export interface ImageVolumeSource extends Of<typeof imageVolumeSource> {}

export const volumeSource = struct(
  'core.v1.VolumeSource',
  {
    hostPath: s.field(1, hostPathVolumeSource).optional().doc('A file or directory of the node.'),
    emptyDir: s.field(2, emptyDirVolumeSource).optional().doc('An empty directory that lives as long as the pod.'),
    gcePersistentDisk: s.field(3, gcePersistentDiskVolumeSource).optional().doc('A disk of Google Compute Engine.'),
    awsElasticBlockStore: s.field(4, awsElasticBlockStoreVolumeSource).optional().doc('A disk of AWS.'),
    gitRepo: s.field(5, gitRepoVolumeSource).optional().doc('A clone of a git repository; switched off.'),
    secret: s.field(6, secretVolumeSource).optional().doc('Keys of a Secret as files.'),
    nfs: s.field(7, nfsVolumeSource).optional().doc('An NFS export.'),
    iscsi: s.field(8, iscsiVolumeSource).optional().doc('An iSCSI disk.'),
    glusterfs: s.field(9, glusterfsVolumeSource).optional().doc('A GlusterFS volume; removed.'),
    persistentVolumeClaim: s
      .field(10, persistentVolumeClaimVolumeSource)
      .optional()
      .doc('The volume bound to a claim.'),
    rbd: s.field(11, rbdVolumeSource).optional().doc('A Ceph RBD image; removed.'),
    flexVolume: s.field(12, flexVolumeSource).optional().doc('A volume of an exec plug-in.'),
    cinder: s.field(13, cinderVolumeSource).optional().doc('A disk of OpenStack.'),
    cephfs: s.field(14, cephFSVolumeSource).optional().doc('A Ceph file system; removed.'),
    flocker: s.field(15, flockerVolumeSource).optional().doc('A Flocker dataset; removed.'),
    downwardAPI: s.field(16, downwardAPIVolumeSource).optional().doc('Fields of the pod as files.'),
    fc: s.field(17, fcVolumeSource).optional().doc('A Fibre Channel disk.'),
    azureFile: s.field(18, azureFileVolumeSource).optional().doc('An Azure file share.'),
    configMap: s.field(19, configMapVolumeSource).optional().doc('Keys of a ConfigMap as files.'),
    vsphereVolume: s.field(20, vsphereVirtualDiskVolumeSource).optional().doc('A vSphere disk.'),
    quobyte: s.field(21, quobyteVolumeSource).optional().doc('A Quobyte volume; removed.'),
    azureDisk: s.field(22, azureDiskVolumeSource).optional().doc('An Azure data disk.'),
    photonPersistentDisk: s.field(23, photonPersistentDiskVolumeSource).optional().doc('A Photon disk; removed.'),
    projected: s
      .field(26, projectedVolumeSource)
      .optional()
      .doc('Secrets, ConfigMaps, fields and tokens in one directory.'),
    portworxVolume: s.field(24, portworxVolumeSource).optional().doc('A Portworx volume.'),
    scaleIO: s.field(25, scaleIOVolumeSource).optional().doc('A ScaleIO volume; removed.'),
    storageos: s.field(27, storageOSVolumeSource).optional().doc('A StorageOS volume; removed.'),
    csi: s.field(28, csiVolumeSource).optional().doc('An inline volume of a CSI driver.'),
    ephemeral: s.field(29, ephemeralVolumeSource).optional().doc('A claim made for this pod.'),
    image: s.field(30, imageVolumeSource).optional().doc('The file system of an image.'),
  },
  { doc: 'Where a volume comes from; at most one member.' },
);
export interface VolumeSource extends Of<typeof volumeSource> {}

export const volume = struct(
  'core.v1.Volume',
  {
    name: s.string(1).doc('A DNS label, unique in the pod.'),
    ...inline(2, volumeSource),
  },
  { doc: 'A named directory that containers can mount.' },
);
export interface Volume extends Of<typeof volume> {}
