/**
 * The decision: (pod, nodes) → the node to take, or why none does, in the words upstream's scheduler uses. Pure.
 */
import type { Cluster, Plugin, Refusal } from './framework.ts';
import { preemptionFor, type Preemption } from './preemption.ts';
import type { PodDemand } from './pod-demand.ts';

export type Decision =
  | { readonly node: string }
  | {
      readonly node: undefined;
      readonly message: string;
      /** Plugins that refused some node: only what they hope for brings the pod back. */
      readonly refusedBy: ReadonlySet<string>;
      readonly preemption: Preemption | undefined;
    };

/** Chooses among the best rows: `pick(n)` answers a number below n. */
export function plan(
  pod: PodDemand,
  cluster: Cluster,
  options: { plugins: readonly Plugin[]; pick: (count: number) => number },
): Decision {
  const { table } = cluster;
  const { plugins, pick } = options;
  const all = [...table.rows()];
  if (all.length === 0) {
    return {
      node: undefined,
      message: 'no nodes available to schedule pods',
      refusedBy: new Set(),
      preemption: undefined,
    };
  }
  const refusals = new Map<number, Refusal>();
  const refusedBy = new Set<string>();
  const filters = plugins.flatMap((plugin) => {
    const check = plugin.filter?.(pod, cluster);
    return check ? [{ name: plugin.name, check }] : [];
  });
  let candidates = all;
  for (const plugin of plugins) {
    const names = plugin.only?.(pod);
    if (!names) continue;
    const wanted = new Set(names);
    for (const row of candidates) {
      if (!wanted.has(table.nameOf(row)))
        refusals.set(row, { reasons: [`node(s) didn't satisfy plugin(s) [${plugin.name}]`], final: true });
    }
    refusedBy.add(plugin.name);
    candidates = candidates.filter((row) => wanted.has(table.nameOf(row)));
  }
  const fitting: number[] = [];
  for (const row of candidates) {
    let refusal: Refusal | undefined;
    for (const { name, check } of filters) {
      refusal = check(row);
      if (refusal) {
        refusals.set(row, refusal);
        refusedBy.add(name);
        break;
      }
    }
    if (!refusal) fitting.push(row);
  }
  if (fitting.length === 0) {
    const preemption = preemptionFor(pod, cluster, { plugins, refusals });
    const message = `${unavailable(
      all.length,
      [...refusals.values()].flatMap(({ reasons }) => reasons),
    )} ${afterwards(all.length, refusals, preemption)}`;
    return { node: undefined, message, refusedBy, preemption };
  }
  return { node: table.nameOf(bestOf(pod, cluster, { fitting, plugins, pick })) };
}

function bestOf(
  pod: PodDemand,
  cluster: Cluster,
  {
    fitting,
    plugins,
    pick,
  }: { fitting: readonly number[]; plugins: readonly Plugin[]; pick: (count: number) => number },
): number {
  if (fitting.length === 1) return fitting[0] as number;
  const total = new Float64Array(fitting.length);
  for (const plugin of plugins) {
    const score = plugin.score?.(pod, cluster, fitting);
    if (!score) continue;
    const points = Float64Array.from(fitting, score);
    plugin.normalize?.(points);
    for (const [index, value] of points.entries())
      total[index] = (total[index] as number) + value * (plugin.weight ?? 1);
  }
  const most = Math.max(...total);
  const best = fitting.filter((_, index) => total[index] === most);
  return best[best.length === 1 ? 0 : pick(best.length)] as number;
}

/** `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.` */
function unavailable(count: number, reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, times]) => `${times} ${reason}`).toSorted();
  return `0/${count} nodes are available: ${parts.join(', ')}.`;
}

/** What the attempts to make room came to. The first part is upstream's word for a pod without resource claims. */
function afterwards(count: number, refusals: ReadonlyMap<number, Refusal>, preemption: Preemption | undefined): string {
  const reasons = [...refusals.values()].map(({ final }) =>
    final ? 'Preemption is not helpful for scheduling' : 'No preemption victims found for incoming pod',
  );
  if (preemption) return 'no new claims to deallocate';
  return `no new claims to deallocate, preemption: ${unavailable(count, reasons)}`;
}
