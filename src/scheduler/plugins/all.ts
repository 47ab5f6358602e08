/** The scheduler's policy: its plugins, in the order in which they filter. The order, the names and the weights are upstream's defaults. */
import type { Plugin } from '../framework.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { imageLocality, nodeAffinity, nodeName, nodeUnschedulable, taintToleration } from './node-facts.ts';
import { balancedAllocation, nodePorts, nodeResourcesFit } from './node-resources.ts';
import { podTopologySpread } from './topology-spread.ts';

export const defaultPlugins: readonly Plugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
  balancedAllocation,
  imageLocality,
];
