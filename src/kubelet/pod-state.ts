/**
 * What one pod's worker knows beside the runtime: the picture that the pod step plans from. Plain data.
 */
import type { Pod } from '#api/core/pod.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Millis } from '#world/world.ts';
import { changedResources, containerResources } from './resources.ts';
import type { PendingResize } from './allocations.ts';
import type { Container, Sandbox } from './container-runtime.ts';

/** Labels by which a container or sandbox is known again after a restart of the agent. */
export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

/** Annotations on containers. */
export const annotations = {
  /** Hash of what makes a container another one when it changes: its image. */
  hash: 'io.kubernetes.container.hash',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  /** Host path of the termination message file. */
  terminationFile: 'k8ts.dev/termination-file',
} as const;

export interface ProbeResults {
  /** Undefined: not known yet (counts as failing for startup and readiness, as passing for liveness). */
  readonly startup?: boolean;
  readonly readiness?: boolean;
  readonly liveness?: boolean;
}

export interface Backoff {
  readonly failures: number;
  /** Not to be tried again before. */
  readonly until: Millis;
}

/** Why a container is not running though it should: the last failure to get it going. */
export interface StartFailure {
  readonly reason: string;
  readonly message?: string;
}

export interface PodPicture {
  readonly pod: Pod;
  /** Newest first. */
  readonly sandboxes: readonly Sandbox[];
  /** Newest first. */
  readonly containers: readonly Container[];
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeResults>;
  /** Containers whose postStart hook has not returned yet, by id. */
  readonly hooking: ReadonlySet<string>;
  /** By container name. */
  readonly backoffs: ReadonlyMap<string, Backoff>;
  /** By container name. */
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** A change of resources that the node has not granted. */
  readonly pendingResize?: PendingResize | undefined;
  /** Why a change that was granted is not done yet, by container name. */
  readonly resizeErrors?: ReadonlyMap<string, string>;
  /** Runs that were ended to start with other resources, by id. */
  readonly restarting?: ReadonlySet<string>;
  /** The pod is to end, for this reason; set once and never taken back. */
  readonly ending: Ending | undefined;
  readonly now: Millis;
}

export interface Ending {
  readonly graceMs: Millis;
  /** Set when the pod itself has failed: DeadlineExceeded, Evicted. */
  readonly reason?: string;
  readonly message?: string;
}

export const isSidecar = (container: { readonly restartPolicy?: string }): boolean =>
  container.restartPolicy === 'Always';

/** The newest run of a container. */
export const latest = (picture: Pick<PodPicture, 'containers'>, name: string): Container | undefined =>
  picture.containers.find((container) => container.name === name);

export const readySandbox = (picture: Pick<PodPicture, 'sandboxes'>): Sandbox | undefined =>
  picture.sandboxes.find((sandbox) => sandbox.state === 'ready');

/** What makes a running container another one: upstream restarts it when its image changes. */
export const hashOf = (container: Pick<ContainerSpec, 'image'>): string => container.image;

/** The resources in which a running container differs from what its pod was promised. */
export const unsettled = (pod: Pod, container: ContainerSpec, run: Container): readonly ('cpu' | 'memory')[] =>
  run.state === 'running' ? changedResources(run, containerResources(container, pod, 1)) : [];

/** The restart policy that holds for one container. */
export const policyOf = (pod: Pod, container: { readonly restartPolicy?: string }): 'Always' | 'OnFailure' | 'Never' =>
  (container.restartPolicy ?? pod.spec.restartPolicy) as 'Always' | 'OnFailure' | 'Never';
