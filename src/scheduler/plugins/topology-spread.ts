/**
 * PodTopologySpread: pods that a constraint selects lie evenly over places (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/).
 * A pod without constraints is spread softly with the other pods of its controller, over hosts and zones.
 */
import { matches, selectorFrom, type LabelSelector } from '#meta/selector.ts';
import type { Node } from '#api/core/node.ts';
import { tolerates, wantsNode } from '#api/core/node-fit.ts';
import { scoreMax, type Cluster, type Plugin, type Refusal } from '../framework.ts';
import type { PodDemand } from '../pod-demand.ts';

const uneven: Refusal = { reasons: ["node(s) didn't match pod topology spread constraints"], final: false };
const unlabelled: Refusal = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  final: true,
};

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly counts: (other: PodDemand) => boolean;
  readonly includes: (node: Node) => boolean;
}

function constraintsOf(pod: PodDemand, when: 'DoNotSchedule' | 'ScheduleAnyway'): readonly Constraint[] {
  const { namespace } = pod.pod.metadata;
  return (pod.pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
    .map((constraint) => {
      const selector: LabelSelector = selectorFrom(constraint.labelSelector as never);
      return {
        key: constraint.topologyKey,
        maxSkew: constraint.maxSkew,
        minDomains: constraint.minDomains ?? 1,
        counts: (other) =>
          other.pod.metadata.namespace === namespace &&
          other.pod.metadata.deletionTimestamp === undefined &&
          matches(selector, other.pod.metadata.labels),
        includes: (node) =>
          (constraint.nodeAffinityPolicy === 'Ignore' || wantsNode(pod.pod.spec, node)) &&
          (constraint.nodeTaintsPolicy !== 'Honor' ||
            (node.spec.taints ?? []).every(
              (taint) => taint.effect === 'PreferNoSchedule' || tolerates(pod.pod.spec.tolerations, taint),
            )),
      };
    });
}

const hosts = 'kubernetes.io/hostname';

/** What upstream spreads by when a pod says nothing. */
function defaultConstraints(pod: PodDemand): readonly Constraint[] {
  if (pod.controller === undefined) return [];
  const { controller } = pod;
  const like = {
    minDomains: 1,
    counts: (other: PodDemand) => other.controller === controller && other.pod.metadata.deletionTimestamp === undefined,
    includes: () => true,
  };
  return [
    { ...like, key: hosts, maxSkew: 3 },
    { ...like, key: 'topology.kubernetes.io/zone', maxSkew: 5 },
  ];
}

function countPlaces(
  { table }: Cluster,
  constraint: Constraint,
  keys: readonly string[],
  rows: Iterable<number>,
): Map<string, number> {
  const places = new Map<string, number>();
  for (const row of rows) {
    const node = table.nodes[row] as Node;
    if (keys.some((key) => node.metadata.labels?.[key] === undefined) || !constraint.includes(node)) continue;
    const place = node.metadata.labels?.[constraint.key] as string;
    let count = places.get(place) ?? 0;
    for (const other of (table.pods[row] as Map<string, PodDemand>).values()) if (constraint.counts(other)) count++;
    places.set(place, count);
  }
  return places;
}

export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  weight: 2,
  filter(pod, cluster) {
    const hard = constraintsOf(pod, 'DoNotSchedule');
    if (hard.length === 0) return undefined;
    const keys = hard.map(({ key }) => key);
    const counted = hard.map((constraint) => {
      const places = countPlaces(cluster, constraint, keys, cluster.table.rows());
      const least = places.size < constraint.minDomains ? 0 : Math.min(...places.values());
      return { ...constraint, places, least, self: constraint.counts(pod) ? 1 : 0 };
    });
    return (row) => {
      const labels = (cluster.table.nodes[row] as Node).metadata.labels;
      for (const { key, maxSkew, places, least, self } of counted) {
        const place = labels?.[key];
        if (place === undefined) return unlabelled;
        if ((places.get(place) ?? 0) + self - least > maxSkew) return uneven;
      }
      return undefined;
    };
  },
  score(pod, cluster, rows) {
    const own = constraintsOf(pod, 'ScheduleAnyway');
    const isDefault = own.length === 0 && !pod.pod.spec.topologySpreadConstraints?.length;
    const soft = isDefault ? defaultConstraints(pod) : own;
    if (soft.length === 0) return undefined;
    const nodes = cluster.table;
    // Places without the label take no part; with the defaults, a missing label only leaves that constraint out.
    const counted = soft
      .map((constraint) => {
        const places = countPlaces(cluster, constraint, [constraint.key], rows);
        return { ...constraint, places, weight: Math.log(places.size + 2) };
      })
      .filter(({ places }) => places.size > 0);
    if (counted.length === 0) return undefined;
    return (row) => {
      let points = 0;
      for (const { key, maxSkew, places, weight } of counted) {
        const place = nodes.nodes[row]?.metadata.labels?.[key];
        if (place === undefined) {
          if (!isDefault) return Infinity;
          continue;
        }
        points += (places.get(place) ?? 0) * weight + (maxSkew - 1);
      }
      return Math.round(points);
    };
  },
  normalize(points) {
    const finite = points.filter(Number.isFinite);
    const most = Math.max(0, ...finite);
    const least = Math.min(...finite);
    for (const [index, value] of points.entries()) {
      if (!Number.isFinite(value)) points[index] = 0;
      else points[index] = most === 0 ? scoreMax : Math.floor((scoreMax * (most + least - value)) / most);
    }
  },
  hint: () => true,
};
