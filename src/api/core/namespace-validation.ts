/** Rules of a Namespace: known finalizers, and a phase that fits its deletion. Wording is upstream's. */
import { invalidValue } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { named, type Causes } from '../field-checks.ts';

const standard = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** A finalizer's name is qualified, or one of Kubernetes' own. */
export function* finalizerCauses(path: string, name: string): Causes {
  yield* named(labelKey, path, name);
  if (!name.includes('/') && !standard.has(name)) {
    yield invalidValue(path, name, 'name is neither a standard finalizer name nor is it fully qualified');
  }
}

export function* phaseCauses({ deletionTimestamp }: DraftMeta, { phase }: { readonly phase: string }): Causes {
  if (deletionTimestamp === undefined) {
    if (phase !== 'Active')
      yield invalidValue('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty");
  } else if (phase !== 'Terminating') {
    yield invalidValue('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
  }
}
