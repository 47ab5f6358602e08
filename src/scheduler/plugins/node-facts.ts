/**
 * Plugins that look at the node object alone: its name, cordon, taints, labels, images.
 */
import type { Node } from '#api/core/node.ts';
import { termMatches, tolerates, wantsNode } from '#api/core/node-fit.ts';
import { fewestFirst, relativeToMost, scoreMax, type Plugin, type Refusal } from '../framework.ts';

const refusal = (reason: string, final = true): Refusal => Object.freeze({ reasons: Object.freeze([reason]), final });
const onNodes = (event: { readonly type: string }): boolean =>
  event.type === 'node-added' || event.type === 'node-changed';

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const };
const cordoned = refusal('node(s) were unschedulable');

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter(pod, { table }) {
    if (tolerates(pod.pod.spec.tolerations, unschedulableTaint)) return undefined;
    return (row) => (table.nodes[row]?.spec.unschedulable ? cordoned : undefined);
  },
  hint: onNodes,
};

const otherName = refusal("node(s) didn't match the requested node name");

export const nodeName: Plugin = {
  name: 'NodeName',
  filter({ pod }, { table }) {
    const wanted = pod.spec.nodeName;
    if (!wanted) return undefined;
    return (row) => (table.nameOf(row) === wanted ? undefined : otherName);
  },
  hint: (event) => event.type === 'node-added',
};

const tainted = refusal('node(s) had untolerated taint(s)');

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  filter({ pod }, { table }) {
    const { tolerations } = pod.spec;
    return (row) => {
      const taints = table.nodes[row]?.spec.taints;
      if (!taints) return undefined;
      const bad = taints.some((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint));
      return bad ? tainted : undefined;
    };
  },
  score({ pod }, { table }) {
    const tolerations = pod.spec.tolerations?.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    return (row) =>
      (table.nodes[row]?.spec.taints ?? []).filter(
        (taint) => taint.effect === 'PreferNoSchedule' && !tolerates(tolerations, taint),
      ).length;
  },
  normalize: fewestFirst,
  hint: onNodes,
};

const unwanted = refusal("node(s) didn't match Pod's node affinity/selector");

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  only({ pod }) {
    const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    if (!terms) return undefined;
    const names: string[] = [];
    for (const term of terms) {
      const field = term.matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
      if (!field) return undefined;
      names.push(...(field.values ?? []));
    }
    return names;
  },
  filter(demand, { table }) {
    const { nodeSelector, affinity } = demand.pod.spec;
    if (!nodeSelector && !affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) return undefined;
    return (row) => (wantsNode(demand.pod.spec, table.nodes[row] as Node) ? undefined : unwanted);
  },
  score({ pod }, { table }) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferred?.length) return undefined;
    return (row) => {
      let points = 0;
      for (const { weight, preference } of preferred) {
        if (termMatches(preference, table.nodes[row] as Node)) points += weight;
      }
      return points;
    };
  },
  normalize: relativeToMost,
  hint: onNodes,
};

const megabyte = 1024 * 1024;
/** Below this an image is pulled in no time; above that much a container, more makes no difference. */
const imageBytesMin = 23 * megabyte;
const imageBytesMax = 1000 * megabyte;

const fullImageName = (name: string): string => (/(:[^/]+|@.+)$/.test(name) ? name : `${name}:latest`);

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  score({ pod }, { table }, rows) {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const wanted = containers.map(({ image }) => fullImageName(image ?? ''));
    const held = new Map<number, ReadonlyMap<string, number>>();
    const spread = new Map<string, number>();
    for (const row of rows) {
      const images = new Map<string, number>();
      for (const { names, sizeBytes } of table.nodes[row]?.status?.images ?? []) {
        for (const name of names ?? []) if (wanted.includes(name)) images.set(name, Number(sizeBytes ?? 0));
      }
      held.set(row, images);
      for (const name of images.keys()) spread.set(name, (spread.get(name) ?? 0) + 1);
    }
    if (spread.size === 0) return undefined;
    const most = imageBytesMax * containers.length;
    return (row) => {
      const images = held.get(row);
      let bytes = 0;
      for (const name of wanted) bytes += ((images?.get(name) ?? 0) * (spread.get(name) ?? 0)) / rows.length;
      const within = Math.min(Math.max(bytes, imageBytesMin), most);
      return Math.floor((scoreMax * (within - imageBytesMin)) / (most - imageBytesMin));
    };
  },
};
