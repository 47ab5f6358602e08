/**
 * `import { startCluster } from 'k8ts/testing'`: the whole control plane with simulated nodes inside a test. No root, no Docker, any number in one process; time is
 * virtual, so waiting for an hour costs nothing.
 */
export {
  startSimCluster as startCluster,
  type SimCluster as Cluster,
  type SimClusterOptions as ClusterOptions,
} from './cluster.ts';
export type { Faults } from './faults.ts';
export type { SimBehaviour, SimImage } from '#kubelet/sim/behaviour.ts';
