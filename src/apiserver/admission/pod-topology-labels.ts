/**
 * PodTopologyLabels: a pod that is made with a node already in it gets the labels of that node's place; a pod that is bound later gets them with its binding
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels).
 */
import type { Pod } from '#api/core/pod.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin } from './admission.ts';

const labels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export function podTopologyLabels(nodes: WatchCache): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    mutate({ kind, operation, subresource, object }) {
      if (kind.group !== '' || kind.kind !== 'Pod' || subresource !== undefined || operation === 'CONNECT')
        return object;
      const { nodeName } = (object as unknown as Pod).spec;
      const node = nodeName ? nodes.get(nodes.key(undefined, nodeName)) : undefined;
      const place = labels.flatMap((key): [string, string][] => {
        const value = node?.labels[key];
        return value === undefined || object.metadata.labels?.[key] === value ? [] : [[key, value]];
      });
      if (place.length === 0) return object;
      const merged = { ...object.metadata.labels, ...Object.fromEntries(place) };
      return { ...object, metadata: { ...object.metadata, labels: merged } } as AnyObject;
    },
  };
}
