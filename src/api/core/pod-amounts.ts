/**
 * What a pod asks for or may use in all, exactly: the sum of its containers and sidecars, at least what any init container needs beside the sidecars before it, the pod's own
 * amounts in place of that, and the overhead of its runtime class. Quotas and limit ranges count with it.
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import type { PodSpec } from './pod-spec.ts';

export type Quantities = ReadonlyMap<string, Quantity>;

type Texts = Readonly<Record<string, string>> | undefined;

/** Amounts as they stand in a spec. */
export function quantitiesOf(texts: Texts): Quantities {
  const amounts = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(texts ?? {})) {
    const amount = parseQuantity(text);
    if (amount !== undefined) amounts.set(name, amount);
  }
  return amounts;
}

/** Adds `more` to `total`, in place. */
export function addAmounts(total: Map<string, Quantity>, more: Quantities): void {
  for (const [name, amount] of more) {
    const before = total.get(name);
    total.set(name, before === undefined ? amount : addQuantities(before, amount));
  }
}

function raise(total: Map<string, Quantity>, least: Quantities): void {
  for (const [name, amount] of least) {
    const before = total.get(name);
    if (before === undefined || compareQuantities(before, amount) < 0) total.set(name, amount);
  }
}

/** Requests or limits of the pod as a whole. */
export function podAmounts(spec: PodSpec, which: 'requests' | 'limits'): Quantities {
  const total = new Map<string, Quantity>();
  for (const { resources } of spec.containers) addAmounts(total, quantitiesOf(resources?.[which]));
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    const amounts = quantitiesOf(resources?.[which]);
    if (restartPolicy === 'Always') {
      addAmounts(total, amounts);
      addAmounts(sidecars, amounts);
      raise(peak, sidecars);
    } else {
      const beside = new Map(sidecars);
      addAmounts(beside, amounts);
      raise(peak, beside);
    }
  }
  raise(total, peak);
  for (const [name, amount] of quantitiesOf(spec.resources?.[which])) total.set(name, amount);
  // Where nothing limits the containers, the overhead limits nothing either.
  for (const [name, amount] of quantitiesOf(spec.overhead))
    if (which === 'requests' || total.has(name)) addAmounts(total, new Map([[name, amount]]));
  return total;
}
