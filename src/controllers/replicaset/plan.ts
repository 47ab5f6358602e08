/**
 * ReplicaSet: as many active pods as it says, no more, no fewer (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/).
 */
import { formatTime } from '#meta/time.ts';
import { Pod } from '#api/core/pod.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { create, remove, status, wake, type Action } from '#runtime/action.ts';
import { controller, type Picture } from '#runtime/controller.ts';
import { controllerReference } from '#runtime/runner.ts';
import { withCondition, withoutCondition } from '../conditions.ts';
import { availableIn, cheapestFirst, isActive, isAvailable, isReady, podOf } from '../pod-facts.ts';

/** Pods made or removed in one reconcile: what upstream calls burst replicas. */
const burstMax = 500;

export const replicaSets = controller({
  name: 'replicaset-controller',
  for: ReplicaSet,
  claims: [{ kind: Pod, selector: (rs: ReplicaSet) => rs.spec.selector as never }],
  *reconcile(rs: ReplicaSet, picture: Picture): Iterable<Action> {
    const owned = picture.claimed(Pod);
    const pods = owned.filter(isActive);
    yield* statusOf(rs, pods, picture);
    if (rs.metadata.deletionTimestamp === undefined) {
      const missing = rs.spec.replicas - pods.length;
      for (let i = 0; i < Math.min(missing, burstMax); i++) yield newPod(rs);
      if (missing < 0) yield* surplus(rs, pods, Math.min(-missing, burstMax), picture);
    }
    const settling = pods
      .map((pod) => availableIn(pod, rs.spec.minReadySeconds ?? 0, picture.now))
      .filter((ms) => ms > 0 && ms < Infinity);
    if (settling.length > 0) yield wake(Math.min(...settling));
  },
});

function newPod(rs: ReplicaSet): Action {
  const { name, namespace = '' } = rs.metadata;
  return create(
    Pod,
    podOf(rs.spec.template as never, controllerReference(ReplicaSet, rs), {
      namespace,
      generateName: `${name}-`,
    }) as never,
    {
      announce: {
        about: rs,
        done: { reason: 'SuccessfulCreate', message: (pod) => `Created pod: ${pod.metadata.name}` },
        failed: { reason: 'FailedCreate', message: (error) => `Error creating: ${error.message}` },
      },
    },
  );
}

function* surplus(rs: ReplicaSet, pods: readonly Pod[], count: number, picture: Picture): Iterable<Action> {
  // Pods of sibling ReplicaSets (one Deployment's) crowd a node just as ours do.
  const owner = rs.metadata.ownerReferences?.find((each) => each.controller)?.uid;
  const siblings = owner === undefined ? [rs] : picture.of(ReplicaSet).by('owner', owner);
  const related = siblings.flatMap((sibling) => picture.of(Pod).by('owner', sibling.metadata.uid));
  for (const pod of cheapestFirst(pods, related, picture.now).slice(0, count)) {
    yield remove(Pod, pod, {
      announce: {
        about: rs,
        done: { reason: 'SuccessfulDelete', message: () => `Deleted pod: ${pod.metadata.name}` },
        failed: { reason: 'FailedDelete', message: (error) => `Error deleting: ${error.message}` },
      },
    });
  }
}

function* statusOf(rs: ReplicaSet, pods: readonly Pod[], { now, failure }: Picture): Iterable<Action> {
  const labels = Object.entries(
    (rs.spec.template as { metadata?: { labels?: Record<string, string> } }).metadata?.labels ?? {},
  );
  const ready = pods.filter(isReady).length;
  const available = pods.filter((pod) => isAvailable(pod, rs.spec.minReadySeconds ?? 0, now)).length;
  const labelled = pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length;
  const counts = {
    replicas: pods.length,
    ...(labelled > 0 ? { fullyLabeledReplicas: labelled } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    observedGeneration: rs.metadata.generation,
  };
  const conditions = failure
    ? withFailure(rs.status?.conditions, failure, now)
    : withoutCondition(rs.status?.conditions, 'ReplicaFailure');
  yield status(ReplicaSet, rs, { ...counts, ...(conditions.length > 0 ? { conditions } : {}) });
}

type Conditions = NonNullable<NonNullable<ReplicaSet['status']>['conditions']>;

/** The first message of a failure stays, as with upstream: each try names another pod, and a status that changed with every try would wake the next one. */
function withFailure(
  conditions: Conditions | undefined,
  { during, message }: NonNullable<Picture['failure']>,
  now: number,
): readonly Conditions[number][] {
  const reason = during === 'create' ? 'FailedCreate' : 'FailedDelete';
  const known = conditions?.find(({ type }) => type === 'ReplicaFailure');
  if (conditions && known?.status === 'True' && known.reason === reason) return conditions;
  return withCondition(conditions, {
    type: 'ReplicaFailure',
    status: 'True',
    reason,
    message,
    lastTransitionTime: formatTime(now),
  });
}
