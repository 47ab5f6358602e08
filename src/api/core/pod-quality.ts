/**
 * Quality of service of a pod: Guaranteed when every container's cpu and memory limits equal its requests, BestEffort when there are
 * none, else Burstable. It is set once, at creation, and decides who is killed first when a node runs out of memory.
 */
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import type { PodSpec } from './pod-spec.ts';
import type { PodStatus } from './pod-status.ts';

const counted = ['cpu', 'memory'] as const;
type Amounts = Readonly<Record<string, string>> | undefined;

function amount(amounts: Amounts, name: string): Quantity | undefined {
  const text = amounts?.[name];
  const quantity = text === undefined ? undefined : parseQuantity(text);
  return quantity !== undefined && quantity.nano > 0n ? quantity : undefined;
}

function add(sums: Map<string, Quantity>, name: string, quantity: Quantity | undefined): void {
  if (quantity === undefined) return;
  const sum = sums.get(name);
  sums.set(name, sum === undefined ? quantity : addQuantities(sum, quantity));
}

export function qualityOf(spec: PodSpec): NonNullable<PodStatus['qosClass']> {
  const requests = new Map<string, Quantity>();
  const limits = new Map<string, Quantity>();
  const podLevel =
    spec.resources !== undefined && (spec.resources.requests !== undefined || spec.resources.limits !== undefined);
  const parts = podLevel
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((part) => part.resources);
  let limited = true;
  for (const resources of parts) {
    for (const name of counted) {
      add(requests, name, amount(resources?.requests, name));
      const limit = amount(resources?.limits, name);
      if (limit === undefined) limited = false;
      add(limits, name, limit);
    }
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal = counted.every((name) => {
    const [request, limit] = [requests.get(name), limits.get(name)];
    return request !== undefined && limit !== undefined && compareQuantities(request, limit) === 0;
  });
  return limited && equal ? 'Guaranteed' : 'Burstable';
}
