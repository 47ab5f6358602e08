/**
 * What one pod asks of a node, read once from its spec: amounts, host ports, terms about neighbours. The scheduler holds this instead of the pod. Pure.
 */
import { milliValue, parseQuantity, quantityValue } from '#meta/quantity.ts';
import { controllerOf } from '#meta/object-meta.ts';
import type { PodAffinityTerm } from '#api/core/affinity.ts';
import type { Pod } from '#api/core/pod.ts';

/** CPU in thousandths; everything else in units (bytes, pieces). */
export type Amounts = ReadonlyMap<string, number>;

export interface PodDemand {
  readonly pod: Pod;
  readonly uid: string;
  readonly amounts: Amounts;
  /** What a container that asks for nothing is taken to use, so that such pods spread too. */
  readonly guessedCpu: number;
  readonly guessedMemory: number;
  /** `address/protocol/port`. */
  readonly hostPorts: readonly string[];
  readonly affinity: readonly PodAffinityTerm[];
  readonly antiAffinity: readonly PodAffinityTerm[];
  readonly priority: number;
  readonly controller: string | undefined;
}

/** Upstream's guesses for a container without requests. */
const cpuGuess = 100;
const memoryGuess = 200 * 1024 * 1024;

type Requests = Readonly<Record<string, string>> | undefined;

export const amountOf = (name: string, text: string): number => {
  const quantity = parseQuantity(text);
  if (!quantity) return 0;
  return name === 'cpu' ? milliValue(quantity) : quantityValue(quantity);
};

const known = new WeakMap<Pod, PodDemand>();

/** The demand of a pod object (which never changes: the answer is remembered). */
export function demandOf(pod: Pod): PodDemand {
  const before = known.get(pod);
  if (before) return before;
  const plain = (requests: Requests): Map<string, number> =>
    new Map(Object.entries(requests ?? {}).map(([name, text]) => [name, amountOf(name, text)]));
  const guessed = (requests: Requests): Map<string, number> => {
    const amounts = plain(requests);
    if (!amounts.has('cpu')) amounts.set('cpu', cpuGuess);
    if (!amounts.has('memory')) amounts.set('memory', memoryGuess);
    return amounts;
  };
  const amounts = totalOf(pod, plain);
  const guesses = totalOf(pod, guessed);
  const terms = pod.spec.affinity;
  const demand: PodDemand = {
    pod,
    uid: pod.metadata.uid,
    amounts,
    guessedCpu: guesses.get('cpu') ?? 0,
    guessedMemory: guesses.get('memory') ?? 0,
    hostPorts: hostPortsOf(pod),
    affinity: terms?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    antiAffinity: terms?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    priority: pod.spec.priority ?? 0,
    controller: controllerOf(pod)?.uid,
  };
  known.set(pod, demand);
  return demand;
}

/** Containers and sidecars run together; every init container runs alone beside the sidecars started before it. */
function totalOf(pod: Pod, read: (requests: Requests) => Map<string, number>): Map<string, number> {
  const total = new Map<string, number>();
  for (const container of pod.spec.containers) add(total, read(container.resources.requests));
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of pod.spec.initContainers ?? []) {
    const requests = read(container.resources.requests);
    if (container.restartPolicy === 'Always') {
      add(total, requests);
      add(sidecars, requests);
      raise(peak, sidecars);
    } else {
      const beside = new Map(sidecars);
      add(beside, requests);
      raise(peak, beside);
    }
  }
  raise(total, peak);
  // The pod's own requests stand for those of its containers.
  for (const [name, amount] of read(pod.spec.resources?.requests)) {
    if (pod.spec.resources?.requests?.[name] !== undefined) total.set(name, amount);
  }
  for (const [name, text] of Object.entries(pod.spec.overhead ?? {})) {
    total.set(name, (total.get(name) ?? 0) + amountOf(name, text));
  }
  return total;
}

function add(total: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? 0) + amount);
}

function raise(total: Map<string, number>, least: Amounts): void {
  for (const [name, amount] of least) total.set(name, Math.max(total.get(name) ?? 0, amount));
}

function hostPortsOf(pod: Pod): readonly string[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...pod.spec.containers, ...sidecars].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => `${port.hostIP || '0.0.0.0'}/${port.protocol ?? 'TCP'}/${port.hostPort}`),
  );
}
