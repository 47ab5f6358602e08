/**
 * The history of a DaemonSet as ControllerRevisions: each holds one template, the highest number is the present one. `kubectl rollout undo` writes an old template back.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { ControllerRevision } from '#api/apps/controllerrevision.ts';
import { DaemonSet } from '#api/apps/daemonset.ts';
import type { Pod } from '#api/core/pod.ts';
import { create, patch, remove, status, type Action } from '#runtime/action.ts';
import type { Picture } from '#runtime/controller.ts';
import { controllerReference } from '#runtime/runner.ts';
import { templateHash } from '../template-hash.ts';

export const hashLabel = 'controller-revision-hash';

/** What a revision holds: a patch that puts the template in the place of another. */
const dataOf = ({ spec }: DaemonSet): unknown => ({ spec: { template: { ...spec.template, $patch: 'replace' } } });

export interface Revisions {
  /** The one of the present template. */
  readonly now: ControllerRevision | undefined;
  readonly old: readonly ControllerRevision[];
}

export function revisionsOf(daemonSet: DaemonSet, { claimed }: Picture): Revisions {
  const all = claimed(ControllerRevision).toSorted((a, b) => Number(a.revision) - Number(b.revision));
  const data = dataOf(daemonSet);
  const now = all.findLast((revision) => deepEqual(revision.data, data));
  return { now, old: all.filter((revision) => revision !== now) };
}

export const hashOf = (revision: ControllerRevision): string => revision.metadata.labels?.[hashLabel] ?? '';

/** A new revision for a new template, or the highest number for one that came back. Nothing when all is well. */
export function* record(daemonSet: DaemonSet, { now, old }: Revisions, picture: Picture): Iterable<Action> {
  const highest = Math.max(0, ...old.map(({ revision }) => Number(revision)));
  if (now) {
    if (Number(now.revision) <= highest)
      yield patch(ControllerRevision, now, { type: 'merge', body: { revision: highest + 1 } });
    return;
  }
  const data = dataOf(daemonSet);
  const hash = templateHash(data, daemonSet.status.collisionCount);
  const { namespace = '' } = daemonSet.metadata;
  const name = `${daemonSet.metadata.name}-${hash}`;
  if (picture.of(ControllerRevision).get(`${namespace}/${name}`)) {
    yield status(DaemonSet, daemonSet, {
      ...daemonSet.status,
      collisionCount: (daemonSet.status.collisionCount ?? 0) + 1,
    });
    return;
  }
  const { annotations } = daemonSet.metadata;
  yield create(ControllerRevision, {
    metadata: {
      name,
      namespace,
      labels: { ...daemonSet.spec.template.metadata.labels, [hashLabel]: hash },
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerReference(DaemonSet, daemonSet)],
    },
    data,
    revision: highest + 1,
  } as never);
}

/** Old revisions beyond the limit go, those that no pod has. */
export function* prune(daemonSet: DaemonSet, { old }: Revisions, pods: readonly Pod[]): Iterable<Action> {
  const used = new Set(pods.map((pod) => pod.metadata.labels?.[hashLabel]));
  const free = old.filter((revision) => !used.has(hashOf(revision)));
  const surplus = old.length - daemonSet.spec.revisionHistoryLimit;
  for (const revision of free.slice(0, Math.max(0, surplus))) yield remove(ControllerRevision, revision);
}
