/**
 * What must hold in every cluster at every moment, checked while a story runs. A breach is kept and thrown when the story next settles or ends.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { controllerOf } from '#meta/object-meta.ts';
import type { Deployment } from '#api/apps/deployment.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Service } from '#api/core/service.ts';
import type { Millis } from '#world/world.ts';
import { countedAvailability } from './checkers/availability.ts';
import { keptBudgets } from './checkers/disruption.ts';
import { uniqueIdentities } from './checkers/identity.ts';
import { lifeCycles } from './checkers/life-cycle.ts';
import { linearObjects, overlaps } from './checkers/linear.ts';
import { versionsOf } from './checkers/versions.ts';
import { watchGuarantees } from './checkers/watches.ts';
import type { Observer } from './observe.ts';
import type { History, Written } from './trace.ts';

export interface Invariants {
  readonly breaches: readonly string[];
  /** Hears of every call and every watch. */
  readonly observer: Observer;
  /** Something that must never happen did. */
  breach(text: string): void;
  /** A server that has come to rest shows what the store has; what differs is a breach. */
  agrees(server: string, standing: ReadonlyMap<string, number>): void;
  /** Throws when anything was breached. */
  check(): void;
}

/** Decisions rest on what was true this long ago at most: of several servers one may be cut off, which takes a while to be noticed. */
const windowMsDefault: Millis = 5_000;
export const windowMsOfSeveral: Millis = 15_000;

interface Moment {
  readonly at: Millis;
  readonly value: number;
}

export function invariantsOf(history: History, elapsed: () => Millis, windowMs: Millis = windowMsDefault): Invariants {
  const breaches: string[] = [];
  const objects = new Map<string, AnyObject>();
  const surges = new Map<string, Moment[]>();
  const floors = new Map<string, Moment[]>();
  const availability = new Map<string, Moment[]>();
  const counts = new Map<string, Moment[]>();
  let lastRevision = 0;
  const breach = (text: string): void => void breaches.push(text);
  const versions = versionsOf(history);
  const linear = linearObjects(versions, breach);
  const watches = watchGuarantees(versions, elapsed, breach);
  const lives = lifeCycles(breach);
  const counted = countedAvailability(breach);
  const budgets = keptBudgets(objects, breach);
  const identities = uniqueIdentities(objects, breach);

  const remember = (log: Map<string, Moment[]>, key: string, at: Millis, value: number): void => {
    const moments = (log.get(key) ?? []).filter(
      (moment, index, all) => at - moment.at <= windowMs || index === all.length - 1,
    );
    log.set(key, [...moments, { at, value }]);
  };
  const values = (log: Map<string, Moment[]>, key: string): number[] => (log.get(key) ?? []).map(({ value }) => value);

  function replicaSetsOf(deployment: Deployment): ReplicaSet[] {
    const prefix = `/registry/replicasets/${deployment.metadata.namespace}/`;
    return [...objects]
      .filter(([key, each]) => key.startsWith(prefix) && controllerOf(each)?.uid === deployment.metadata.uid)
      .map(([, each]) => each as unknown as ReplicaSet);
  }

  function deploymentChanged(deployment: Deployment, at: Millis): void {
    const { replicas, strategy } = deployment.spec;
    const { surge, unavailable } = fences(replicas, strategy);
    remember(surges, deployment.metadata.uid, at, strategy.type === 'Recreate' ? replicas : replicas + surge);
    remember(floors, deployment.metadata.uid, at, strategy.type === 'Recreate' ? 0 : replicas - unavailable);
  }

  function replicaSetChanged({ at, before, after, key }: Written): void {
    const [old, now] = [before, after] as unknown as (ReplicaSet | undefined)[];
    const owner = now && controllerOf(now);
    if (!now || owner?.kind !== 'Deployment') return;
    const deployment = objects.get(`/registry/deployments/${now.metadata.namespace}/${owner.name}`) as unknown as
      | Deployment
      | undefined;
    if (deployment?.metadata.uid !== owner.uid) return;
    const others = replicaSetsOf(deployment).filter(({ metadata }) => metadata.uid !== now.metadata.uid);
    const sum = (pick: (rs: ReplicaSet) => number): number => others.reduce((total, rs) => total + pick(rs), 0);
    const available = (rs: ReplicaSet): number => Math.min(rs.spec.replicas, rs.status?.availableReplicas ?? 0);
    const total = sum((rs) => rs.spec.replicas) + now.spec.replicas;
    const grew = now.spec.replicas > (old?.spec.replicas ?? 0);
    const most = Math.max(...values(surges, owner.uid));
    if (grew && total > most) breach(`${at} ${key}: ${total} replicas, though ${most} are the most that surge allows`);
    const left = sum(available) + available(now);
    remember(availability, owner.uid, at, left);
    remember(counts, now.metadata.uid, at, now.status?.availableReplicas ?? 0);
    /** What the controller may have counted, which was true a moment ago. */
    const counted = (rs: ReplicaSet): number =>
      Math.min(rs.spec.replicas, Math.max(0, ...values(counts, rs.metadata.uid)));
    if (old && now.spec.replicas < old.spec.replicas) {
      const least = Math.min(...values(floors, owner.uid));
      const had = Math.max(...values(availability, owner.uid), sum(available) + available(old));
      // What was missing before is not this step's fault.
      if (sum(counted) + counted(now) < least && sum(available) + available(old) > left && had > left) {
        breach(
          `${at} ${key}: scaled down to ${now.spec.replicas}, which leaves ${left} available of at least ${least}`,
        );
      }
    }
  }

  function unique(service: Service, key: string, at: Millis): void {
    for (const [otherKey, object] of objects) {
      if (otherKey === key || !otherKey.startsWith('/registry/services/specs/')) continue;
      const other = object as unknown as Service;
      for (const ip of service.spec.clusterIPs ?? [])
        if (ip !== 'None' && other.spec.clusterIPs?.includes(ip))
          breach(`${at} ${key} and ${otherKey} both have ${ip}`);
      for (const { nodePort, protocol } of service.spec.ports ?? []) {
        if (nodePort && other.spec.ports?.some((port) => port.nodePort === nodePort && port.protocol === protocol))
          breach(`${at} ${key} and ${otherKey} both have node port ${nodePort}`);
      }
    }
  }

  function podChanged(pod: Pod, key: string, at: Millis): void {
    const ip = pod.status?.podIP;
    if (!ip || pod.spec.hostNetwork || isFinished(pod)) return;
    for (const [otherKey, object] of objects) {
      if (otherKey === key || !otherKey.startsWith('/registry/pods/')) continue;
      const other = object as unknown as Pod;
      if (other.status?.podIP === ip && !other.spec.hostNetwork && !isFinished(other))
        breach(`${at} ${key} and ${otherKey} both have ${ip}`);
    }
  }

  history.listen((change) => {
    const { key, after, revision, at } = change;
    if (revision < lastRevision) breach(`${at} revision ${revision} came after ${lastRevision}`);
    lastRevision = revision;
    lives(change);
    counted(change);
    budgets(change);
    identities(change);
    if (key.startsWith('/registry/replicasets/')) replicaSetChanged(change);
    if (after) {
      objects.set(key, after);
      if (key.startsWith('/registry/deployments/')) deploymentChanged(after as unknown as Deployment, at);
      if (key.startsWith('/registry/services/specs/')) unique(after as unknown as Service, key, at);
      if (key.startsWith('/registry/pods/')) podChanged(after as unknown as Pod, key, at);
    } else objects.delete(key);
  });

  return {
    breaches,
    observer: {
      revision: () => versions.revision,
      asks: overlaps(),
      called: linear,
      opened: (stream) => watches.opened(stream),
      saw: (stream, event) => watches.saw(stream, event),
      awaits: (stream) => watches.awaits(stream),
    },
    breach,
    agrees(server, standing) {
      const truth = history.revisions();
      for (const [key, revision] of standing)
        if (truth.get(key) !== revision)
          breach(`${elapsed()} ${server} shows ${key} of ${revision}, and it is of ${truth.get(key) ?? 'no revision'}`);
      for (const key of objects.keys()) if (!standing.has(key)) breach(`${elapsed()} ${server} does not show ${key}`);
    },
    check() {
      watches.check();
      if (breaches.length > 0) throw new Error(`the cluster broke its promises:\n${breaches.slice(0, 20).join('\n')}`);
    },
  };
}

const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Worked out here once more, on purpose not with the controller's own arithmetic. */
function fences(
  replicas: number,
  strategy: Deployment['spec']['strategy'],
): { readonly surge: number; readonly unavailable: number } {
  const part = (value: number | string | undefined, round: (n: number) => number): number =>
    typeof value === 'string' ? round((Number(value.replace('%', '')) * replicas) / 100) : (value ?? 0);
  const surge = part(strategy.rollingUpdate?.maxSurge, Math.ceil);
  const unavailable = part(strategy.rollingUpdate?.maxUnavailable, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}
