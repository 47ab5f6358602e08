/**
 * The taints that a node's conditions ask for (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions). Pure.
 */
import { formatTime } from '#meta/time.ts';
import type { Node } from '#api/core/node.ts';
import type { Taint } from '#api/core/tolerations.ts';
import type { Millis } from '#world/world.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const unschedulable = 'node.kubernetes.io/unschedulable';
export const outOfService = 'node.kubernetes.io/out-of-service';

const pressures: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};

const managed = new Set([notReady, unreachable, unschedulable, ...Object.values(pressures)]);

export const conditionOf = (node: Node, type: string) =>
  node.status.conditions?.find((condition) => condition.type === type);

type Wanted = Pick<Taint, 'key' | 'effect'>;

function wantedTaints(node: Node): readonly Wanted[] {
  const wanted: Wanted[] = [];
  const ready = conditionOf(node, 'Ready')?.status;
  // A node that has never spoken gets no pods, but loses none either.
  if (ready === undefined) wanted.push({ key: notReady, effect: 'NoSchedule' });
  if (ready === 'False') wanted.push({ key: notReady, effect: 'NoSchedule' }, { key: notReady, effect: 'NoExecute' });
  if (ready === 'Unknown')
    wanted.push({ key: unreachable, effect: 'NoSchedule' }, { key: unreachable, effect: 'NoExecute' });
  for (const [type, key] of Object.entries(pressures)) {
    if (conditionOf(node, type)?.status === 'True') wanted.push({ key, effect: 'NoSchedule' });
  }
  if (node.spec.unschedulable) wanted.push({ key: unschedulable, effect: 'NoSchedule' });
  return wanted;
}

/** The node's taints as they should be, or undefined when they are. Taints of others stay. */
export function taintsOf(node: Node, now: Millis): readonly Taint[] | undefined {
  const present = node.spec.taints ?? [];
  const wanted = wantedTaints(node);
  const same = (a: Wanted, b: Wanted): boolean => a.key === b.key && a.effect === b.effect;
  const kept = present.filter((taint) => !managed.has(taint.key) || wanted.some((each) => same(each, taint)));
  const missing = wanted.filter((each) => !present.some((taint) => same(each, taint)));
  if (missing.length === 0 && kept.length === present.length) return undefined;
  return [...kept, ...missing.map((taint) => ({ ...taint, timeAdded: formatTime(now) }))];
}
