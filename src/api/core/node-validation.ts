/** Rules of a Node beyond its declaration: taints, pod ranges that are set once, amounts. Wording is upstream's (ValidateNode). */
import { duplicate, forbiddenField, invalidValue, notSupported, printed, quoted, required } from '#meta/causes.ts';
import { cidrRange, cidrWarnings } from '#meta/ip.ts';
import { dns1123SubdomainMax, labelKey, labelValue } from '#meta/names.ts';
import type { Cause } from '#meta/status.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { indexed, named, positive, type Causes } from '../field-checks.ts';
import type { NodeSpec, NodeStatus } from './node.ts';
import { resourceAmount } from './resource-validation.ts';
import { taintEffects, type Taint } from './tolerations.ts';

interface NodeLike {
  readonly spec: NodeSpec;
  readonly status: NodeStatus;
}

/** Upstream reports taints at `metadata.taints`. */
const taintsPath = 'metadata.taints';

function* taintCauses(taints: readonly Taint[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [taint, at] of indexed(taintsPath, taints)) {
    const { key, value = '', effect, timeAdded = null } = taint;
    yield* named(labelKey, `${at}.key`, key);
    const messages = labelValue(value);
    if (messages.length > 0) yield invalidValue(`${at}.value`, value, messages.join(';'));
    if (!effect) yield required(`${at}.effect`);
    else if (!taintEffects.includes(effect)) yield notSupported(`${at}.effect`, effect, taintEffects);
    const id = `${key} ${effect}`;
    if (seen.has(id)) {
      // Upstream prints its own type.
      const shown = printed({ Key: key, Value: value, Effect: effect, TimeAdded: timeAdded });
      const message = `Duplicate value: ${shown}: taints must be unique by key and effect pair`;
      yield { reason: 'FieldValueDuplicate', field: at, message };
    }
    seen.add(id);
  }
}

const featurePattern = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;
const featureForm =
  "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";

/** Names of features, in order and each once. */
function* featureCauses(features: readonly string[] | undefined): Causes {
  for (const [feature, at, index] of indexed('status.declaredFeatures', features)) {
    const fault = (detail: string): Cause =>
      invalidValue(at, feature, `invalid feature name ${quoted(feature)}: ${detail}`);
    if (Buffer.byteLength(feature) > dns1123SubdomainMax)
      yield fault(`must be no more than ${dns1123SubdomainMax} characters`);
    else if (!featurePattern.test(feature)) yield fault(featureForm);
    const before = features?.[index - 1];
    if (before === feature) yield duplicate(at, feature);
    else if (before !== undefined && before > feature)
      yield invalidValue(at, feature, 'list must be sorted alphabetically');
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

function* swapCauses({ status }: NodeLike): Causes {
  yield* positive('metadata.nodeSwapStatus.capacity', status.nodeInfo.swap?.capacity);
}

export function* nodeCauses(node: NodeLike): Causes {
  yield* taintCauses(node.spec.taints);
  yield* amountCauses(node);
  yield* swapCauses(node);
  yield* featureCauses(node.status.declaredFeatures);
  yield* rangeCauses(node.spec.podCIDRs);
}

function* changedSpecCauses(spec: NodeSpec, old: NodeSpec): Causes {
  if (old.podCIDRs?.length && !deepEqual(spec.podCIDRs ?? [], old.podCIDRs))
    yield forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  if (old.providerID && spec.providerID !== old.providerID)
    yield invalidValue(
      'spec.providerID',
      null,
      spec.providerID ? 'field cannot be modified once set' : 'field cannot be cleared once set',
    );
  if (spec.externalID !== old.externalID) yield forbiddenField('spec.externalID', 'may not be updated');
}

function* addressCauses(list: NodeStatus['addresses']): Causes {
  const seen = new Set<string>();
  for (const [{ type, address }, at] of indexed('status.addresses', list)) {
    if (seen.has(`${type} ${address}`)) yield duplicate(at, { Type: type, Address: address });
    seen.add(`${type} ${address}`);
  }
}

export function* nodeStatusCauses(node: NodeLike): Causes {
  yield* amountCauses(node);
  yield* featureCauses(node.status.declaredFeatures);
  yield* addressCauses(node.status.addresses);
}

export function* nodeUpdateCauses({ spec, status }: NodeLike, { spec: old }: NodeLike): Causes {
  yield* addressCauses(status.addresses);
  yield* changedSpecCauses(spec, old);
}

export function* nodeWarnings({ spec }: NodeLike): Iterable<string> {
  if (spec.externalID) yield 'spec.externalID: this field is deprecated, and is unused by Kubernetes';
  for (const [range, at] of indexed('spec.podCIDRs', spec.podCIDRs))
    for (const message of cidrWarnings(range)) yield `${at}: ${message}`;
}
