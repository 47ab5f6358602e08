/**
 * From a pod's resources to cgroup settings, the pod's quality of service and its place in the cgroup tree
 * (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/, .../pod-qos/). Pure.
 */
import { milliValue, parseQuantity, quantityValue } from '#meta/quantity.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { ContainerResources } from './container-runtime.ts';

const cpuPeriodMicros = 100_000;
const quotaMicrosMin = 1_000;
const sharesPerCpu = 1024;
const sharesMin = 2;

type Amounts = Readonly<Record<string, string>> | undefined;

const milliCpu = (amounts: Amounts): number | undefined => {
  const quantity = amounts?.['cpu'] === undefined ? undefined : parseQuantity(amounts['cpu']);
  return quantity && milliValue(quantity);
};

const bytesOf = (amounts: Amounts): number | undefined => {
  const quantity = amounts?.['memory'] === undefined ? undefined : parseQuantity(amounts['memory']);
  return quantity && quantityValue(quantity);
};

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** As the API server sets it; computed again for a pod whose status says nothing. */
export function qosOf(pod: Pod): QosClass {
  if (pod.status?.qosClass) return pod.status.qosClass;
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const has = (amounts: Amounts): boolean =>
    Object.keys(amounts ?? {}).some((key) => key === 'cpu' || key === 'memory');
  if (!all.some(({ resources }) => has(resources.requests) || has(resources.limits))) return 'BestEffort';
  const equal = all.every(({ resources: { limits, requests } }) =>
    ['cpu', 'memory'].every((key) => limits?.[key] !== undefined && (requests?.[key] ?? limits[key]) === limits[key]),
  );
  return equal ? 'Guaranteed' : 'Burstable';
}

/** Settings of one container. */
export function containerResources(container: ContainerSpec, pod: Pod, memoryCapacity: number): ContainerResources {
  const { requests, limits } = container.resources;
  const cpuRequest = milliCpu(requests) ?? milliCpu(limits);
  const cpuLimit = milliCpu(limits);
  const memoryLimit = bytesOf(limits);
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(cpuLimit === undefined || cpuLimit === 0 ? {} : quotaOf(cpuLimit)),
    ...(memoryLimit === undefined || memoryLimit === 0 ? {} : { memoryLimitBytes: memoryLimit }),
    oomScoreAdjust: oomScore(container, pod, memoryCapacity),
  };
}

const sharesOf = (milli: number | undefined): number =>
  Math.max(sharesMin, Math.floor(((milli ?? 0) * sharesPerCpu) / 1000));

const quotaOf = (milli: number) => ({
  cpuQuotaMicros: Math.max(quotaMicrosMin, Math.floor((milli * cpuPeriodMicros) / 1000)),
  cpuPeriodMicros,
});

/** The pod's own cgroup: a limit holds only when every container has one. */
export function podCgroup(pod: Pod): { readonly parent: string; readonly resources: ContainerResources } {
  const qos = qosOf(pod);
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  const sum = (values: readonly (number | undefined)[]): number | undefined =>
    values.some((value) => value === undefined)
      ? undefined
      : values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const request = containers.reduce(
    (total, { resources }) => total + (milliCpu(resources.requests) ?? milliCpu(resources.limits) ?? 0),
    0,
  );
  const plainInits = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy !== 'Always');
  // An init container runs alone, and may be allowed more than all the others together.
  const widest = (total: number | undefined, values: readonly (number | undefined)[]): number | undefined =>
    total === undefined || values.some((value) => value === undefined)
      ? undefined
      : Math.max(total, ...values.map((value) => value ?? 0));
  const cpu = widest(
    sum(containers.map(({ resources }) => milliCpu(resources.limits))),
    plainInits.map(({ resources }) => milliCpu(resources.limits)),
  );
  const memory = widest(
    sum(containers.map(({ resources }) => bytesOf(resources.limits))),
    plainInits.map(({ resources }) => bytesOf(resources.limits)),
  );
  const tier = qos === 'Guaranteed' ? '' : `${qos.toLowerCase()}/`;
  return {
    parent: `${tier}pod${pod.metadata.uid}`,
    resources: {
      cpuShares: sharesOf(request),
      ...(cpu ? quotaOf(cpu) : {}),
      ...(memory ? { memoryLimitBytes: memory } : {}),
    },
  };
}

/** Millis of cpu and bytes of memory. */
export interface Requests {
  readonly cpu: number;
  readonly memory: number;
}

/** What the pod asks its node for (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers). */
export function podRequests({ spec }: Pod): Requests {
  const of = (read: (amounts: Amounts) => number | undefined): number => {
    const one = ({ resources }: { readonly resources: ContainerSpec['resources'] }): number =>
      read(resources.requests) ?? read(resources.limits) ?? 0;
    let sidecars = 0;
    let widest = 0;
    for (const container of spec.initContainers ?? []) {
      if (container.restartPolicy === 'Always') {
        sidecars += one(container);
        widest = Math.max(widest, sidecars);
      } else widest = Math.max(widest, sidecars + one(container));
    }
    const together = spec.containers.reduce((total, container) => total + one(container), sidecars);
    const ofPod = read(spec.resources?.requests) ?? read(spec.resources?.limits);
    return (ofPod ?? Math.max(together, widest)) + (read(spec.overhead) ?? 0);
  };
  return { cpu: of(milliCpu), memory: of(bytesOf) };
}

/** Resources of a running container that differ from what it should have; none when it runs with something unknown. */
export function changedResources(
  run: { readonly resources?: ContainerResources },
  wanted: ContainerResources,
): readonly ('cpu' | 'memory')[] {
  const has = run.resources;
  if (!has) return [];
  const changed: ('cpu' | 'memory')[] = [];
  if (has.cpuShares !== wanted.cpuShares || has.cpuQuotaMicros !== wanted.cpuQuotaMicros) changed.push('cpu');
  if (has.memoryLimitBytes !== wanted.memoryLimitBytes) changed.push('memory');
  return changed;
}

/** Who dies first when the node runs out of memory: those that use most of what they asked for least. */
function oomScore(container: ContainerSpec, pod: Pod, memoryCapacity: number): number {
  if (pod.spec.priorityClassName === 'system-node-critical') return -997;
  switch (qosOf(pod)) {
    case 'Guaranteed':
      return -997;
    case 'BestEffort':
      return 1000;
    case 'Burstable': {
      const request = bytesOf(container.resources.requests) ?? bytesOf(container.resources.limits) ?? 0;
      const score = 1000 - Math.floor((1000 * request) / memoryCapacity);
      return Math.min(Math.max(score, 3), 999);
    }
    default:
      return 1000;
  }
}
