/** Rules of a Node beyond its declaration: taints, pod ranges that are set once, amounts. Wording is upstream's (ValidateNode). */
import { duplicate, forbiddenField, invalidValue, printed } from '#meta/causes.ts';
import { cidrRange } from '#meta/ip.ts';
import { labelKey, labelValue } from '#meta/names.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import type { NodeSpec, NodeStatus } from './node.ts';
import { resourceAmount } from './resource-validation.ts';
import type { Taint } from './tolerations.ts';

interface NodeLike {
  readonly spec: NodeSpec;
  readonly status: NodeStatus;
}

/** Upstream reports taints at `metadata.taints`. */
const taintsPath = 'metadata.taints';

function* taintCauses(taints: readonly Taint[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [taint, at] of indexed(taintsPath, taints)) {
    const { key, value = '', effect } = taint;
    yield* named(labelKey, `${at}.key`, key || undefined);
    const messages = labelValue(value);
    if (messages.length > 0) yield invalidValue(`${at}.value`, value, messages.join(';'));
    const id = `${key} ${effect}`;
    if (seen.has(id)) {
      const message = `Duplicate value: ${printed(taint)}: taints must be unique by key and effect pair`;
      yield { reason: 'FieldValueDuplicate', field: at, message };
    }
    seen.add(id);
  }
}

function* rangeCauses(ranges: readonly string[] | undefined): Causes {
  const path = 'spec.podCIDRs';
  for (const [range, at] of indexed(path, ranges))
    for (const message of cidrRange(range)) yield invalidValue(at, range, message);
  if (ranges === undefined || ranges.length < 2) return;
  const families = ranges.map((range) => range.includes(':'));
  if (ranges.length > 2 || families[0] === families[1])
    yield invalidValue(path, ranges, 'may specify no more than one CIDR for each IP family');
}

function* amountCauses({ status }: NodeLike): Causes {
  for (const key of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(status[key] ?? {})) {
      yield* resourceAmount(`status.${key}.${name}`, name, amount);
    }
  }
}

export function* nodeCauses(node: NodeLike): Causes {
  yield* taintCauses(node.spec.taints);
  yield* amountCauses(node);
  yield* rangeCauses(node.spec.podCIDRs);
}

export function* nodeUpdateCauses({ spec, status }: NodeLike, { spec: old }: NodeLike): Causes {
  const addresses = new Set<string>();
  for (const [address, at] of indexed('status.addresses', status.addresses)) {
    const id = `${address.type} ${address.address}`;
    if (addresses.has(id)) yield duplicate(at, address);
    addresses.add(id);
  }
  if (old.podCIDRs?.length && !deepEqual(spec.podCIDRs ?? [], old.podCIDRs)) {
    yield forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  }
  if (old.providerID && spec.providerID !== old.providerID) {
    yield forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid');
  }
  if (spec.externalID !== old.externalID) yield forbiddenField('spec.externalID', 'may not be updated');
}
