/**
 * How many replicas each ReplicaSet of a Deployment should have next: rolling update, recreate, and scaling in proportion while a rollout is under way or
 * paused. Pure arithmetic; the plan turns it into writes.
 */
import type { Deployment } from '#api/apps/deployment.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import {
  byAge,
  desiredAnnotation,
  fenceposts,
  maxAnnotation,
  maxSurge,
  maxUnavailable,
  totalReplicas,
} from './replica-sets.ts';

/** ReplicaSet → the replicas it should have now. Only changes are listed. */
export type Sizes = ReadonlyMap<ReplicaSet, number>;

/** What a new ReplicaSet starts with. */
export function newReplicas(deployment: Deployment, others: readonly ReplicaSet[], present = 0): number {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type === 'Recreate') return replicas;
  const room = replicas + maxSurge(deployment) - totalReplicas(others) - present;
  if (room <= 0) return present;
  return present + Math.min(room, Math.max(0, replicas - present));
}

/** One step of a rolling update: the new one up as far as surge allows, else old ones down as far as availability allows. */
export function rollingStep(deployment: Deployment, now: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const wanted =
    now.spec.replicas > deployment.spec.replicas
      ? deployment.spec.replicas
      : newReplicas(deployment, old, now.spec.replicas);
  if (wanted !== now.spec.replicas) return new Map([[now, wanted]]);
  return shrinkOld(deployment, now, old);
}

function shrinkOld(deployment: Deployment, now: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const sizes = new Map<ReplicaSet, number>();
  const oldTotal = totalReplicas(old);
  if (oldTotal === 0) return sizes;
  const least = deployment.spec.replicas - maxUnavailable(deployment);
  const newMissing = now.spec.replicas - (now.status?.availableReplicas ?? 0);
  let spare = oldTotal + now.spec.replicas - least - newMissing;
  if (spare <= 0) return sizes;
  // Pods that are not available anyway go first: losing them costs nothing.
  const left = new Map<ReplicaSet, number>(old.map((rs) => [rs, rs.spec.replicas]));
  for (const rs of byAge(old)) {
    const sick = rs.spec.replicas - (rs.status?.availableReplicas ?? 0);
    const drop = Math.min(spare, Math.max(0, sick));
    if (drop === 0) continue;
    left.set(rs, rs.spec.replicas - drop);
    spare -= drop;
  }
  // A status may still count pods that an earlier step has given up: they are no reserve.
  const serving = (rs: ReplicaSet): number => Math.min(rs.spec.replicas, rs.status?.availableReplicas ?? 0);
  let healthy = [...old, now].reduce((sum, rs) => sum + Math.min(left.get(rs) ?? Infinity, serving(rs)), 0) - least;
  for (const rs of byAge(old)) {
    if (healthy <= 0) break;
    const drop = Math.min(left.get(rs) ?? 0, healthy);
    left.set(rs, (left.get(rs) ?? 0) - drop);
    healthy -= drop;
  }
  for (const [rs, size] of left) if (size !== rs.spec.replicas) sizes.set(rs, size);
  return sizes;
}

/** The size changed while it was not rolling: one active ReplicaSet takes it all, several share it in proportion. */
export function scaleInProportion(
  deployment: Deployment,
  now: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const { replicas, strategy } = deployment.spec;
  const all = now ? [now, ...old] : [...old];
  const active = all.filter((rs) => rs.spec.replicas > 0);
  const single = active.length === 1 ? active[0] : active.length === 0 ? (now ?? byAge(old).at(-1)) : undefined;
  if (single) return single.spec.replicas === replicas ? new Map() : new Map([[single, replicas]]);
  const saturated = now && now.spec.replicas === replicas && (now.status?.availableReplicas ?? 0) === replicas;
  if (saturated) return new Map(old.filter((rs) => rs.spec.replicas > 0).map((rs) => [rs, 0]));
  if (strategy.type === 'Recreate') return new Map();
  const total = totalReplicas(active);
  const allowed = replicas > 0 ? replicas + fenceposts(deployment).surge : 0;
  let toAdd = allowed - total;
  if (toAdd === 0) return new Map();
  // The largest first; of equals the newest when growing, the oldest when shrinking.
  const order = byAge(active).toSorted((a, b) => b.spec.replicas - a.spec.replicas);
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const rs of order) {
    const share = shareOf(rs, deployment, allowed, { toAdd, added });
    sizes.set(rs, rs.spec.replicas + share);
    added += share;
  }
  const largest = order[0];
  toAdd -= added;
  if (largest && toAdd !== 0) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd));
  for (const [rs, size] of sizes) if (size === rs.spec.replicas) sizes.delete(rs);
  return sizes;
}

function shareOf(
  rs: ReplicaSet,
  deployment: Deployment,
  allowed: number,
  { toAdd, added }: { toAdd: number; added: number },
): number {
  if (rs.spec.replicas === 0) return 0;
  const before =
    Number(rs.metadata.annotations?.[maxAnnotation]) || (deployment.status?.replicas ?? allowed) || allowed;
  const fraction = Math.round((rs.spec.replicas * allowed) / before) - rs.spec.replicas;
  const open = toAdd - added;
  return toAdd > 0 ? Math.min(fraction, open) : Math.max(fraction, open);
}

/** The Deployment's size is not the one its ReplicaSets were last sized for. */
export const isScaling = (deployment: Deployment, sets: readonly ReplicaSet[]): boolean =>
  sets.some((rs) => {
    const desired = rs.metadata.annotations?.[desiredAnnotation];
    return rs.spec.replicas > 0 && desired !== undefined && Number(desired) !== deployment.spec.replicas;
  });
