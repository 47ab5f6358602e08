/**
 * Taint eviction: pods leave a node with a NoExecute taint: at once when they do not tolerate it, later when they tolerate it for a while, never when for ever.
 */
import { formatTime, parseTime } from '#meta/time.ts';
import { covers } from '#api/core/node-fit.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import type { Taint } from '#api/core/tolerations.ts';
import { event, patch, remove, wake, type Action } from '#runtime/action.ts';
import { controller } from '#runtime/controller.ts';
import { keyOf } from '#client/view.ts';
import type { Millis } from '#world/world.ts';
import { isFinished } from '../pod-facts.ts';

const executing = (node: Node | undefined): readonly Taint[] =>
  (node?.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');

export const taintEviction = controller({
  name: 'taint-eviction-controller',
  for: Pod,
  watches: [
    {
      kind: Node,
      wakes: function* ({ old, now }, read) {
        if (!now) return;
        const before = JSON.stringify(executing(old as Node | undefined));
        if (before === JSON.stringify(executing(now as Node))) return;
        for (const pod of read.of(Pod).by('node', now.metadata.name)) yield keyOf(pod);
      },
    },
  ],
  *reconcile(pod: Pod, { of, now }): Iterable<Action> {
    if (!pod.spec.nodeName || pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return;
    const taints = executing(of(Node).get(pod.spec.nodeName));
    const left = Math.min(...taints.map((taint) => leavesIn(pod, taint, now)));
    if (left === Infinity) return;
    if (left > 0) {
      yield wake(left);
      return;
    }
    const message = 'Taint manager: deleting due to NoExecute taint';
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message,
      lastTransitionTime: formatTime(now),
    };
    yield event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
    yield patch(
      Pod,
      pod,
      { type: 'strategic', body: { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } } },
      { subresource: 'status' },
    );
    yield remove(Pod, pod);
  },
});

/** Milliseconds until the taint drives the pod out; Infinity when never. */
function leavesIn(pod: Pod, taint: Taint, now: Millis): Millis {
  const matching = (pod.spec.tolerations ?? []).filter((toleration) => covers(toleration, taint));
  if (matching.length === 0) return 0;
  const seconds = matching.flatMap(({ tolerationSeconds }) =>
    tolerationSeconds === undefined ? [] : [Number(tolerationSeconds)],
  );
  if (seconds.length === 0) return Infinity;
  const since = parseTime(taint.timeAdded ?? '') ?? now;
  return since + Math.max(0, Math.min(...seconds)) * 1000 - now;
}
