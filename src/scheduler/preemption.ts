/**
 * Making room: when a pod fits nowhere, pods of lower priority on one node may have to go for it. Chosen is the node where the least important pods are lost.
 * The table is tried with and without pods and is afterwards as before.
 */
import type { Cluster, Plugin, Refusal } from './framework.ts';
import type { PodDemand } from './pod-demand.ts';

export interface Preemption {
  readonly node: string;
  readonly victims: readonly PodDemand[];
}

export function preemptionFor(
  pod: PodDemand,
  cluster: Cluster,
  { plugins, refusals }: { plugins: readonly Plugin[]; refusals: ReadonlyMap<number, Refusal> },
): Preemption | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return undefined;
  const choices: Preemption[] = [];
  for (const [row, { final }] of refusals) {
    if (final) continue;
    const victims = victimsOn(row, pod, cluster, plugins);
    if (victims && victims.length > 0) choices.push({ node: cluster.table.nameOf(row), victims });
  }
  return choices.toSorted(cheapest)[0];
}

/** The most important victim as unimportant as possible, then the least importance in sum, then the fewest. */
function cheapest(a: Preemption, b: Preemption): number {
  const top = ({ victims }: Preemption): number => Math.max(...victims.map(({ priority }) => priority));
  const sum = ({ victims }: Preemption): number => victims.reduce((total, { priority }) => total + priority, 0);
  return top(a) - top(b) || sum(a) - sum(b) || a.victims.length - b.victims.length || (a.node < b.node ? -1 : 1);
}

function victimsOn(
  row: number,
  pod: PodDemand,
  cluster: Cluster,
  plugins: readonly Plugin[],
): readonly PodDemand[] | undefined {
  const { table } = cluster;
  const name = table.nameOf(row);
  const lower = [...(table.pods[row] as Map<string, PodDemand>).values()].filter(
    ({ priority }) => priority < pod.priority,
  );
  if (lower.length === 0) return undefined;
  const fits = (): boolean => plugins.every((plugin) => plugin.filter?.(pod, cluster)?.(row) === undefined);
  for (const { uid } of lower) table.removePod(uid);
  if (!fits()) {
    for (const demand of lower) table.setPod(demand, name);
    return undefined;
  }
  // The most important ones are spared first, as long as the pod still fits.
  const victims: PodDemand[] = [];
  for (const demand of lower.toSorted((a, b) => b.priority - a.priority)) {
    table.setPod(demand, name);
    if (fits()) continue;
    table.removePod(demand.uid);
    victims.push(demand);
  }
  for (const demand of victims) table.setPod(demand, name);
  return victims;
}
