/**
 * DaemonSet: one pod on every node that fits (https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/). It decides the nodes; the scheduler binds.
 */
import { parseTime } from '#meta/time.ts';
import { ControllerRevision } from '#api/apps/controllerrevision.ts';
import { DaemonSet } from '#api/apps/daemonset.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { create, event, remove, status, wake, type Action } from '#runtime/action.ts';
import { controller, type Controller, type Picture } from '#runtime/controller.ts';
import { controllerReference } from '#runtime/runner.ts';
import { keyOf } from '#client/view.ts';
import type { Millis } from '#world/world.ts';
import { availableIn, isAvailable, isFinished, isReady, podOf } from '../pod-facts.ts';
import { fitOf, nodeOf, specFor } from './nodes.ts';
import { hashLabel, hashOf, prune, record, revisionsOf } from './revisions.ts';
import { rollingStep, surgeOf, type Place } from './rollout.ts';

const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';
/** A daemon that fails again and again is started again later and later. */
const failedMsMin: Millis = 1_000;
const failedMsMax: Millis = 15 * 60 * 1000;
const burstMax = 250;

interface Sorted {
  /** Nodes that should run a pod, with those that they have. */
  readonly places: readonly Place[];
  /** Pods that must go wherever they are. */
  readonly unwanted: readonly Pod[];
  /** Nodes that have a pod and should not. */
  readonly misscheduled: number;
}

export function daemonSets(): Controller<typeof DaemonSet> {
  const failures = new Map<string, { count: number; until: Millis }>();

  /** Milliseconds until a failed daemon is replaced. */
  function failedFor(daemonSet: DaemonSet, pod: Pod, now: Millis): Millis {
    const key = `${daemonSet.metadata.uid}/${nodeOf(pod)}`;
    const before = failures.get(key);
    if (before && before.until > now) return before.until - now;
    for (const [each, { until }] of failures) if (now - until > 2 * failedMsMax) failures.delete(each);
    // Long well: it starts from the beginning.
    const count = before && now - before.until < 2 * failedMsMax ? before.count + 1 : 0;
    failures.set(key, { count, until: now + Math.min(failedMsMin * 2 ** count, failedMsMax) });
    return 0;
  }

  /** Pods in the wrong number or in the wrong place. */
  function* manage(
    daemonSet: DaemonSet,
    { places, unwanted }: Sorted,
    { hash, now }: { hash: string; now: Millis },
  ): Iterable<Action> {
    const ending: Pod[] = [...unwanted];
    const starting: string[] = [];
    let again = Infinity;
    for (const { node, pods } of places) {
      const running: Pod[] = [];
      for (const pod of pods) {
        if (pod.metadata.deletionTimestamp !== undefined) continue;
        if (!isFinished(pod)) {
          running.push(pod);
          continue;
        }
        const wait = failedFor(daemonSet, pod, now);
        if (wait > 0) {
          again = Math.min(again, wait);
          continue;
        }
        const failed = pod.status?.phase === 'Failed';
        const [reason, found] = failed ? ['FailedDaemonPod', 'failed'] : ['SucceededDaemonPod', 'succeeded'];
        yield event(
          daemonSet,
          failed ? 'Warning' : 'Normal',
          reason,
          `Found ${found} daemon pod ${keyOf(pod)} on node ${node}, will try to ${failed ? 'kill' : 'delete'} it`,
        );
        ending.push(pod);
      }
      if (pods.length === 0) starting.push(node);
      else ending.push(...excess(daemonSet, running, { hash, now, desired: places.length }));
    }
    for (const pod of ending) yield* endPod(daemonSet, pod);
    for (const node of starting.slice(0, burstMax)) yield startPod(daemonSet, node, hash);
    if (again < Infinity) yield wake(again);
  }

  return controller({
    name: 'daemon-set-controller',
    component: 'daemonset-controller',
    for: DaemonSet,
    claims: [
      { kind: Pod, selector: (daemonSet: DaemonSet) => daemonSet.spec.selector as never },
      { kind: ControllerRevision, selector: (daemonSet: DaemonSet) => daemonSet.spec.selector as never },
    ],
    watches: [
      {
        kind: Node,
        wakes: function* ({ old, now }, read) {
          if (old && now && placement(old as Node) === placement(now as Node)) return;
          for (const daemonSet of read.of(DaemonSet).all()) yield keyOf(daemonSet);
        },
      },
    ],
    *reconcile(daemonSet: DaemonSet, picture: Picture): Iterable<Action> {
      const { now } = picture;
      const { selector } = daemonSet.spec;
      if (Object.keys(selector.matchLabels ?? {}).length === 0 && !selector.matchExpressions?.length) {
        yield event(
          daemonSet,
          'Warning',
          'SelectingAll',
          'This daemon set is selecting all pods. A non-empty selector is required.',
        );
        return;
      }
      const pods = picture.claimed(Pod);
      const sorted = sortPods(daemonSet, pods, picture);
      if (daemonSet.metadata.deletionTimestamp !== undefined) return;
      const revisions = revisionsOf(daemonSet, picture);
      const recorded = [...record(daemonSet, revisions, picture)];
      yield* recorded;
      if (!revisions.now) return; // Its creation wakes us.
      const hash = hashOf(revisions.now);
      const isNew = (pod: Pod): boolean => pod.metadata.labels?.[hashLabel] === hash;
      const managed = [...manage(daemonSet, sorted, { hash, now })];
      yield* managed;
      const moved = managed.some((action) => action.do === 'create' || action.do === 'remove');
      if (!moved && daemonSet.spec.updateStrategy.type === 'RollingUpdate') {
        const step = rollingStep(daemonSet, { places: sorted.places, isNew, now });
        for (const pod of step.end) yield* endPod(daemonSet, pod);
        for (const node of step.surgeOn) yield startPod(daemonSet, node, hash);
      }
      yield* prune(daemonSet, revisions, pods);
      yield status(DaemonSet, daemonSet, statusOf(daemonSet, sorted, { isNew, now }));
      const settling = pods
        .map((pod) => availableIn(pod, daemonSet.spec.minReadySeconds ?? 0, now))
        .filter((ms) => ms > 0 && ms < Infinity);
      if (settling.length > 0) yield wake(Math.min(...settling));
    },
  });
}

/** What of a node decides whether a daemon runs there. */
const placement = ({ metadata, spec }: Node): string => JSON.stringify([metadata.uid, metadata.labels, spec.taints]);

function sortPods(daemonSet: DaemonSet, pods: readonly Pod[], { of }: Picture): Sorted {
  const byNode = new Map<string, Pod[]>();
  const unwanted: Pod[] = [];
  for (const pod of pods) {
    const node = nodeOf(pod);
    if (node === undefined) continue;
    // A pod that waits for a node that is gone would wait for ever.
    if (!pod.spec.nodeName && !of(Node).get(node)) unwanted.push(pod);
    else byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  const places: Place[] = [];
  let misscheduled = 0;
  for (const node of [...of(Node).all()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const { run, stay } = fitOf(daemonSet, node);
    const here = byNode.get(node.metadata.name) ?? [];
    if (run) places.push({ node: node.metadata.name, pods: here });
    else if (here.length > 0) misscheduled++;
    if (!stay) unwanted.push(...here.filter((pod) => pod.metadata.deletionTimestamp === undefined));
  }
  return { places, unwanted, misscheduled };
}

/** Of several pods on one node the oldest stays; during a surge one old and one new. */
function excess(
  daemonSet: DaemonSet,
  running: readonly Pod[],
  { hash, now, desired }: { hash: string; now: Millis; desired: number },
): readonly Pod[] {
  if (running.length <= 1) return [];
  const order = running.toSorted(
    (a, b) =>
      Number(Boolean(b.spec.nodeName)) - Number(Boolean(a.spec.nodeName)) ||
      (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  if (surgeOf(daemonSet, desired) === 0) return order.slice(1);
  const fresh = order.filter((pod) => pod.metadata.labels?.[hashLabel] === hash);
  const stale = order.filter((pod) => pod.metadata.labels?.[hashLabel] !== hash);
  const ready = fresh[0] && isAvailable(fresh[0], daemonSet.spec.minReadySeconds ?? 0, now);
  return [...fresh.slice(1), ...(ready ? stale : stale.slice(1))];
}

function startPod(daemonSet: DaemonSet, node: string, hash: string): Action {
  const { name, namespace = '', annotations } = daemonSet.metadata;
  const generation = annotations?.[generationAnnotation];
  const draft = podOf(daemonSet.spec.template as never, controllerReference(DaemonSet, daemonSet), {
    namespace,
    generateName: `${name}-`,
  });
  const labels = {
    ...draft.metadata.labels,
    [hashLabel]: hash,
    ...(generation === undefined ? {} : { [generationLabel]: generation }),
  };
  return create(Pod, { metadata: { ...draft.metadata, labels }, spec: specFor(daemonSet, node) } as never, {
    announce: {
      about: daemonSet,
      done: { reason: 'SuccessfulCreate', message: (pod) => `Created pod: ${pod.metadata.name}` },
      failed: { reason: 'FailedCreate', message: (error) => `Error creating: ${error.message}` },
    },
  });
}

function* endPod(daemonSet: DaemonSet, pod: Pod): Iterable<Action> {
  if (pod.metadata.deletionTimestamp !== undefined) return;
  yield remove(Pod, pod, {
    announce: {
      about: daemonSet,
      done: { reason: 'SuccessfulDelete', message: () => `Deleted pod: ${pod.metadata.name}` },
      failed: { reason: 'FailedDelete', message: (error) => `Error deleting: ${error.message}` },
    },
  });
}

function statusOf(
  daemonSet: DaemonSet,
  { places, misscheduled }: Sorted,
  { isNew, now }: { isNew: (pod: Pod) => boolean; now: Millis },
): unknown {
  const counts = { current: 0, ready: 0, available: 0, updated: 0 };
  for (const { pods } of places) {
    // The pod that counts is the oldest one, and of a surge the one that serves.
    const pod = pods.toSorted((a, b) => Number(isReady(b)) - Number(isReady(a)))[0];
    if (!pod) continue;
    counts.current++;
    if (isReady(pod)) counts.ready++;
    if (isAvailable(pod, daemonSet.spec.minReadySeconds ?? 0, now)) counts.available++;
    if (pods.some((each) => isNew(each) && each.metadata.deletionTimestamp === undefined)) counts.updated++;
  }
  const { collisionCount, conditions } = daemonSet.status;
  const missing = places.length - counts.available;
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: places.length,
    numberReady: counts.ready,
    observedGeneration: daemonSet.metadata.generation,
    ...(counts.updated > 0 ? { updatedNumberScheduled: counts.updated } : {}),
    ...(counts.available > 0 ? { numberAvailable: counts.available } : {}),
    ...(missing > 0 ? { numberUnavailable: missing } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
