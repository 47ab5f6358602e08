/**
 * Rules of volumes beyond their declaration: exactly one source each, safe relative paths, sane modes. Paths and wording are upstream's
 * (pkg/apis/core/validation). Answers what it found, and which volumes there are for the mounts to refer to.
 */
import { forbiddenField, invalidValue, printed, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { validateTemplateMeta } from '#schema/validate-meta.ts';
import { claimSpecCauses } from './claim-validation.ts';
import { indexed, localNonReservedPath, named, noBacksteps, type Causes } from '../field-checks.ts';
import { containerResource, objectField } from './environment-validation.ts';
import type {
  DownwardAPIVolumeFile,
  EphemeralVolumeSource,
  KeyToPath,
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

function* downwardFile(at: string, file: DownwardAPIVolumeFile): Causes {
  if (file.path) yield* localNonReservedPath(`${at}.path`, file.path);
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
    for (const key of set.slice(1)) yield forbiddenField(`${at}.${key}`, moreThanOne);
    if (set.length === 0) yield required(at, 'must specify a volume type');
    const { secret, configMap, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle } = source;
    for (const [key, keyed] of [
      ['secret', secret],
      ['configMap', configMap],
    ] as const) {
      if (keyed === undefined) continue;
      if (!keyed.name) yield required(`${at}.${key}.name`);
      yield* items(`${at}.${key}.items`, keyed.items);
      for (const item of keyed.items ?? []) yield* taken(path, item.path, keyed.name);
    }
    for (const [file, fileAt] of indexed(`${at}.downwardAPI.items`, downwardAPI?.items)) {
      yield* downwardFile(fileAt, file);
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
      if (token.path) yield* localNonReservedPath(`${at}.serviceAccountToken.path`, token.path);
      yield* taken(path, token.path, token.path);
    }
    if (bundle !== undefined) {
      if (bundle.name !== undefined && bundle.signerName !== undefined) {
        yield invalidValue(`${at}.clusterTrustBundle`, bundle, 'only one of name and signerName may be used');
      } else if (bundle.name === undefined && bundle.signerName === undefined) {
        yield required(`${at}.clusterTrustBundle`, 'either name or signerName must be specified');
      }
      if (bundle.path) yield* localNonReservedPath(`${at}.clusterTrustBundle.path`, bundle.path);
      yield* taken(path, bundle.path, bundle.path);
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
  yield* validateTemplateMeta(template.metadata as DraftMeta | undefined, `${path}.volumeClaimTemplate.metadata`);
  yield* claimSpecCauses(`${path}.volumeClaimTemplate.spec`, template.spec);
}

/** The name of a CSI driver; upper case is tolerated. */
export function* csiDriver(path: string, driver: string | undefined): Causes {
  if (!driver) return;
  for (const message of dns1123Subdomain(driver.toLowerCase())) yield invalidValue(path, driver, message);
}

function* source(at: string, volume: Volume, podName: string | undefined): Causes {
  const { hostPath, emptyDir, secret, configMap, downwardAPI, csi, image, persistentVolumeClaim: claim } = volume;
  if (emptyDir?.sizeLimit !== undefined && (parseQuantity(emptyDir.sizeLimit)?.nano ?? 0n) < 0n) {
    yield forbiddenField(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  }
  if (hostPath?.path) yield* noBacksteps(`${at}.hostPath.path`, hostPath.path);
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
    for (const [file, fileAt] of indexed(`${at}.downwardAPI`, downwardAPI.items)) yield* downwardFile(fileAt, file);
  }
  if (volume.projected !== undefined) yield* projected(`${at}.projected`, volume.projected);
  if (claim?.claimName) yield* named(dns1123Subdomain, `${at}.persistentVolumeClaim.claimName`, claim.claimName);
  if (volume.nfs?.path && !volume.nfs.path.startsWith('/'))
    yield invalidValue(`${at}.nfs.path`, volume.nfs.path, 'must be an absolute path');
  if (csi !== undefined) {
    yield* csiDriver(`${at}.csi.driver`, csi.driver);
    if (csi.nodePublishSecretRef !== undefined && !csi.nodePublishSecretRef.name)
      yield required(`${at}.csi.nodePublishSecretRef.name`);
  }
  if (image !== undefined && podName !== undefined && !image.reference) yield required(`${at}.image.reference`);
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
    for (const key of set.slice(1)) yield forbiddenField(`${at}.${key}`, moreThanOne);
    if (set.length === 0) yield required(at, 'must specify a volume type');
    yield* source(at, volume, podName);
    if (volume.name) yield* named(dns1123Label, `${at}.name`, volume.name);
  }
}

export function volumesByName(volumes: readonly Volume[] | undefined): Volumes {
  return new Map((volumes ?? []).map((volume) => [volume.name, volume]));
}
