/**
 * Deployment: rolls a template out over ReplicaSets, at most so many too many and so many too few
 * (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/). Rolling back is an update to an old template, which finds its old ReplicaSet again.
 */
import { Deployment } from '#api/apps/deployment.ts';
import { Pod } from '#api/core/pod.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { create, event, patch, remove, status, update, wake, type Action } from '#runtime/action.ts';
import { controller, type Picture } from '#runtime/controller.ts';
import { isFinished } from '../pod-facts.ts';
import { deadlineIn, statusOf } from './progress.ts';
import {
  byAge,
  carried,
  draftReplicaSet,
  newReplicaSet,
  revisionAnnotation,
  revisionOf,
  totalReplicas,
  actualReplicas,
} from './replica-sets.ts';
import { isScaling, newReplicas, rollingStep, scaleInProportion, type Sizes } from './rollout.ts';

export const deployments = controller({
  name: 'deployment-controller',
  for: Deployment,
  claims: [{ kind: ReplicaSet, selector: (deployment: Deployment) => deployment.spec.selector as never }],
  reads: [Pod],
  watches: [
    {
      // Recreate waits for the last old pod: its end wakes the Deployment.
      kind: Pod,
      wakes: function* ({ old, now }, read) {
        if (now !== undefined || old === undefined) return;
        const owner = old.metadata.ownerReferences?.find((each) => each.controller && each.kind === 'ReplicaSet');
        const rs = owner && read.of(ReplicaSet).get(`${old.metadata.namespace}/${owner.name}`);
        const deployment = rs?.metadata.ownerReferences?.find((each) => each.controller && each.kind === 'Deployment');
        if (deployment) yield `${old.metadata.namespace}/${deployment.name}`;
      },
    },
  ],
  *reconcile(deployment: Deployment, picture: Picture): Iterable<Action> {
    const sets = picture.claimed(ReplicaSet);
    const now = newReplicaSet(deployment, sets);
    const old = sets.filter((rs) => rs !== now);
    if (deployment.metadata.deletionTimestamp !== undefined) {
      yield status(Deployment, deployment, statusOf(deployment, { now, old, picture }));
      return;
    }
    if (selectsEverything(deployment)) {
      yield event(
        deployment,
        'Warning',
        'SelectingAll',
        'This deployment is selecting all pods. A non-empty selector is required.',
      );
      return;
    }
    if (deployment.spec.paused || isScaling(deployment, sets)) {
      yield* resize(deployment, scaleInProportion(deployment, now, old));
      if (deployment.spec.paused) yield* prune(deployment, old);
    } else if (deployment.spec.strategy.type === 'Recreate') yield* recreate(deployment, now, old, picture);
    else yield* roll(deployment, now, old, picture);
    yield status(Deployment, deployment, statusOf(deployment, { now, old, picture }));
    const deadline = deadlineIn(deployment, { now, old, picture });
    if (deadline !== undefined) yield wake(deadline);
  },
});

const selectsEverything = ({ spec }: Deployment): boolean => {
  const selector = spec.selector as { matchLabels?: object; matchExpressions?: readonly unknown[] };
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions?.length ?? 0) === 0;
};

function* roll(
  deployment: Deployment,
  now: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  picture: Picture,
): Iterable<Action> {
  if (!now) {
    yield* start(deployment, old, picture, newReplicas(deployment, old));
    return;
  }
  yield* bringUpToDate(deployment, now, old);
  const sizes = rollingStep(deployment, now, old);
  yield* resize(deployment, sizes);
  if (sizes.size === 0 && isComplete(deployment, now, old)) yield* prune(deployment, old);
}

function* recreate(
  deployment: Deployment,
  now: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  picture: Picture,
): Iterable<Action> {
  const running = old.filter((rs) => rs.spec.replicas > 0);
  if (running.length > 0) {
    yield* resize(deployment, new Map(running.map((rs) => [rs, 0])));
    return;
  }
  const lastOnes = old.flatMap((rs) => picture.of(Pod).by('owner', rs.metadata.uid)).filter((pod) => !isFinished(pod));
  if (lastOnes.length > 0) return; // Their end wakes us.
  if (!now) {
    yield* start(deployment, old, picture, deployment.spec.replicas);
    return;
  }
  yield* bringUpToDate(deployment, now, old);
  if (now.spec.replicas !== deployment.spec.replicas)
    yield* resize(deployment, new Map([[now, deployment.spec.replicas]]));
  else if (isComplete(deployment, now, old)) yield* prune(deployment, old);
}

/** A new template: its ReplicaSet, one revision above all others. */
function* start(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  picture: Picture,
  replicas: number,
): Iterable<Action> {
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  const draft = draftReplicaSet(deployment, revision, replicas);
  const taken = picture.of(ReplicaSet).get(`${draft.metadata.namespace}/${draft.metadata.name}`);
  if (taken) {
    // Another template has our hash, or the name is somebody else's: count on, and the hash changes.
    const counted = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
    yield status(Deployment, deployment, counted);
    return;
  }
  yield* mark(deployment, revision);
  yield create(ReplicaSet, draft as never, { unlessExists: true });
  yield event(
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled up replica set ${draft.metadata.name} from 0 to ${replicas}`,
  );
}

/** A template that comes back gets the highest revision again, and the Deployment's annotations. */
function* bringUpToDate(deployment: Deployment, now: ReplicaSet, old: readonly ReplicaSet[]): Iterable<Action> {
  const highest = Math.max(0, ...old.map(revisionOf));
  const revision = revisionOf(now) > highest ? revisionOf(now) : highest + 1;
  yield* mark(deployment, revision);
  const annotations = carried(deployment, now.metadata.annotations ?? {}, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const same =
    Object.entries(annotations).every(([key, value]) => now.metadata.annotations?.[key] === value) &&
    (now.spec.minReadySeconds ?? 0) === minReadySeconds;
  if (!same)
    yield patch(ReplicaSet, now, { type: 'merge', body: { metadata: { annotations }, spec: { minReadySeconds } } });
}

function* mark(deployment: Deployment, revision: number): Iterable<Action> {
  if (deployment.metadata.annotations?.[revisionAnnotation] === String(revision)) return;
  const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: String(revision) };
  // Beside the status: an annotation that comes with the spec is a new generation of it.
  const marked = { ...deployment, metadata: { ...deployment.metadata, annotations } };
  yield update(Deployment, marked, { subresource: 'status' });
}

function* resize(deployment: Deployment, sizes: Sizes): Iterable<Action> {
  for (const [rs, replicas] of sizes) {
    const annotations = carried(deployment, rs.metadata.annotations ?? {}, revisionOf(rs));
    yield update(ReplicaSet, {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, replicas },
    } as never);
    const direction = replicas > rs.spec.replicas ? 'up' : 'down';
    yield event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${rs.metadata.name} from ${rs.spec.replicas} to ${replicas}`,
    );
  }
}

/** Old ReplicaSets beyond the history limit go, oldest first. */
function* prune(deployment: Deployment, old: readonly ReplicaSet[]): Iterable<Action> {
  const surplus = old.length - deployment.spec.revisionHistoryLimit;
  if (surplus <= 0) return;
  const order = byAge(old).toSorted((a, b) => revisionOf(a) - revisionOf(b));
  for (const rs of order.slice(0, surplus)) {
    const empty = (rs.status?.replicas ?? 0) === 0 && rs.spec.replicas === 0;
    const settled =
      rs.metadata.generation === undefined || (rs.status?.observedGeneration ?? 0) >= rs.metadata.generation;
    if (empty && settled && rs.metadata.deletionTimestamp === undefined) yield remove(ReplicaSet, rs);
  }
}

const isComplete = (deployment: Deployment, now: ReplicaSet, old: readonly ReplicaSet[]): boolean =>
  (now.status?.availableReplicas ?? 0) >= deployment.spec.replicas &&
  totalReplicas(old) === 0 &&
  actualReplicas(old) === 0;
