/**
 * What the node has promised its pods: the cpu and memory of a running pod may be asked to change (KEP-1287), and the node grants a change when it fits beside
 * all other promises. Until then the pod keeps what it has. Memory only: after a restart the status of each pod tells what it had.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { milliValue, parseQuantity, quantityValue } from '#meta/quantity.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { ResourceRequirements } from '#api/core/resources.ts';
import { podRequests, type Requests } from './resources.ts';

/** A change that was asked for and not granted. */
export interface PendingResize {
  /** Infeasible: this node can never grant it. */
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

export interface Allocation {
  /** The pod with the resources it was promised in its spec. */
  readonly pod: Pod;
  readonly pending: PendingResize | undefined;
}

interface Promised {
  readonly requests: Requests;
  /** By container name. */
  readonly resources: ReadonlyMap<string, ResourceRequirements>;
  readonly ofPod: ResourceRequirements | undefined;
  readonly waits: boolean;
}

function amountsOf({ cpu, memory }: Readonly<Record<string, string>>): Requests {
  const [millis, bytes] = [parseQuantity(cpu ?? '0'), parseQuantity(memory ?? '0')];
  return { cpu: millis ? milliValue(millis) : 0, memory: bytes ? quantityValue(bytes) : 0 };
}

export class Allocations {
  readonly #capacity: Requests;
  readonly #promised = new Map<string, Promised>();
  readonly #freed: (uid: string) => void;

  /** `freed`: told of every pod that waits when something was given back. */
  constructor(allocatable: Readonly<Record<string, string>>, freed: (uid: string) => void) {
    this.#capacity = amountsOf(allocatable);
    this.#freed = freed;
  }

  /** The pod as the node runs it; grants what it asks for if that fits. */
  of(pod: Pod): Allocation {
    const { uid } = pod.metadata;
    const before = this.#promised.get(uid) ?? remembered(pod);
    const current = withResources(pod, before);
    const wanted = resourcesOf(pod);
    const changed = !sameResources(before, wanted);
    const pending = changed ? this.#refusal(pod, before.requests) : undefined;
    const now: Promised =
      changed && !pending ? { ...wanted, waits: false } : { ...before, waits: pending?.reason === 'Deferred' };
    this.#promised.set(uid, now);
    if (now.requests.cpu < before.requests.cpu || now.requests.memory < before.requests.memory) this.#tell(uid);
    return { pod: now === before || pending ? current : withResources(pod, now), pending };
  }

  /** The pod has ended. */
  forget(uid: string): void {
    if (this.#promised.delete(uid)) this.#tell(uid);
  }

  #tell(except: string): void {
    for (const [uid, { waits }] of this.#promised) if (waits && uid !== except) this.#freed(uid);
  }

  #refusal(pod: Pod, before: Requests): PendingResize | undefined {
    const wanted = podRequests(pod);
    for (const key of ['cpu', 'memory'] as const) {
      if (wanted[key] <= before[key]) continue;
      if (wanted[key] > this.#capacity[key]) {
        return {
          reason: 'Infeasible',
          message: `Node didn't have enough capacity: ${key}, requested: ${wanted[key]}, capacity: ${this.#capacity[key]}`,
        };
      }
      let used = 0;
      for (const [uid, { requests }] of this.#promised) if (uid !== pod.metadata.uid) used += requests[key];
      if (used + wanted[key] > this.#capacity[key]) {
        return {
          reason: 'Deferred',
          message: `Node didn't have enough resource: ${key}, requested: ${wanted[key]}, used: ${used}, capacity: ${this.#capacity[key]}`,
        };
      }
    }
    return undefined;
  }
}

/** Only these containers can be resized: plain init containers run once. */
const isResizable = (container: ContainerSpec, isInit: boolean): boolean =>
  !isInit || container.restartPolicy === 'Always';

function resourcesOf(pod: Pod): Promised {
  const resources = new Map<string, ResourceRequirements>();
  for (const container of pod.spec.containers) resources.set(container.name, container.resources);
  for (const container of pod.spec.initContainers ?? [])
    if (isResizable(container, true)) resources.set(container.name, container.resources);
  return { requests: podRequests(pod), resources, ofPod: pod.spec.resources, waits: false };
}

/** What an earlier agent had promised, by the status it left; what is asked for where it says nothing. */
function remembered(pod: Pod): Promised {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const had = (container: ContainerSpec): ContainerSpec => {
    const status = statuses.find(({ name }) => name === container.name);
    if (status?.resources === undefined || status.containerID === undefined) return container;
    const { limits, requests } = status.resources;
    const { limits: _l, requests: _r, ...rest } = container.resources;
    return {
      ...container,
      resources: { ...rest, ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) },
    };
  };
  const { initContainers } = pod.spec;
  const before = {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(had),
      ...(initContainers
        ? { initContainers: initContainers.map((each) => (isResizable(each, true) ? had(each) : each)) }
        : {}),
    },
  };
  return resourcesOf(before);
}

const sameResources = (a: Promised, b: Promised): boolean =>
  deepEqual(a.ofPod, b.ofPod) && deepEqual([...a.resources], [...b.resources]);

function withResources(pod: Pod, { resources, ofPod }: Promised): Pod {
  const put = (container: ContainerSpec): ContainerSpec => {
    const promised = resources.get(container.name);
    return promised === undefined || promised === container.resources
      ? container
      : { ...container, resources: promised };
  };
  const { resources: _own, initContainers, ...spec } = pod.spec;
  return {
    ...pod,
    spec: {
      ...spec,
      ...(ofPod === undefined ? {} : { resources: ofPod }),
      containers: spec.containers.map(put),
      ...(initContainers ? { initContainers: initContainers.map(put) } : {}),
    },
  };
}
