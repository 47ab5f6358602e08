/**
 * Says of every PodDisruptionBudget how many of its pods may be evicted now; the API server's eviction counts down from there. How many pods should exist is what their
 * controllers are scaled to. A pod whose eviction was allowed counts as gone until that is seen, or for two minutes. Where the numbers cannot be worked out, nothing may be
 * evicted. https://kubernetes.io/docs/concepts/workloads/pods/disruptions/
 */
import { deepEqual } from '#base/deep-equal.ts';
import { Deployment } from '#api/apps/deployment.ts';
import { ReplicaSet } from '#api/apps/replicaset.ts';
import { StatefulSet } from '#api/apps/statefulset.ts';
import { Pod } from '#api/core/pod.ts';
import { ReplicationController } from '#api/core/replicationcontroller.ts';
import { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import { keyOf } from '#client/view.ts';
import { controllerOf, type AnyObject, type OwnerReference } from '#meta/object-meta.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import { event, status, wake, type Action } from '#runtime/action.ts';
import { controller, type Reader } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { isFinished, isReady } from '../pod-facts.ts';

/** A pod that is not deleted so long after its eviction was allowed will not be. */
const deletionMsMax: Millis = 2 * 60_000;

type Budget = PodDisruptionBudget;

/** Labels that a budget selects; a missing selector selects nothing. */
const selects = ({ spec }: Budget, pod: Pod): boolean =>
  spec.selector !== undefined && matches(selectorFrom(spec.selector as never), pod.metadata.labels ?? {});

export const disruptionBudgets = controller({
  name: 'disruption-controller',
  component: 'controllermanager',
  for: PodDisruptionBudget,
  watches: [
    {
      kind: Pod,
      *wakes({ old, now }, read) {
        const pods = [old, now].filter((pod) => pod !== undefined) as unknown as readonly Pod[];
        for (const budget of read.of(PodDisruptionBudget).by('namespace', pods[0]?.metadata.namespace ?? ''))
          if (pods.some((pod) => selects(budget, pod))) yield keyOf(budget);
      },
    },
  ],
  reads: [Deployment, ReplicaSet, ReplicationController, StatefulSet],
  *reconcile(budget: Budget, { of, now }): Iterable<Action> {
    const pods = of(Pod)
      .by('namespace', budget.metadata.namespace ?? '')
      .filter((pod) => selects(budget, pod));
    if (pods.length === 0) yield event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const wanted = expectedOf(budget, pods, of);
    if (typeof wanted === 'string') {
      yield event(
        budget,
        'Warning',
        'CalculateExpectedPodCountFailed',
        `Failed to calculate the number of expected pods: ${wanted}`,
      );
      yield* written(budget, failed(budget, wanted, now));
      return;
    }
    if (wanted.unmanaged > 0)
      yield event(budget, 'Warning', 'UnmanagedPods', unmanagedMessage(JSON.stringify(budget.spec.selector)));
    const disrupted = pods.filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined && budget.status.disruptedPods?.[metadata.name] !== undefined,
    );
    const sinceOf = ({ metadata }: Pod): Millis => parseTime(budget.status.disruptedPods?.[metadata.name] ?? '') ?? 0;
    const leaving = disrupted.filter((pod) => sinceOf(pod) + deletionMsMax >= now);
    for (const pod of disrupted)
      if (!leaving.includes(pod))
        yield event(
          pod,
          'Warning',
          'NotDeleted',
          `Pod was expected by PDB ${budget.metadata.namespace}/${budget.metadata.name} to be deleted but it wasn't`,
        );
    const currentHealthy = pods.filter(
      (pod) => pod.metadata.deletionTimestamp === undefined && !leaving.includes(pod) && isReady(pod),
    ).length;
    const { expectedPods, desiredHealthy } = wanted;
    // A budget that matched nothing a moment ago stays closed until its first pods are counted.
    const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
    const numbers = { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed };
    const { generation = 0 } = budget.metadata;
    yield* written(budget, {
      observedGeneration: generation,
      ...(leaving.length > 0
        ? {
            disruptedPods: Object.fromEntries(
              leaving.map((pod) => [
                pod.metadata.name,
                budget.status.disruptedPods?.[pod.metadata.name] ?? formatTime(now),
              ]),
            ),
          }
        : {}),
      ...numbers,
      conditions: conditionsOf(budget, {
        type: 'DisruptionAllowed',
        status: disruptionsAllowed > 0 ? 'True' : 'False',
        reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration: generation,
        lastTransitionTime: formatTime(now),
      }),
    });
    if (leaving.length > 0) yield wake(Math.max(0, Math.min(...leaving.map(sinceOf)) + deletionMsMax - now) + 1_000);
  },
});

/** An eviction that was announced on a pod and never came is taken back: its condition turns false. */
export const staleDisruptionTargets = controller({
  name: 'stale-disruption-targets',
  for: Pod,
  *reconcile(pod: Pod, { now }): Iterable<Action> {
    const condition = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    if (pod.metadata.deletionTimestamp !== undefined || condition?.status !== 'True' || isFinished(pod)) return;
    // The kubelet may announce an end long before it begins.
    if (condition.reason === 'TerminationByKubelet') return;
    const left = (parseTime(condition.lastTransitionTime ?? '') ?? 0) + deletionMsMax - now;
    if (left > 0) {
      yield wake(left);
      return;
    }
    const over = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: formatTime(now) };
    yield status(Pod, pod, {
      ...pod.status,
      conditions: pod.status.conditions?.map((each) => (each === condition ? over : each)),
    });
  },
});

interface Expected {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  /** Pods that no controller has: nobody can say how many there should be. */
  readonly unmanaged: number;
}

/** How many pods should exist and how many of them must be healthy; a text where that cannot be said. */
function expectedOf({ spec }: Budget, pods: readonly Pod[], of: Reader['of']): Expected | string {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable === undefined && typeof minAvailable !== 'string')
    return {
      expectedPods: minAvailable === undefined ? 0 : pods.length,
      desiredHealthy: minAvailable ?? 0,
      unmanaged: 0,
    };
  const scales = new Map<string, number>();
  let unmanaged = 0;
  for (const pod of pods) {
    const owner = controllerOf(pod as unknown as AnyObject);
    if (!owner) unmanaged++;
    else if (!scales.has(owner.uid)) {
      const scale = scaleOf(owner, pod.metadata.namespace ?? '', of);
      if (!scale) return `found no controllers for pod "${pod.metadata.name}"`;
      scales.set(scale.uid, scale.replicas);
    }
  }
  const expectedPods = [...scales.values()].reduce((sum, each) => sum + each, 0);
  const desiredHealthy =
    maxUnavailable === undefined
      ? partOf(minAvailable as string, expectedPods)
      : Math.max(0, expectedPods - partOf(maxUnavailable, expectedPods));
  return { expectedPods, desiredHealthy, unmanaged };
}

/** A count, or a percentage of `whole`, rounded up. */
const partOf = (value: number | string, whole: number): number =>
  typeof value === 'number' ? value : Math.ceil((Number(value.slice(0, -1)) * whole) / 100);

function scaleOf(
  owner: OwnerReference,
  namespace: string,
  of: Reader['of'],
): { readonly uid: string; readonly replicas: number } | undefined {
  const kind = { ReplicaSet, StatefulSet, ReplicationController, Deployment }[owner.kind];
  if (!kind || kind.group !== (owner.apiVersion.split('/').at(-2) ?? '')) return undefined;
  const found = of(kind).get(`${namespace}/${owner.name}`) as unknown as
    | (AnyObject & { spec: { replicas?: number } })
    | undefined;
  if (found?.metadata.uid !== owner.uid) return undefined;
  const above = controllerOf(found);
  if (kind === ReplicaSet && above?.kind === 'Deployment') return scaleOf(above, namespace, of);
  return { uid: owner.uid, replicas: found.spec.replicas ?? 1 };
}

type Status = Budget['status'];
type Condition = NonNullable<Status['conditions']>[number];

function conditionsOf({ status: { conditions = [] } }: Budget, next: Condition): readonly Condition[] {
  const old = conditions.find(({ type }) => type === next.type);
  if (!old) return [...conditions, next];
  const kept = old.status === next.status ? { ...next, lastTransitionTime: old.lastTransitionTime } : next;
  return conditions.map((each) => (each === old ? kept : each));
}

/** Nothing may be evicted, because nobody can say how many pods there should be. */
const failed = (budget: Budget, message: string, now: Millis): Status => ({
  ...budget.status,
  disruptionsAllowed: 0,
  conditions: conditionsOf(budget, {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'SyncFailed',
    message,
    ...(budget.status.observedGeneration === undefined ? {} : { observedGeneration: budget.status.observedGeneration }),
    lastTransitionTime: formatTime(now),
  }),
});

function* written(budget: Budget, next: Status): Iterable<Action> {
  if (!deepEqual(budget.status, next)) yield status(PodDisruptionBudget, budget, next);
}

const unmanagedMessage = (selector: string): string =>
  `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
