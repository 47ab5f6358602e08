/**
 * A Deployment's ReplicaSets: which is new, which are old, their revisions and what they carry for the Deployment. Pure.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { parseTime } from '#meta/time.ts';
import type { Deployment } from '#api/apps/deployment.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import { controllerReference } from '#runtime/runner.ts';
import { Deployment as DeploymentKind } from '#api/apps/deployment.ts';
import { templateHash } from '../template-hash.ts';

const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations that belong to the Deployment alone. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

interface Template {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly [field: string]: unknown };
  readonly spec?: unknown;
}

const templateOf = (owner: { readonly spec: { readonly template: unknown } }): Template =>
  owner.spec.template as Template;

/** The template without the label that the controller added. */
function bare(template: Template): unknown {
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The oldest ReplicaSet with the Deployment's present template. */
export function newReplicaSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = bare(templateOf(deployment));
  return byAge(sets).find((rs) => deepEqual(bare(templateOf(rs)), wanted));
}

export const byAge = (sets: readonly ReplicaSet[]): readonly ReplicaSet[] =>
  sets.toSorted(
    (a, b) =>
      (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );

export const revisionOf = (object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}): number => Number(object.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;

/** The ReplicaSet that the present template needs, with `replicas`. */
export function draftReplicaSet(deployment: Deployment, revision: number, replicas: number) {
  const template = templateOf(deployment);
  const hash = templateHash(bare(template), deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const selector = deployment.spec.selector as { matchLabels?: Record<string, string>; matchExpressions?: unknown };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations: carried(deployment, {}, revision),
      ownerReferences: [controllerReference(DeploymentKind, deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec.minReadySeconds === undefined ? {} : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** Annotations of a ReplicaSet: the Deployment's own, its revision and the sizes that scaling in proportion needs. */
export function carried(
  deployment: Deployment,
  present: Readonly<Record<string, string>>,
  revision: number,
): Record<string, string> {
  const annotations: Record<string, string> = { ...present };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (!notCopied.has(key)) annotations[key] = value;
  const before = annotations[revisionAnnotation];
  if (before === undefined || Number(before) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (before !== undefined) {
      const history = annotations[revisionHistoryAnnotation];
      annotations[revisionHistoryAnnotation] = history ? `${history},${before}` : before;
    }
  }
  annotations[desiredAnnotation] = String(deployment.spec.replicas);
  annotations[maxAnnotation] = String(deployment.spec.replicas + maxSurge(deployment));
  return annotations;
}

const isRolling = ({ spec }: Deployment): boolean => spec.strategy.type !== 'Recreate';

/** A number or a part of `total`. */
export function resolve(value: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (!match) return 0;
  const share = (Number(match[1]) * total) / 100;
  return round === 'up' ? Math.ceil(share) : Math.floor(share);
}

/** Surge and unavailability, never both zero: a rollout could not move. */
export function fenceposts({ spec }: Deployment): { readonly surge: number; readonly unavailable: number } {
  const rolling = spec.strategy.rollingUpdate;
  const surge = resolve(rolling?.maxSurge, spec.replicas, 'up');
  const unavailable = resolve(rolling?.maxUnavailable, spec.replicas, 'down');
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

export const maxSurge = (deployment: Deployment): number => (isRolling(deployment) ? fenceposts(deployment).surge : 0);

export function maxUnavailable(deployment: Deployment): number {
  if (!isRolling(deployment) || deployment.spec.replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, deployment.spec.replicas);
}

export const totalReplicas = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + rs.spec.replicas, 0);
export const actualReplicas = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + (rs.status?.replicas ?? 0), 0);
export const availableReplicas = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + (rs.status?.availableReplicas ?? 0), 0);
export const readyReplicas = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + (rs.status?.readyReplicas ?? 0), 0);
