/**
 * InterPodAffinity: near to or away from other pods, by labels and topology. Required terms of pods that already run count too: who repels is not joined.
 */
import { matches, selectorFrom } from '#meta/selector.ts';
import type { Node } from '#api/core/node.ts';
import type { PodAffinityTerm } from '#api/core/affinity.ts';
import { scoreMax, type Cluster, type Plugin, type Refusal } from '../framework.ts';
import type { PodDemand } from '../pod-demand.ts';

const alone: Refusal = { reasons: ["node(s) didn't match pod affinity rules"], final: true };
const crowded: Refusal = { reasons: ["node(s) didn't match pod anti-affinity rules"], final: false };
const repelled: Refusal = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], final: false };

/** Whether `term`, which stands in `owner`, selects `other`. */
function selects(term: PodAffinityTerm, owner: PodDemand, other: PodDemand, cluster: Cluster): boolean {
  const { namespace = '' } = other.pod.metadata;
  const listed = term.namespaces ?? [];
  const own = listed.length === 0 && term.namespaceSelector === undefined;
  const inNamespace =
    listed.includes(namespace) ||
    (own && namespace === owner.pod.metadata.namespace) ||
    (term.namespaceSelector !== undefined &&
      matches(selectorFrom(term.namespaceSelector as never), cluster.namespace(namespace)?.metadata.labels));
  return inNamespace && matches(selectorFrom(term.labelSelector as never), other.pod.metadata.labels);
}

const labelOf = (node: Node | undefined, key: string): string | undefined => node?.metadata.labels?.[key];

function* allPods({ table }: Cluster): Generator<{ readonly demand: PodDemand; readonly node: Node }> {
  for (const row of table.rows()) {
    for (const demand of (table.pods[row] as Map<string, PodDemand>).values())
      yield { demand, node: table.nodes[row] as Node };
  }
}

/** Places (values of the term's topology key) that hold a selected pod. */
function placesOf(
  terms: readonly PodAffinityTerm[],
  pod: PodDemand,
  cluster: Cluster,
  all: boolean,
): readonly Set<string>[] {
  const places = terms.map(() => new Set<string>());
  if (terms.length === 0) return places;
  for (const { demand, node } of allPods(cluster)) {
    const hits = terms.map((term) => selects(term, pod, demand, cluster));
    // A pod counts for affinity only when it satisfies every term.
    if (all && hits.includes(false)) continue;
    for (const [index, hit] of hits.entries()) {
      const place = hit ? labelOf(node, (terms[index] as PodAffinityTerm).topologyKey) : undefined;
      if (place !== undefined) places[index]?.add(place);
    }
  }
  return places;
}

export const interPodAffinity: Plugin = {
  name: 'InterPodAffinity',
  weight: 2,
  filter(pod, cluster) {
    const { table } = cluster;
    const forbidden = new Map<string, Set<string>>();
    for (const other of table.repelling.values()) {
      const node = table.nodes[table.placeOf(other.uid) as number];
      for (const term of other.antiAffinity) {
        if (!selects(term, other, pod, cluster)) continue;
        const place = labelOf(node, term.topologyKey);
        if (place === undefined) continue;
        const places = forbidden.get(term.topologyKey) ?? new Set();
        forbidden.set(term.topologyKey, places.add(place));
      }
    }
    if (forbidden.size === 0 && pod.affinity.length === 0 && pod.antiAffinity.length === 0) return undefined;
    const near = placesOf(pod.affinity, pod, cluster, true);
    const away = placesOf(pod.antiAffinity, pod, cluster, false);
    // The first of a group that wants to be together may go anywhere.
    const first =
      near.every((places) => places.size === 0) && pod.affinity.every((term) => selects(term, pod, pod, cluster));
    return (row) => {
      const node = table.nodes[row];
      for (const [index, term] of pod.affinity.entries()) {
        const place = labelOf(node, term.topologyKey);
        if (place === undefined || (!first && !near[index]?.has(place))) return alone;
      }
      for (const [index, term] of pod.antiAffinity.entries()) {
        const place = labelOf(node, term.topologyKey);
        if (place !== undefined && away[index]?.has(place)) return crowded;
      }
      for (const [key, places] of forbidden) {
        const place = labelOf(node, key);
        if (place !== undefined && places.has(place)) return repelled;
      }
      return undefined;
    };
  },
  score(pod, cluster) {
    const points = new Map<string, number>();
    const addPoints = (node: Node | undefined, key: string, weight: number): void => {
      const place = labelOf(node, key);
      if (place !== undefined) points.set(`${key}\0${place}`, (points.get(`${key}\0${place}`) ?? 0) + weight);
    };
    const keys = new Set<string>();
    const count = (from: PodDemand, to: PodDemand, node: Node | undefined): void => {
      const { podAffinity, podAntiAffinity } = from.pod.spec.affinity ?? {};
      for (const [sign, side] of [
        [1, podAffinity],
        [-1, podAntiAffinity],
      ] as const) {
        for (const { weight, podAffinityTerm } of side?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
          keys.add(podAffinityTerm.topologyKey);
          if (selects(podAffinityTerm, from, to, cluster)) addPoints(node, podAffinityTerm.topologyKey, sign * weight);
        }
      }
    };
    const { podAffinity, podAntiAffinity } = pod.pod.spec.affinity ?? {};
    if (
      podAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.length ||
      podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.length
    ) {
      for (const { demand, node } of allPods(cluster)) count(pod, demand, node);
    }
    for (const other of cluster.table.attracting.values()) {
      const node = cluster.table.nodes[cluster.table.placeOf(other.uid) as number];
      count(other, pod, node);
      // Who insists on company is glad of more of it.
      for (const term of other.affinity) {
        keys.add(term.topologyKey);
        if (selects(term, other, pod, cluster)) addPoints(node, term.topologyKey, 1);
      }
    }
    if (points.size === 0) return undefined;
    return (row) => {
      let sum = 0;
      for (const key of keys) sum += points.get(`${key}\0${labelOf(cluster.table.nodes[row], key)}`) ?? 0;
      return sum;
    };
  },
  normalize(points) {
    const most = Math.max(...points);
    const least = Math.min(...points);
    for (const [index, value] of points.entries()) {
      points[index] = most === least ? 0 : Math.floor((scoreMax * (value - least)) / (most - least));
    }
  },
  hint: () => true,
};
