/**
 * Rules of a Job's policies: which failed pods count, and when an indexed Job is done early. Paths and wording are upstream's
 * (pkg/apis/batch/validation); words that are missing or not known are told by the declaration.
 */
import { duplicate, invalidValue, invalidWhole, notSupported, required, tooLong, tooMany } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import { internalValue } from '#schema/go-internal.ts';
import { indexed, named, nonNegative, type Causes } from '../field-checks.ts';
import { countIndexes } from './job-indexes.ts';
import {
  successPolicy as successPolicyType,
  type JobSpec,
  type PodFailurePolicyOnExitCodesRequirement,
  type PodFailurePolicyRule,
  type SuccessPolicyRule,
} from './job.ts';

const rulesMax = 20;
const exitCodesMax = 255;
const succeededIndexesBytesMax = 64 * 1024;

function* exitCodes(path: string, requirement: PodFailurePolicyOnExitCodesRequirement, spec: JobSpec): Causes {
  const { containerName, operator, values = [] } = requirement;
  const containers = [...(spec.template.spec.containers ?? []), ...(spec.template.spec.initContainers ?? [])];
  if (containerName !== undefined && !containers.some(({ name }) => name === containerName))
    yield invalidValue(
      `${path}.containerName`,
      containerName,
      'must be one of the container or initContainer names in the pod template',
    );
  if (values.length === 0) yield invalidValue(`${path}.values`, requirement.values, 'at least one value is required');
  if (values.length > exitCodesMax) yield tooMany(`${path}.values`, values.length, exitCodesMax);
  const seen = new Set<number>();
  for (const [value, at] of indexed(`${path}.values`, values)) {
    if (operator === 'In' && value === 0) yield invalidValue(at, value, 'must not be 0 for the In operator');
    if (seen.has(value)) yield duplicate(at, value);
    seen.add(value);
  }
  if (values.some((value, index) => index > 0 && value < (values[index - 1] ?? value)))
    yield invalidValue(`${path}.values`, values, 'must be ordered');
}

function* failureRule(at: string, rule: PodFailurePolicyRule, spec: JobSpec): Causes {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    yield invalidValue(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set');
  if (onExitCodes !== undefined) yield* exitCodes(`${at}.onExitCodes`, onExitCodes, spec);
  if (onPodConditions.length > rulesMax) yield tooMany(`${at}.onPodConditions`, onPodConditions.length, rulesMax);
  for (const [{ type = '' }, conditionAt] of indexed(`${at}.onPodConditions`, onPodConditions))
    yield* named(labelKey, `${conditionAt}.type`, type);
  if (onExitCodes !== undefined && onPodConditions.length > 0)
    yield invalidWhole(at, 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (onExitCodes === undefined && onPodConditions.length === 0)
    yield invalidWhole(at, 'specifying one of OnExitCodes and OnPodConditions is required');
}

function* successRule(at: string, rule: SuccessPolicyRule, completions: number): Causes {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  if (count === undefined && indexes === undefined)
    yield required(at, 'at least one of succeededCount or succeededIndexes must be specified');
  const named = indexes === undefined ? undefined : countIndexes(indexes, completions);
  if (indexes !== undefined && Buffer.byteLength(indexes) > succeededIndexesBytesMax)
    yield tooLong(`${at}.succeededIndexes`, succeededIndexesBytesMax);
  if (typeof named === 'string')
    yield invalidValue(`${at}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${named}`);
  if (count === undefined) return;
  yield* nonNegative(`${at}.succeededCount`, count);
  const most = (limit: number, of: string) =>
    invalidValue(`${at}.succeededCount`, count, `must be less than or equal to ${limit} (the number of ${of})`);
  if (count > completions) yield most(completions, 'specified completions');
  const total = typeof named === 'string' ? 0 : named;
  if (total !== undefined && count > total) yield most(total, 'indexes in the specified succeededIndexes field');
}

export function* policyCauses(spec: JobSpec): Causes {
  const { podFailurePolicy, successPolicy, podReplacementPolicy } = spec;
  if (podFailurePolicy !== undefined) {
    const { rules = [] } = podFailurePolicy;
    if (rules.length > rulesMax) yield tooMany('spec.podFailurePolicy.rules', rules.length, rulesMax);
    for (const [rule, at] of indexed('spec.podFailurePolicy.rules', rules)) yield* failureRule(at, rule, spec);
    // Only the template of a CronJob has none: there it is not filled in.
    if (podReplacementPolicy !== undefined && podReplacementPolicy !== 'Failed')
      yield notSupported('spec.podReplacementPolicy', podReplacementPolicy, ['Failed']);
  }
  if (successPolicy === undefined) return;
  if (spec.completionMode !== 'Indexed') {
    const told = internalValue(successPolicyType, successPolicy);
    yield invalidValue('spec.successPolicy', told, 'requires indexed completion mode');
    return;
  }
  const { rules = [] } = successPolicy;
  if (rules.length === 0)
    yield required(
      'spec.successPolicy.rules',
      'at least one rules must be specified when the successPolicy is specified',
    );
  if (rules.length > rulesMax) yield tooMany('spec.successPolicy.rules', rules.length, rulesMax);
  for (const [rule, at] of indexed('spec.successPolicy.rules', rules))
    yield* successRule(at, rule, spec.completions ?? 0);
}
