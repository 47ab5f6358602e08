/**
 * Node lifecycle: a node whose lease is not renewed is declared unreachable, and conditions become taints. What happens to the pods is decided by their
 * tolerations, in `taint-eviction.ts`.
 */
import { formatTime } from '#meta/time.ts';
import { Lease } from '#api/coordination/lease.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { event, patch, status, wake, type Action } from '#runtime/action.ts';
import { controller, type Controller, type Picture } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { isReady } from '../pod-facts.ts';
import { conditionOf, taintsOf } from './taints.ts';

const leaseNamespace = 'kube-node-lease';
/** Upstream's --node-monitor-grace-period. */
export const graceMsDefault: Millis = 50_000;
/** Until a node that was just registered must have spoken for the first time. */
const startupMs: Millis = 60_000;
const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

interface Sign {
  /** What was seen: renewal and heartbeat. */
  readonly of: string;
  readonly at: Millis;
}

/**
 * Signs of life are timed by our own clock, from when we first saw them: a node with a wrong clock is not dead, and after a restart of the control plane every node
 * has its grace again.
 */
export function nodeLifecycle(graceMs: Millis = graceMsDefault): Controller<typeof Node> {
  const signs = new Map<string, Sign>();

  function silentFor(node: Node, { of, now }: Picture): Millis {
    const { name, uid } = node.metadata;
    const renewed = of(Lease).get(`${leaseNamespace}/${name}`)?.spec.renewTime ?? '';
    const heard =
      conditionOf(node, 'Ready')?.status === 'Unknown' ? '' : (conditionOf(node, 'Ready')?.lastHeartbeatTime ?? '');
    const sign = `${uid} ${renewed} ${heard}`;
    const before = signs.get(name);
    // That we declared it unknown ourselves is no sign of life.
    const same =
      before !== undefined && (before.of === sign || (heard === '' && before.of.startsWith(`${uid} ${renewed} `)));
    if (!same) signs.set(name, { of: sign, at: now });
    return same ? now - before.at : 0;
  }

  return controller({
    name: 'node-lifecycle-controller',
    component: 'node-controller',
    for: Node,
    reads: [Pod],
    watches: [
      {
        kind: Lease,
        wakes: function* ({ old, now }) {
          const lease = now ?? old;
          if (lease?.metadata.namespace === leaseNamespace) yield lease.metadata.name;
        },
      },
    ],
    *reconcile(node: Node, picture: Picture): Iterable<Action> {
      const silent = silentFor(node, picture);
      const limit = conditionOf(node, 'Ready') ? graceMs : Math.max(graceMs, startupMs);
      if (silent > limit) {
        if (conditionOf(node, 'Ready')?.status !== 'Unknown') {
          const { name } = node.metadata;
          yield event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
          yield status(Node, node, { ...node.status, conditions: unknownConditions(node, picture.now) });
          return; // The write wakes us: then the taints.
        }
      } else yield wake(limit - silent + 100);
      const taints = taintsOf(node, picture.now);
      if (taints) {
        yield patch(Node, node, {
          type: 'merge',
          body: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } },
        });
      }
      if (conditionOf(node, 'Ready')?.status === 'Unknown') yield* markNotReady(node, picture);
    },
    gone(key) {
      signs.delete(key);
      return [];
    },
  });
}

type Condition = NonNullable<Node['status']['conditions']>[number];

function unknownConditions(node: Node, now: Millis): readonly Condition[] {
  const at = formatTime(now);
  const present = node.status.conditions ?? [];
  const unknown = watched.map((type): Condition => {
    const old = conditionOf(node, type);
    return old
      ? {
          ...old,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: old.status === 'Unknown' && old.lastTransitionTime ? old.lastTransitionTime : at,
        }
      : {
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: node.metadata.creationTimestamp,
          lastTransitionTime: at,
        };
  });
  return [...present.filter(({ type }) => !(watched as readonly string[]).includes(type)), ...unknown];
}

/** Nobody vouches for these pods any more: they leave their Services. */
function* markNotReady(node: Node, { of, now }: Picture): Iterable<Action> {
  for (const pod of of(Pod).by('node', node.metadata.name)) {
    if (!isReady(pod)) continue;
    const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(now) };
    yield patch(
      Pod,
      pod,
      { type: 'strategic', body: { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } } },
      { subresource: 'status' },
    );
    yield event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
  }
}
