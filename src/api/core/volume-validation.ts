/**
 * Rules of volumes beyond their declaration: exactly one source each, safe relative paths, sane modes. Paths and wording are upstream's
 * (pkg/apis/core/validation). Answers what it found, and which volumes there are for the mounts to refer to.
 */
import { forbiddenField, invalidValue, notSupported, printed, required, tooLong } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { validateTemplateMeta } from '#schema/validate-meta.ts';
import { claimSpecCauses } from './claim-validation.ts';
import { trustBundleNameFaults } from '../certificates/trust-bundle-name.ts';
import { isKubernetesSigner, signerNameCauses } from '../certificates/signer-name.ts';
import { userAnnotationCauses } from '../certificates/user-annotations.ts';
import { indexed, localNonReservedPath, named, type Causes } from '../field-checks.ts';
import { containerResource, objectField } from './environment-validation.ts';
import { pluginCauses } from './volume-plugin-validation.ts';
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  EphemeralVolumeSource,
  KeyToPath,
  PodCertificateProjection,
  ProjectedVolumeSource,
  Volume,
  VolumeSource,
} from './volume.ts';

export type Volumes = ReadonlyMap<string, VolumeSource>;

/** In upstream's order: the first source that is set counts, every further one is forbidden. */
const sources: readonly (keyof VolumeSource)[] = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
];

/** Where upstream's path is not the field's name. */
const oddPaths: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

const modeDetail = 'must be a number between 0 and 0777 (octal), both inclusive';
const moreThanOne = 'may not specify more than 1 volume type';
const modeMax = 0o777;

function* mode(path: string, value: number | undefined): Causes {
  if (value !== undefined && (value < 0 || value > modeMax)) yield invalidValue(path, value, modeDetail);
}

function* items(path: string, list: readonly KeyToPath[] | undefined): Causes {
  for (const [item, at] of indexed(path, list)) {
    if (item.path) yield* localNonReservedPath(`${at}.path`, item.path);
    yield* mode(`${at}.mode`, item.mode);
  }
}

const volumeFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];

// Upstream reports these at the volume, not at the file.
function* downwardFile(at: string, file: DownwardAPIVolumeFile): Causes {
  if (!file.path) yield required(`${at}.path`);
  else yield* localNonReservedPath(`${at}.path`, file.path);
  if (file.fieldRef) {
    yield* objectField(`${at}.fieldRef`, file.fieldRef, volumeFields);
    if (file.resourceFieldRef)
      yield invalidValue(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (file.resourceFieldRef) yield* containerResource(`${at}.resourceFieldRef`, file.resourceFieldRef, true);
  else yield required(at, 'one of fieldRef and resourceFieldRef is required');
  yield* mode(`${at}.mode`, file.mode);
}

const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

function* trustBundle(at: string, bundle: ClusterTrustBundleProjection): Causes {
  const { name, signerName, labelSelector, path } = bundle;
  if (name !== undefined && signerName !== undefined) {
    const shown = {
      Name: name,
      SignerName: signerName,
      LabelSelector: labelSelector ?? null,
      Optional: bundle.optional ?? null,
      Path: path,
      User: null,
    };
    yield invalidValue(at, shown, 'only one of name and signerName may be used');
  } else if (name !== undefined) {
    if (name === '') yield required(`${at}.name`, 'must be a valid object name');
    // The name of a signer's bundle begins with the signer.
    const end = name.lastIndexOf(':');
    for (const fault of trustBundleNameFaults(name, end === -1 ? '' : name.slice(0, end).replaceAll(':', '/')))
      yield invalidValue(`${at}.name`, name, `not a valid clustertrustbundlename: ${fault}`);
    if (labelSelector !== undefined)
      yield invalidValue(`${at}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified');
  } else if (signerName !== undefined) {
    if (signerName === '') yield required(`${at}.signerName`, 'must be a valid signer name');
    yield* signerNameCauses(`${at}.signerName`, signerName);
    yield* checkLabelSelector(labelSelector, `${at}.labelSelector`);
  } else yield required(at, 'either name or signerName must be specified');
  if (path) yield* localNonReservedPath(`${at}.path`, path);
}

const certificateFiles = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const;
const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];
const certificateSecondsMin = 3600;
const daySeconds = 24 * 60 * 60;

function* podCertificate(at: string, source: PodCertificateProjection): Causes {
  const { signerName, userAnnotations, keyType = '', maxExpirationSeconds: seconds } = source;
  yield* signerNameCauses(`${at}.signerName`, signerName);
  yield* userAnnotationCauses(`${at}.userAnnotations`, userAnnotations);
  if (!keyTypes.includes(keyType)) yield notSupported(`${at}.keyType`, keyType, keyTypes);
  if (seconds !== undefined) {
    const path = `${at}.maxExpirationSeconds`;
    const max = signerName !== undefined && isKubernetesSigner(signerName) ? daySeconds : 91 * daySeconds;
    if (seconds < certificateSecondsMin)
      yield invalidValue(path, seconds, `if provided, maxExpirationSeconds must be >= ${certificateSecondsMin}`);
    if (seconds > max) yield invalidValue(path, seconds, `if provided, maxExpirationSeconds must be <= ${max}`);
  }
  const files = certificateFiles.filter((key) => source[key]);
  for (const key of files) yield* localNonReservedPath(`${at}.${key}`, source[key] ?? '');
  if (files.length === 0)
    yield required(at, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
}

function* projected(path: string, volume: ProjectedVolumeSource): Causes {
  const seen = new Set<string>();
  const taken = function* (at: string, file: string | undefined, value: unknown): Causes {
    if (!file) return;
    if (seen.has(file)) yield invalidValue(at, value, 'conflicting duplicate paths');
    seen.add(file);
  };
  for (const [source, at] of indexed(`${path}.sources`, volume.sources)) {
    const set = (
      ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle', 'podCertificate'] as const
    ).filter((key) => source[key] !== undefined);
    if (set.length > 1) yield forbiddenField(at, `${moreThanOne} per source`);
    const { secret, configMap, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle } = source;
    for (const [key, keyed] of [
      ['secret', secret],
      ['configMap', configMap],
    ] as const) {
      if (keyed === undefined) continue;
      if (!keyed.name) yield required(`${at}.${key}.name`);
      yield* items(`${at}.${key}.items`, keyed.items);
      for (const item of keyed.items ?? []) yield* taken(path, item.path, keyed.name ?? '');
    }
    for (const file of downwardAPI?.items ?? []) {
      yield* downwardFile(`${at}.downwardAPI`, file);
      yield* taken(path, file.path, file.path);
    }
    if (token !== undefined) {
      const seconds = token.expirationSeconds;
      if (seconds < tokenSecondsMin)
        yield invalidValue(
          `${at}.serviceAccountToken.expirationSeconds`,
          seconds,
          'may not specify a duration less than 10 minutes',
        );
      if (seconds > tokenSecondsMax)
        yield invalidValue(
          `${at}.serviceAccountToken.expirationSeconds`,
          seconds,
          'may not specify a duration larger than 2^32 seconds',
        );
      // Upstream reports the path at the volume, and takes it twice.
      if (!token.path) yield required(`${path}.path`);
      else yield* localNonReservedPath(`${path}.path`, token.path);
    }
    if (bundle !== undefined) {
      yield* trustBundle(`${at}.clusterTrustBundle`, bundle);
      yield* taken(path, bundle.path, bundle.path);
    }
    const certificate = source.podCertificate;
    if (certificate !== undefined) {
      yield* podCertificate(`${at}.podCertificate`, certificate);
      for (const key of certificateFiles) yield* taken(path, certificate[key], certificate[key]);
    }
  }
  yield* mode(`${path}.defaultMode`, volume.defaultMode);
}

function* ephemeral(path: string, source: EphemeralVolumeSource): Causes {
  const template = source.volumeClaimTemplate;
  if (template === undefined) {
    yield required(`${path}.volumeClaimTemplate`);
    return;
  }
  const metadata = template.metadata as DraftMeta | undefined;
  yield* validateTemplateMeta(metadata, `${path}.volumeClaimTemplate.metadata`, 'only');
  yield* claimSpecCauses(`${path}.volumeClaimTemplate.spec`, template.spec);
}

const csiDriverBytesMax = 63;

/** The name of a CSI driver; upper case is tolerated. */
export function* csiDriver(path: string, driver: string | undefined): Causes {
  if (!driver) return;
  if (Buffer.byteLength(driver) > csiDriverBytesMax) yield tooLong(path, csiDriverBytesMax);
  for (const message of dns1123Subdomain(driver.toLowerCase())) yield invalidValue(path, driver, message);
}

function* source(at: string, volume: Volume, podName: string | undefined): Causes {
  const { emptyDir, secret, configMap, downwardAPI, csi, image } = volume;
  if (emptyDir?.sizeLimit !== undefined && (parseQuantity(emptyDir.sizeLimit)?.nano ?? 0n) < 0n) {
    yield forbiddenField(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  }
  const plugin = sources.find((key) => volume[key] !== undefined);
  if (plugin !== undefined) yield* pluginCauses({ at }, plugin, volume);
  if (secret !== undefined) {
    if (!secret.secretName) yield required(`${at}.secret.secretName`);
    yield* mode(`${at}.secret.defaultMode`, secret.defaultMode);
    yield* items(`${at}.secret.items`, secret.items);
  }
  if (configMap !== undefined) {
    if (!configMap.name) yield required(`${at}.configMap.name`);
    yield* mode(`${at}.configMap.defaultMode`, configMap.defaultMode);
    yield* items(`${at}.configMap.items`, configMap.items);
  }
  if (downwardAPI !== undefined) {
    yield* mode(`${at}.downwardAPI.defaultMode`, downwardAPI.defaultMode);
    for (const file of downwardAPI.items ?? []) yield* downwardFile(`${at}.downwardAPI`, file);
  }
  if (volume.projected !== undefined) yield* projected(`${at}.projected`, volume.projected);
  if (csi !== undefined) {
    yield* csiDriver(`${at}.csi.driver`, csi.driver);
    const secretName = csi.nodePublishSecretRef?.name;
    if (csi.nodePublishSecretRef !== undefined && !secretName) yield required(`${at}.csi.nodePublishSecretRef.name`);
    // Upstream reports a bad name a step higher.
    else yield* named(dns1123Subdomain, `${at}.csi.name`, secretName);
  }
  if (image !== undefined && !image.reference) yield required(`${at}.image.reference`);
  if (volume.ephemeral !== undefined) {
    yield* ephemeral(`${at}.ephemeral`, volume.ephemeral);
    const claimName = `${podName}-${volume.name}`;
    if (podName && volume.name) {
      for (const message of dns1123Subdomain(claimName)) {
        yield invalidValue(`${at}.name`, volume.name, `PVC name ${printed(claimName)}: ${message}`);
      }
    }
  }
}

/** The causes in `spec.volumes`. `podName` only for a pod itself: some rules do not hold for templates. */
export function* volumeCauses(path: string, volumes: readonly Volume[] | undefined, podName?: string): Causes {
  for (const [volume, at] of indexed(path, volumes)) {
    const set = sources.filter((key) => volume[key] !== undefined);
    for (const key of set.slice(1)) yield forbiddenField(`${at}.${oddPaths[key] ?? key}`, moreThanOne);
    if (set.length === 0) yield required(at, 'must specify a volume type');
    yield* source(at, volume, podName);
    if (volume.name) yield* named(dns1123Label, `${at}.name`, volume.name);
  }
}

export function volumesByName(volumes: readonly Volume[] | undefined): Volumes {
  return new Map((volumes ?? []).map((volume) => [volume.name, volume]));
}
