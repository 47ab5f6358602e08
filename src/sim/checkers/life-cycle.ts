/**
 * How objects live and end: one uid from creation to deletion, no way back from a deletion, finalizers are waited for, one controller owner at most and never a dead one,
 * a pod stays on its node, nothing comes into a namespace that ends.
 */
import { controllerOf, type AnyObject } from '#meta/object-meta.ts';
import type { Written } from '../trace.ts';

export function lifeCycles(breach: (text: string) => void): (change: Written) => void {
  const dead = new Set<string>();
  const born = new Set<string>();
  /** Namespaces that are there and stay. */
  const namespaces = new Set<string>();
  const finalizers = (object: AnyObject): readonly string[] => object.metadata.finalizers ?? [];

  return ({ at, key, before, after }) => {
    const told = `${at} ${key}`;
    if (key.startsWith('/registry/namespaces/')) {
      if (after && after.metadata.deletionTimestamp === undefined) namespaces.add(after.metadata.name);
      else namespaces.delete((after ?? before)?.metadata.name ?? '');
    }
    if (before && !after) {
      dead.add(before.metadata.uid);
      if (finalizers(before).length > 0 && before.metadata.deletionTimestamp === undefined)
        breach(`${told} was deleted at once, though ${finalizers(before).join()} had to be waited for`);
    }
    if (!after) return;
    const { uid, deletionTimestamp, ownerReferences = [], namespace } = after.metadata;
    if (!before && namespace !== undefined && !namespaces.has(namespace))
      breach(`${told} came into a namespace that is going or gone`);
    if (dead.has(uid)) breach(`${told} was written after its deletion`);
    if (!before && born.has(uid)) breach(`${told} was created twice with one uid`);
    born.add(uid);
    if (before && before.metadata.uid !== uid) breach(`${told} became another object without a deletion`);
    if (before?.metadata.deletionTimestamp !== undefined) {
      if (deletionTimestamp === undefined) breach(`${told} came back from its deletion`);
      const more = finalizers(after).filter((each) => !finalizers(before).includes(each));
      if (more.length > 0) breach(`${told} was given the finalizer ${more.join()} while it was deleted`);
    }
    if (ownerReferences.filter(({ controller }) => controller).length > 1) breach(`${told} has two controllers`);
    const owner = controllerOf(after);
    if (owner && before && !controllerOf(before) && dead.has(owner.uid))
      breach(`${told} was adopted by ${owner.kind} ${owner.name}, which is gone`);
    if (key.startsWith('/registry/pods/') && before) {
      const [old, now] = [before, after].map((each) => (each as { spec?: { nodeName?: string } }).spec?.nodeName);
      if (old && old !== now) breach(`${told} was moved from ${old} to ${now ?? 'nowhere'}`);
    }
  };
}
