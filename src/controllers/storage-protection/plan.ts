/**
 * Storage that is in use does not go: a claim waits for the pods that mount it, a volume for its claim, a class of volume attributes for the claims and volumes that have
 * it. Each is held by a finalizer that stands from the beginning (admission) and falls here.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { PersistentVolumeClaim } from '#api/core/persistentvolumeclaim.ts';
import { PersistentVolume } from '#api/core/persistentvolume.ts';
import { Pod } from '#api/core/pod.ts';
import { VolumeAttributesClass } from '#api/storage/volumeattributesclass.ts';
import type { AnyKind } from '#client/client.ts';
import { update, type Action } from '#runtime/action.ts';
import { controller } from '#runtime/controller.ts';

/** Sets the finalizer on what stays, and takes it from what goes and is not used any more. */
function* protect(kind: AnyKind, object: AnyObject, finalizer: string, isUsed: () => boolean): Generator<Action> {
  const { metadata } = object;
  const { finalizers = [], deletionTimestamp } = metadata;
  const holds = finalizers.includes(finalizer);
  if (deletionTimestamp === undefined) {
    if (!holds) yield update(kind, { ...object, metadata: { ...metadata, finalizers: [...finalizers, finalizer] } });
    return;
  }
  if (!holds || isUsed()) return;
  const others = finalizers.filter((name) => name !== finalizer);
  yield update(kind, { ...object, metadata: { ...metadata, finalizers: others } });
}

/** Names of the claims that a pod mounts: its own ephemeral ones and those it refers to. */
export function claimsOf(pod: Pod): readonly string[] {
  // A kubelet starts no pod with a claim that goes: who has no node cannot use it.
  if (!pod.spec.nodeName) return [];
  return (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [`${pod.metadata.name}-${name}`] : [];
  });
}

export const claimProtection = controller({
  name: 'pvc-protection-controller',
  for: PersistentVolumeClaim,
  watches: [
    {
      kind: Pod,
      wakes: function* ({ old, now }) {
        // Only a pod that goes, or gives a claim up, can end a wait.
        const pod = old as Pod | undefined;
        if (pod === undefined) return;
        const kept = now ? new Set(claimsOf(now as Pod)) : undefined;
        for (const name of claimsOf(pod)) if (!kept?.has(name)) yield `${pod.metadata.namespace}/${name}`;
      },
    },
  ],
  *reconcile(claim: PersistentVolumeClaim, { of }): Iterable<Action> {
    const { name, namespace = '' } = claim.metadata;
    yield* protect(PersistentVolumeClaim, claim, 'kubernetes.io/pvc-protection', () =>
      of(Pod)
        .by('namespace', namespace)
        .some((pod) => claimsOf(pod).includes(name)),
    );
  },
});

export const volumeProtection = controller({
  name: 'pv-protection-controller',
  for: PersistentVolume,
  *reconcile(volume: PersistentVolume): Iterable<Action> {
    yield* protect(PersistentVolume, volume, 'kubernetes.io/pv-protection', () => volume.status?.phase === 'Bound');
  },
});

/** Classes of attributes that a claim has, wants or is on its way to. */
const classesOf = ({ spec, status }: PersistentVolumeClaim): readonly (string | undefined)[] => [
  spec.volumeAttributesClassName,
  status?.currentVolumeAttributesClassName,
  status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
];

export const attributesClassProtection = controller({
  name: 'volumeattributesclass-protection-controller',
  for: VolumeAttributesClass,
  watches: [
    {
      kind: PersistentVolumeClaim,
      wakes: function* ({ old }) {
        if (old) for (const name of classesOf(old as PersistentVolumeClaim)) if (name) yield name;
      },
    },
    {
      kind: PersistentVolume,
      wakes: function* ({ old }) {
        const name = (old as PersistentVolume | undefined)?.spec.volumeAttributesClassName;
        if (name) yield name;
      },
    },
  ],
  *reconcile(attributes: VolumeAttributesClass, { of }): Iterable<Action> {
    const { name } = attributes.metadata;
    yield* protect(VolumeAttributesClass, attributes, 'kubernetes.io/vac-protection', () => {
      for (const claim of of(PersistentVolumeClaim).all()) if (classesOf(claim).includes(name)) return true;
      for (const volume of of(PersistentVolume).all()) if (volume.spec.volumeAttributesClassName === name) return true;
      return false;
    });
  },
});
