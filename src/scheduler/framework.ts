/**
 * What a scheduling plugin is: plain functions that are asked once a pod (preparing what is the same for all nodes) and then once a row of the node table.
 * The list of plugins in `plugins/all.ts` is the whole scheduler's policy.
 */
import type { Namespace } from '#api/core/namespace.ts';
import type { Pod } from '#api/core/pod.ts';
import type { NodeTable } from './node-table.ts';
import type { PodDemand } from './pod-demand.ts';

/** Why a node does not do. `final`: not even if pods left it. */
export interface Refusal {
  readonly reasons: readonly string[];
  readonly final: boolean;
}

/** Everything a plugin may look at. */
export interface Cluster {
  readonly table: NodeTable;
  namespace(name: string): Namespace | undefined;
}

/** What happened that may give a refused pod its node. */
export type ClusterEvent =
  | { readonly type: 'node-added' | 'node-changed' }
  | { readonly type: 'pod-placed' | 'pod-gone'; readonly pod: Pod }
  | { readonly type: 'namespace-changed' };

export interface Plugin {
  readonly name: string;
  /** The only nodes that come into question, by name; undefined: all. */
  only?(pod: PodDemand): readonly string[] | undefined;
  /** Undefined: the pod asks nothing of this plugin. */
  filter?(pod: PodDemand, cluster: Cluster): ((row: number) => Refusal | undefined) | undefined;
  /** Raw points of a row that passed all filters. */
  score?(pod: PodDemand, cluster: Cluster, rows: readonly number[]): ((row: number) => number) | undefined;
  /** From raw points to 0…100; absent: they are that already. */
  normalize?(points: Float64Array): void;
  readonly weight?: number;
  /** Whether the event may end this plugin's refusal of the pod. */
  hint?(event: ClusterEvent, pod: PodDemand): boolean;
}

export const scoreMax = 100;

/** The best row gets 100, others in proportion. */
export function relativeToMost(points: Float64Array): void {
  const most = Math.max(0, ...points);
  if (most === 0) return;
  for (const [index, value] of points.entries()) points[index] = Math.floor((value * scoreMax) / most);
}

/** Fewest points are best. */
export function fewestFirst(points: Float64Array): void {
  const most = Math.max(0, ...points);
  for (const [index, value] of points.entries()) {
    points[index] = most === 0 ? scoreMax : scoreMax - Math.floor((value * scoreMax) / most);
  }
}
