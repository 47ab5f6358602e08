/**
 * Pod garbage collection: pods whose node is gone for good, pods that were deleted before they had a node, and the oldest finished pods beyond a limit. One key (the
 * namespace kube-system) stands for the whole cluster and is looked at again and again.
 */
import { formatTime, parseTime } from '#meta/time.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { patch, remove, type Action } from '#runtime/action.ts';
import { controller, type Controller, type Picture } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { conditionOf, outOfService } from '../node/taints.ts';
import { isFinished } from '../pod-facts.ts';

const everyMs: Millis = 20_000;
/** A node may only be registering itself anew. */
const quarantineMs: Millis = 40_000;
export const finishedMaxDefault = 12_500;

export function podGc(finishedMax = finishedMaxDefault): Controller<typeof Namespace> {
  const missingSince = new Map<string, Millis>();

  function* orphans(pods: readonly Pod[], { of, now }: Picture): Iterable<Action> {
    const missing = new Set<string>();
    for (const pod of pods) {
      const { nodeName } = pod.spec;
      if (!nodeName || of(Node).get(nodeName)) continue;
      missing.add(nodeName);
      const since = missingSince.get(nodeName) ?? now;
      missingSince.set(nodeName, since);
      if (now - since >= quarantineMs) yield* end(pod, now, 'PodGC: node no longer exists');
    }
    for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
  }

  return controller({
    name: 'pod-garbage-collector',
    for: Namespace,
    reads: [Pod, Node],
    resyncMs: everyMs,
    *reconcile(namespace: Namespace, picture: Picture): Iterable<Action> {
      if (namespace.metadata.name !== 'kube-system') return;
      const pods = [...picture.of(Pod).all()];
      yield* surplus(pods, finishedMax);
      yield* orphans(pods, picture);
      for (const pod of pods) {
        if (pod.metadata.deletionTimestamp === undefined) continue;
        if (!pod.spec.nodeName) yield* end(pod, picture.now, undefined);
        else if (isLost(picture.of(Node).get(pod.spec.nodeName))) {
          yield* end(pod, picture.now, 'PodGC: node is out of service');
        }
      }
    },
  });
}

/** Somebody has said that this machine is down and will not touch its disks again. */
const isLost = (node: Node | undefined): boolean =>
  node !== undefined &&
  conditionOf(node, 'Ready')?.status !== 'True' &&
  (node.spec.taints ?? []).some(({ key }) => key === outOfService);

function* surplus(pods: readonly Pod[], finishedMax: number): Iterable<Action> {
  const finished = pods.filter((pod) => isFinished(pod) && pod.metadata.deletionTimestamp === undefined);
  if (finished.length <= finishedMax) return;
  const age = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp) ?? 0;
  for (const pod of finished.toSorted((a, b) => age(a) - age(b)).slice(0, finished.length - finishedMax))
    yield remove(Pod, pod, { gracePeriodSeconds: 0 });
}

/** Ends a pod that no kubelet will end; first its phase says so, for those who count. */
function* end(pod: Pod, now: Millis, why: string | undefined): Iterable<Action> {
  if (!isFinished(pod)) {
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByPodGC',
      message: why,
      lastTransitionTime: formatTime(now),
    };
    const status = { phase: 'Failed', ...(why === undefined ? {} : { conditions: [condition] }) };
    yield patch(
      Pod,
      pod,
      { type: 'strategic', body: { metadata: { uid: pod.metadata.uid }, status } },
      { subresource: 'status' },
    );
  }
  yield remove(Pod, pod, { gracePeriodSeconds: 0 });
}
