/**
 * Rules of a PersistentVolume: a size, modes that go together, exactly one source, and a source that never changes. Paths and wording are
 * upstream's (pkg/apis/core/validation, ValidatePersistentVolume; pkg/api/persistentvolume for warnings).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { difference } from '../difference.ts';
import { indexed, named, noBacksteps, nonNegativeQuantity, type Causes } from '../field-checks.ts';
import { betaStorageClass } from './claim-text.ts';
import { accessModeCauses, positiveQuantity } from './claim-validation.ts';
import type { PersistentVolumeSource, SecretReference } from './persistent-volume-source.ts';
import type { PersistentVolumeSpec, VolumeNodeAffinity } from './persistentvolume.ts';
import { nodeSelectorCauses } from './placement-validation.ts';
import { oldLabels } from './pod-warnings.ts';
import { pluginCauses } from './volume-plugin-validation.ts';
import { csiDriver } from './volume-validation.ts';

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

function* sourceCauses(name: string, spec: PersistentVolumeSpec, key: (typeof sources)[number]): Causes {
  yield* pluginCauses({ at: 'spec', persistent: name }, key, spec);
  if (key === 'local' && spec.local?.path) yield* noBacksteps('spec.local.path', spec.local.path);
  if (key !== 'csi' || spec.csi === undefined) return;
  yield* csiDriver('spec.csi.driver', spec.csi.driver);
  for (const ref of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const)
    yield* secret(`spec.csi.${ref}`, spec.csi[ref]);
}

function* affinityCauses(affinity: VolumeNodeAffinity | undefined): Causes {
  if (affinity === undefined) return;
  if (affinity.required === undefined)
    yield required('spec.nodeAffinity.required', 'must specify required node constraints');
  else yield* nodeSelectorCauses('spec.nodeAffinity.required', affinity.required);
}

const isRoot = (path: string): boolean =>
  path.split('/').every((part) => part === '' || part === '.') && path.startsWith('/');

export function* volumeCauses(name: string, spec: PersistentVolumeSpec): Causes {
  const { capacity = {} } = spec;
  if (!spec.accessModes?.length) yield required('spec.accessModes');
  yield* accessModeCauses('spec.accessModes', spec.accessModes);
  const amounts = Object.entries(capacity);
  if (amounts.length === 0) yield required('spec.capacity');
  if (capacity['storage'] === undefined || amounts.length > 1)
    yield notSupported('spec.capacity', amounts.length === 0 ? undefined : capacity, ['storage']);
  for (const [name, text] of amounts) {
    yield* nonNegativeQuantity(`spec.capacity[${name}]`, text);
    yield* positiveQuantity(`spec.capacity[${name}]`, text);
  }
  yield* affinityCauses(spec.nodeAffinity);
  const [first, ...others] = sources.filter((key) => spec[key] !== undefined);
  if (first === undefined) yield required('spec', 'must specify a volume type');
  else yield* sourceCauses(name, spec, first);
  // Upstream spells this one path differently.
  for (const key of others) yield forbiddenField(key === 'cephfs' ? 'spec.cephFS' : `spec.${key}`, moreThanOne);
  if (first === 'local' && spec.nodeAffinity?.required === undefined)
    yield required('spec.nodeAffinity', 'Local volume requires node affinity');
  if (spec.hostPath?.path && isRoot(spec.hostPath.path) && spec.persistentVolumeReclaimPolicy === 'Recycle')
    yield forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'");
  yield* named(dns1123Subdomain, 'spec.storageClassName', spec.storageClassName || undefined);
  const attributes = spec.volumeAttributesClassName;
  if (attributes !== undefined) {
    if (attributes === '') yield required('spec.volumeAttributesClassName', 'an empty string is disallowed');
    else yield* named(dns1123Subdomain, 'spec.volumeAttributesClassName', attributes);
    if (spec.csi === undefined) yield required('spec.csi', 'has to be specified when using volumeAttributesClassName');
  }
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
