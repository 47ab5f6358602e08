/**
 * Rules of a PersistentVolume: a size, modes that go together, exactly one source, and a source that never changes. Paths and wording are
 * upstream's (pkg/apis/core/validation, ValidatePersistentVolume; pkg/api/persistentvolume for warnings).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { difference } from '../difference.ts';
import { csiDriverName, indexed, named, noBacksteps, type Causes } from '../field-checks.ts';
import { betaStorageClass } from './claim-text.ts';
import { accessModeCauses, basicQuantity, positiveQuantity } from './claim-validation.ts';
import type { PersistentVolumeSource, SecretReference } from './persistent-volume-source.ts';
import type { PersistentVolumeSpec, VolumeNodeAffinity } from './persistentvolume.ts';
import { nodeSelectorCauses } from './placement-validation.ts';
import { oldLabels } from './pod-warnings.ts';
import { pluginCauses } from './volume-plugin-validation.ts';

const moreThanOne = 'may not specify more than 1 volume type';

/** In upstream's order: the first that is set counts. */
const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies readonly (keyof PersistentVolumeSource)[];

function* secret(path: string, ref: SecretReference | undefined): Causes {
  if (ref === undefined) return;
  if (!ref.name) yield required(`${path}.name`);
  else yield* named(dns1123Subdomain, `${path}.name`, ref.name);
  if (!ref.namespace) yield required(`${path}.namespace`);
  else yield* named(dns1123Label, `${path}.namespace`, ref.namespace);
}

/** Whose spec it is: a PersistentVolume's, by name, or one that a pod holds and a VolumeAttachment repeats. */
export type VolumeOwner = { readonly name: string } | 'inline';

interface Place {
  readonly at: string;
  readonly owner: VolumeOwner;
}

function* sourceCauses({ at, owner }: Place, spec: PersistentVolumeSpec, key: (typeof sources)[number]): Causes {
  yield* pluginCauses({ at, persistent: owner === 'inline' ? '' : owner.name }, key, spec);
  if (key === 'local' && spec.local?.path) yield* noBacksteps(`${at}.local.path`, spec.local.path);
  if (key !== 'csi' || spec.csi === undefined) return;
  yield* csiDriverName(`${at}.csi.driver`, spec.csi.driver || undefined);
  for (const ref of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const)
    yield* secret(`${at}.csi.${ref}`, spec.csi[ref]);
}

/** One source, of which the first counts. A flexVolume is never one too many, as it has always been. */
function* onlySource(place: Place, spec: PersistentVolumeSpec): Causes {
  const set = sources.filter((key) => spec[key] !== undefined);
  if (set.length === 0) yield required(place.at, 'must specify a volume type');
  for (const [index, key] of set.entries()) {
    // Upstream spells this one path differently.
    if (index > 0 && key !== 'flexVolume')
      yield forbiddenField(`${place.at}.${key === 'cephfs' ? 'cephFS' : key}`, moreThanOne);
    else yield* sourceCauses(place, spec, key);
  }
  if (set[0] === 'local' && spec.nodeAffinity === undefined)
    yield required(`${place.at}.nodeAffinity`, 'Local volume requires node affinity');
}

function* affinityCauses(path: string, affinity: VolumeNodeAffinity | undefined): Causes {
  if (affinity === undefined) return;
  if (affinity.required === undefined) yield required(`${path}.required`, 'must specify required node constraints');
  else yield* nodeSelectorCauses(`${path}.required`, affinity.required);
}

function* capacityCauses(path: string, given: PersistentVolumeSpec['capacity']): Causes {
  const amounts = Object.entries(given ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (amounts.length === 0) yield required(path);
  if (given?.['storage'] === undefined || amounts.length > 1)
    yield notSupported(path, amounts.length === 0 ? undefined : Object.fromEntries(amounts), ['storage']);
  for (const [name, text] of amounts) {
    yield* basicQuantity(`${path}[${name}]`, text);
    yield* positiveQuantity(`${path}[${name}]`, text);
  }
}

/** What only a PersistentVolume can have. */
function* inlineCauses(at: string, spec: PersistentVolumeSpec): Causes {
  const here = 'in the context of inline volumes';
  const never = `may not be specified ${here}`;
  if (spec.claimRef !== undefined) yield forbiddenField(`${at}.claimRef`, never);
  if (Object.keys(spec.capacity ?? {}).length > 0) yield forbiddenField(`${at}.capacity`, never);
  if (spec.csi === undefined) yield required(`${at}.csi`, `has to be specified ${here}`);
  if (spec.persistentVolumeReclaimPolicy && spec.persistentVolumeReclaimPolicy !== 'Retain')
    yield forbiddenField(`${at}.persistentVolumeReclaimPolicy`, `may only be Retain ${here}`);
  if (spec.nodeAffinity !== undefined) yield forbiddenField(`${at}.nodeAffinity`, never);
  if (spec.storageClassName) yield forbiddenField(`${at}.storageClassName`, never);
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem')
    yield forbiddenField(`${at}.volumeMode`, `may not specify volumeMode other than Filesystem ${here}`);
}

const isRoot = (path: string): boolean =>
  path.split('/').every((part) => part === '' || part === '.') && path.startsWith('/');

function* ownCauses(at: string, spec: PersistentVolumeSpec): Causes {
  yield* capacityCauses(`${at}.capacity`, spec.capacity);
  yield* affinityCauses(`${at}.nodeAffinity`, spec.nodeAffinity);
  yield* named(dns1123Subdomain, `${at}.storageClassName`, spec.storageClassName || undefined);
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return;
  const path = `${at}.volumeAttributesClassName`;
  if (attributes === '') yield required(path, 'an empty string is disallowed');
  else yield* named(dns1123Subdomain, path, attributes);
  if (spec.csi === undefined) yield required(`${at}.csi`, 'has to be specified when using volumeAttributesClassName');
}

export function* volumeCauses(at: string, spec: PersistentVolumeSpec, owner: VolumeOwner): Causes {
  yield* owner === 'inline' ? inlineCauses(at, spec) : ownCauses(at, spec);
  if (!spec.accessModes?.length) yield required(`${at}.accessModes`);
  yield* accessModeCauses(`${at}.accessModes`, spec.accessModes);
  yield* onlySource({ at, owner }, spec);
  if (spec.hostPath?.path && isRoot(spec.hostPath.path) && spec.persistentVolumeReclaimPolicy === 'Recycle')
    yield forbiddenField(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'");
}

function sourceOf(spec: PersistentVolumeSpec, droppedSecret: boolean): PersistentVolumeSource {
  const source = Object.fromEntries(
    sources.filter((key) => spec[key] !== undefined).map((key) => [key, spec[key]]),
  ) as PersistentVolumeSource;
  if (!droppedSecret || source.csi === undefined) return source;
  const { controllerExpandSecretRef: _, ...csi } = source.csi;
  return { ...source, csi };
}

const newLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
};

/** Whether only old names of labels became new ones. */
function sameNodes(affinity: VolumeNodeAffinity | undefined, old: VolumeNodeAffinity): boolean {
  if (deepEqual(affinity, old)) return true;
  const [terms, before] = [affinity?.required?.nodeSelectorTerms ?? [], old.required?.nodeSelectorTerms ?? []];
  return (
    affinity?.required !== undefined &&
    terms.length === before.length &&
    terms.every((term, index) => {
      const [found, was] = [term.matchExpressions ?? [], before[index]?.matchExpressions ?? []];
      return (
        deepEqual(term.matchFields, before[index]?.matchFields) &&
        found.length === was.length &&
        found.every((one, at) => {
          const other = was[at];
          if (other === undefined) return false;
          const { key, ...rest } = one;
          const { key: oldKey, ...oldRest } = other;
          return (key === oldKey || key === newLabels[oldKey]) && deepEqual(rest, oldRest);
        })
      );
    })
  );
}

export function* volumeUpdateCauses(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): Causes {
  // A secret for growing may come later: volumes are older than the field.
  const [next, before] = [
    sourceOf(spec, old.csi !== undefined && old.csi.controllerExpandSecretRef === undefined),
    sourceOf(old, false),
  ];
  if (!deepEqual(next, before))
    yield forbiddenField(
      'spec.persistentvolumesource',
      `spec.persistentvolumesource is immutable after creation\n${difference('core.PersistentVolumeSource', before, next)}`,
    );
  if (spec.volumeMode !== old.volumeMode) yield invalidValue('volumeMode', spec.volumeMode, immutableDetail);
  if (old.nodeAffinity !== undefined && !sameNodes(spec.nodeAffinity, old.nodeAffinity))
    yield invalidValue(
      'nodeAffinity',
      spec.nodeAffinity,
      `${immutableDetail}, except for updating from beta label to GA`,
    );
  if (old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    yield forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
}

export function* volumeWarnings({ annotations }: ObjectMeta, spec: PersistentVolumeSpec): Iterable<string> {
  if (annotations?.[betaStorageClass] !== undefined)
    yield `metadata.annotations[${betaStorageClass}]: deprecated since v1.8; use "storageClassName" attribute instead`;
  const mountOptions = 'volume.beta.kubernetes.io/mount-options';
  if (annotations?.[mountOptions] !== undefined)
    yield `metadata.annotations[${mountOptions}]: deprecated since v1.31; use "mountOptions" attribute instead`;
  if (spec.persistentVolumeReclaimPolicy === 'Recycle')
    yield 'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  const terms = 'spec.nodeAffinity.required.nodeSelectorTerms';
  for (const [term, at] of indexed(terms, spec.nodeAffinity?.required?.nodeSelectorTerms)) {
    for (const [{ key }, keyAt] of indexed(`${at}.matchExpressions`, term.matchExpressions))
      if (oldLabels[key] !== undefined) yield `${keyAt}.key: ${key} is ${oldLabels[key]}`;
  }
  const gone: Readonly<Partial<Record<(typeof sources)[number], string>>> = {
    cephfs: 'deprecated in v1.28, non-functional in v1.31+',
    photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
    scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
    storageos: 'deprecated in v1.22, non-functional in v1.25+',
    glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
    rbd: 'deprecated in v1.28, non-functional in v1.31+',
  };
  for (const key of sources) if (spec[key] !== undefined && gone[key] !== undefined) yield `spec.${key}: ${gone[key]}`;
}
