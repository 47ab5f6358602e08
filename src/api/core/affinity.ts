/**
 * Affinity: rules of a pod about nodes and neighbouring pods.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { nodeSelector, nodeSelectorTerm } from './node-selector.ts';

export const preferredSchedulingTerm = struct(
  'core.v1.PreferredSchedulingTerm',
  {
    weight: s.int32(1).ruled().doc('What a match adds, 1 to 100.'),
    preference: s.field(2, nodeSelectorTerm).ruled().doc('The selector.'),
  },
  { doc: "A node selector that adds to a node's score." },
);
export interface PreferredSchedulingTerm extends Of<typeof preferredSchedulingTerm> {}

export const nodeAffinity = struct(
  'core.v1.NodeAffinity',
  {
    requiredDuringSchedulingIgnoredDuringExecution: s
      .field(1, nodeSelector)
      .optional()
      .doc('The node must match, at the time of scheduling.'),
    preferredDuringSchedulingIgnoredDuringExecution: s
      .list(2, preferredSchedulingTerm)
      .optional()
      .doc('Nodes that match score higher.'),
  },
  { doc: 'Rules about the node itself.' },
);
export interface NodeAffinity extends Of<typeof nodeAffinity> {}

export const podAffinityTerm = struct(
  'core.v1.PodAffinityTerm',
  {
    labelSelector: s.field(1, labelSelector).optional().doc('Selects the pods by label; none match when absent.'),
    namespaces: s
      .list(2, t.string)
      .optional()
      .doc("Namespaces to look in; the pod's own when this and namespaceSelector are absent."),
    topologyKey: s.string(3).ruled().doc('Nodes with the same value of this label are one place.'),
    namespaceSelector: s
      .field(4, labelSelector)
      .optional()
      .doc('Further namespaces, by label; an empty selector means all.'),
    matchLabelKeys: s.list(5, t.string).optional().doc("The incoming pod's values of these labels must be equal."),
    mismatchLabelKeys: s.list(6, t.string).optional().doc("The incoming pod's values of these labels must differ."),
  },
  { doc: 'Pods, and the topology in which to look for them.' },
);
export interface PodAffinityTerm extends Of<typeof podAffinityTerm> {}

export const weightedPodAffinityTerm = struct(
  'core.v1.WeightedPodAffinityTerm',
  {
    weight: s.int32(1).ruled().doc('What a match adds, 1 to 100.'),
    podAffinityTerm: s.field(2, podAffinityTerm).ruled().doc('The term.'),
  },
  { doc: "A term that adds to a node's score." },
);
export interface WeightedPodAffinityTerm extends Of<typeof weightedPodAffinityTerm> {}

export const podAffinity = struct(
  'core.v1.PodAffinity',
  {
    requiredDuringSchedulingIgnoredDuringExecution: s
      .list(1, podAffinityTerm)
      .optional()
      .doc('All must hold at the time of scheduling.'),
    preferredDuringSchedulingIgnoredDuringExecution: s
      .list(2, weightedPodAffinityTerm)
      .optional()
      .doc('Nodes where these hold score higher.'),
  },
  { doc: 'Pods to be near to.' },
);
export interface PodAffinity extends Of<typeof podAffinity> {}

export const podAntiAffinity = struct(
  'core.v1.PodAntiAffinity',
  {
    requiredDuringSchedulingIgnoredDuringExecution: s
      .list(1, podAffinityTerm)
      .optional()
      .doc('None may hold at the time of scheduling.'),
    preferredDuringSchedulingIgnoredDuringExecution: s
      .list(2, weightedPodAffinityTerm)
      .optional()
      .doc('Nodes where these do not hold score higher.'),
  },
  { doc: 'Pods to be away from.' },
);
export interface PodAntiAffinity extends Of<typeof podAntiAffinity> {}

export const affinity = struct(
  'core.v1.Affinity',
  {
    nodeAffinity: s.field(1, nodeAffinity).optional().doc('Rules about the node.'),
    podAffinity: s.field(2, podAffinity).optional().doc('Pods to be near to.'),
    podAntiAffinity: s.field(3, podAntiAffinity).optional().doc('Pods to be away from.'),
  },
  { doc: 'Rules about nodes and neighbours.' },
);
export interface Affinity extends Of<typeof affinity> {}
