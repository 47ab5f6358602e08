/**
 * What admission does about storage: volumes, claims and attribute classes that are in use wait for their users (StorageObjectInUseProtection: the finalizers that the
 * protection controllers take away), and a claim grows only where its class allows it (PersistentVolumeClaimResize).
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/
 */
import type { PersistentVolumeClaim } from '#api/core/persistentvolumeclaim.ts';
import type { StorageClass } from '#api/storage/storageclass.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { compareQuantities, parseQuantity } from '#meta/quantity.ts';
import { forbidden } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin } from './admission.ts';

const protections: Readonly<Record<string, string>> = {
  '/PersistentVolume': 'kubernetes.io/pv-protection',
  '/PersistentVolumeClaim': 'kubernetes.io/pvc-protection',
  'storage.k8s.io/VolumeAttributesClass': 'kubernetes.io/vac-protection',
};

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate({ kind, operation, subresource, object }) {
    const finalizer = protections[`${kind.group}/${kind.kind}`];
    if (finalizer === undefined || operation !== 'CREATE' || subresource !== undefined) return object;
    const { finalizers = [] } = object.metadata;
    if (finalizers.includes(finalizer)) return object;
    return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } } as AnyObject;
  },
};

const betaClass = 'volume.beta.kubernetes.io/storage-class';

export function persistentVolumeClaimResize(classes: WatchCache): AdmissionPlugin {
  const mayGrow = ({ metadata, spec }: PersistentVolumeClaim): boolean => {
    const name = metadata.annotations?.[betaClass] ?? spec.storageClassName;
    if (!name) return false;
    const found = classes.get(classes.key(undefined, name))?.object as unknown as StorageClass | undefined;
    return found?.allowVolumeExpansion === true;
  };
  const sizeOf = ({ spec }: PersistentVolumeClaim) => parseQuantity(spec.resources?.requests?.['storage'] ?? '0');
  return {
    name: 'PersistentVolumeClaimResize',
    validate({ kind, operation, subresource, object, old }) {
      if (kind.group !== '' || kind.kind !== 'PersistentVolumeClaim') return;
      if (operation !== 'UPDATE' || subresource !== undefined || !object || !old) return;
      const claim = object as unknown as PersistentVolumeClaim;
      const before = old as unknown as PersistentVolumeClaim;
      const [size, was] = [sizeOf(claim), sizeOf(before)];
      if (size === undefined || was === undefined || compareQuantities(size, was) <= 0) return;
      const refuse = (why: string): Error =>
        forbidden({ group: '', plural: 'persistentvolumeclaims' }, claim.metadata.name, why);
      if (before.status?.phase !== 'Bound') throw refuse('Only bound persistent volume claims can be expanded');
      if (!mayGrow(claim) || !mayGrow(before)) {
        throw refuse(
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
      }
    },
  };
}
