/**
 * A Deployment's status: counts, Available, and Progressing with its deadline. `kubectl rollout status` and Helm read nothing else. Pure.
 */
import { formatTime, parseTime } from '#meta/time.ts';
import type { Deployment } from '#api/apps/deployment.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import type { Picture } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { withCondition, withoutCondition } from '../conditions.ts';
import { actualReplicas, availableReplicas, maxUnavailable, readyReplicas } from './replica-sets.ts';

interface Parts {
  readonly now: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly picture: Picture;
}

type Status = NonNullable<Deployment['status']>;
type Condition = NonNullable<Status['conditions']>[number];

export function statusOf(deployment: Deployment, parts: Parts): unknown {
  const counts = countsOf(deployment, parts);
  return {
    ...counts,
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: conditionsOf(deployment, parts),
  };
}

function countsOf(deployment: Deployment, { now, old }: Parts) {
  const all = now ? [now, ...old] : old;
  const replicas = actualReplicas(all);
  const available = availableReplicas(all);
  const ready = readyReplicas(all);
  const updated = now?.status?.replicas ?? 0;
  const missing = Math.max(0, deployment.spec.replicas - available);
  return {
    observedGeneration: deployment.metadata.generation,
    ...(replicas > 0 ? { replicas } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    ...(missing > 0 ? { unavailableReplicas: missing } : {}),
  };
}

type Counts = Partial<Record<'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas', number>>;

function conditionsOf(deployment: Deployment, parts: Parts): readonly Condition[] {
  const at = formatTime(parts.picture.now);
  const counts: Counts = countsOf(deployment, parts);
  let conditions: readonly Condition[] = deployment.status?.conditions ?? [];
  const set = (type: string, status: 'True' | 'False' | 'Unknown', reason: string, message: string): void => {
    const next = { type, status, reason, message, lastUpdateTime: at, lastTransitionTime: at } as Condition;
    const changed = withCondition(conditions, next);
    if (changed !== conditions) conditions = changed;
  };
  const enough = (counts.availableReplicas ?? 0) >= deployment.spec.replicas - maxUnavailable(deployment);
  if (enough) set('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.');
  else set('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.');
  conditions = progressing(deployment, parts, conditions, counts);
  const failed = [...(parts.now ? [parts.now] : []), ...parts.old]
    .flatMap((rs) => rs.status?.conditions ?? [])
    .find((condition) => condition.type === 'ReplicaFailure' && condition.status === 'True');
  if (!failed) return withoutCondition(conditions, 'ReplicaFailure');
  set('ReplicaFailure', 'True', failed.reason ?? '', failed.message ?? '');
  return conditions;
}

const hasDeadline = ({ spec }: Deployment): boolean => (spec.progressDeadlineSeconds ?? 2 ** 31 - 1) < 2 ** 31 - 1;

function progressing(
  deployment: Deployment,
  { now, old, picture }: Parts,
  conditions: readonly Condition[],
  counts: Counts,
): readonly Condition[] {
  if (!hasDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const at = formatTime(picture.now);
  const present = conditions.find((condition) => condition.type === 'Progressing');
  const set = (status: 'True' | 'False' | 'Unknown', reason: string, message: string): readonly Condition[] => {
    const kept =
      present?.status === status && present.lastTransitionTime !== undefined ? present.lastTransitionTime : at;
    const next = {
      type: 'Progressing',
      status,
      reason,
      message,
      lastUpdateTime: at,
      lastTransitionTime: kept,
    } as Condition;
    return [...withoutCondition(conditions, 'Progressing'), next];
  };
  const called = now ? `ReplicaSet "${now.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (deployment.spec.paused) {
    return present?.reason === 'DeploymentPaused'
      ? conditions
      : set('Unknown', 'DeploymentPaused', 'Deployment is paused');
  }
  if (present?.reason === 'DeploymentPaused') return set('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  if (!now)
    return present
      ? conditions
      : set('True', 'NewReplicaSetCreated', `Created new replica set "${deployment.metadata.name}"`);
  const complete =
    counts.updatedReplicas === deployment.spec.replicas || deployment.spec.replicas === 0
      ? (counts.replicas ?? 0) === deployment.spec.replicas &&
        (counts.availableReplicas ?? 0) === deployment.spec.replicas
      : false;
  const observed = (deployment.status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0);
  if (complete && actualReplicas(old) === 0) {
    if (
      present?.reason === 'NewReplicaSetAvailable' &&
      observed &&
      present.message === `${called} has successfully progressed.`
    )
      return conditions;
    return set('True', 'NewReplicaSetAvailable', `${called} has successfully progressed.`);
  }
  const was = deployment.status;
  const moved =
    (counts.updatedReplicas ?? 0) > (was?.updatedReplicas ?? 0) ||
    (counts.readyReplicas ?? 0) > (was?.readyReplicas ?? 0) ||
    (counts.availableReplicas ?? 0) > (was?.availableReplicas ?? 0) ||
    (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < (was?.replicas ?? 0) - (was?.updatedReplicas ?? 0);
  if (!present) return set('True', 'NewReplicaSetCreated', `Created new replica set "${now.metadata.name}"`);
  if (moved || !observed || present.reason === 'NewReplicaSetAvailable')
    return set('True', 'ReplicaSetUpdated', `${called} is progressing.`);
  if (present.reason !== 'ProgressDeadlineExceeded' && timeLeft(deployment, present, picture.now) <= 0) {
    return set('False', 'ProgressDeadlineExceeded', `${called} has timed out progressing.`);
  }
  return conditions;
}

function timeLeft({ spec }: Deployment, { lastUpdateTime }: Condition, now: Millis): Millis {
  return (parseTime(lastUpdateTime ?? '') ?? now) + (spec.progressDeadlineSeconds ?? 600) * 1000 - now;
}

/** When to look again whether the rollout is stuck; undefined when it is not under way. */
export function deadlineIn(deployment: Deployment, parts: Parts): Millis | undefined {
  if (!hasDeadline(deployment) || deployment.spec.paused) return undefined;
  const present = conditionsOf(deployment, parts).find((condition) => condition.type === 'Progressing');
  if (!present || present.reason === 'NewReplicaSetAvailable' || present.reason === 'ProgressDeadlineExceeded')
    return undefined;
  return Math.max(1000, timeLeft(deployment, present, parts.picture.now) + 1000);
}
