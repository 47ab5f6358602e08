/**
 * Rules of a Job: a restart policy that ends, a selector that is its own, failure and success policies, and what may not change. Paths
 * and wording are upstream's (pkg/apis/batch/validation).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, notSupported, required, tooLong, tooMany } from '#meta/causes.ts';
import { dns1123Label } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { checkLabelSelector, matches, selectorFrom } from '#meta/selector.ts';
import { isUsable } from '../apps/workload-validation.ts';
import { domainPrefixedPath, indexed, nonNegative, type Causes } from '../field-checks.ts';
import type { PodTemplateSpec } from '../core/pod-template.ts';
import { templateCauses } from '../core/pod-validation.ts';
import type { JobSpec, JobStatus, PodFailurePolicyRule } from './job.ts';
import { controllerUidLabel, jobNameLabel, legacyControllerUidLabel, legacyJobNameLabel } from './job-strategy.ts';

interface JobLike {
  readonly metadata: ObjectMeta;
  readonly spec: JobSpec;
  readonly status: JobStatus;
}

const rulesMax = 20;
const exitCodesMax = 255;
const indexedMax = 100_000;
const managedByMax = 63;

function* selectorCauses({ metadata, spec }: JobLike): Causes {
  const { selector, template } = spec;
  const path = 'spec.template.metadata';
  if (!spec.manualSelector && selector !== undefined) {
    if (!metadata.uid) yield required('metadata.uid');
    const expected = [
      [controllerUidLabel, metadata.uid],
      [jobNameLabel, metadata.name],
      [legacyControllerUidLabel, metadata.uid],
      [legacyJobNameLabel, metadata.name],
    ] as const;
    for (const [key, value] of expected) {
      const actual = template.metadata.labels?.[key];
      if (actual === undefined) yield required(`${path}.labels[${key}]`, `must be '${value}'`);
      else if (actual !== value)
        yield invalidValue(`${path}.labels[${key}]`, template.metadata.labels, `must be '${value}'`);
    }
    if (isUsable(selector) && !matches(selectorFrom(selector), Object.fromEntries(expected))) {
      yield invalidValue('spec.selector', selector, '`selector` not auto-generated');
    }
  }
  if (selector === undefined) yield required('spec.selector');
  else {
    yield* checkLabelSelector(selector, 'spec.selector');
    if (isUsable(selector) && !matches(selectorFrom(selector), template.metadata.labels)) {
      yield invalidValue(`${path}.labels`, template.metadata.labels, '`selector` does not match template `labels`');
    }
  }
}

type NamedJob = Pick<JobLike, 'spec'> & { readonly metadata: Pick<ObjectMeta, 'name'> };

function* indexedCauses({ metadata, spec }: NamedJob): Causes {
  const { completions, parallelism, backoffLimitPerIndex: perIndex, maxFailedIndexes: maxFailed } = spec;
  if (spec.completionMode === 'Indexed') {
    if (completions === undefined) yield required('spec.completions', 'when completion mode is Indexed');
    if (parallelism > indexedMax)
      yield invalidValue(
        'spec.parallelism',
        parallelism,
        `must be less than or equal to ${indexedMax} when completion mode is Indexed`,
      );
    if (completions !== undefined && completions > indexedMax && perIndex !== undefined && maxFailed === undefined) {
      yield required('spec.maxFailedIndexes', `must be specified when completions is above ${indexedMax}`);
    }
    if (completions !== undefined && maxFailed !== undefined && maxFailed > completions) {
      yield invalidValue('spec.maxFailedIndexes', maxFailed, 'must be less than or equal to completions');
    }
    const last = `${metadata.name}-${(completions ?? 1) - 1}`;
    if (completions && dns1123Label(last).length > 0) {
      yield invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${last}`);
    }
  } else if (perIndex !== undefined)
    yield invalidValue('spec.backoffLimitPerIndex', perIndex, 'requires indexed completion mode');
  if (maxFailed !== undefined && perIndex === undefined)
    yield required('spec.backoffLimitPerIndex', 'when maxFailedIndexes is specified');
}

function* failureRule(at: string, rule: PodFailurePolicyRule, spec: JobSpec): Causes {
  const { action, onExitCodes, onPodConditions } = rule;
  if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    yield invalidValue(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set');
  }
  if (onExitCodes !== undefined) {
    const { containerName, operator, values = [] } = onExitCodes;
    const path = `${at}.onExitCodes`;
    const containers = [...(spec.template.spec.containers ?? []), ...(spec.template.spec.initContainers ?? [])];
    if (containerName !== undefined && !containers.some(({ name }) => name === containerName)) {
      yield invalidValue(
        `${path}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      );
    }
    if (values.length > exitCodesMax) yield tooMany(`${path}.values`, values.length, exitCodesMax);
    for (const [value, valueAt] of indexed(`${path}.values`, values)) {
      if (operator === 'In' && value === 0) yield invalidValue(valueAt, value, 'must not be 0 for the In operator');
    }
    if (values.some((value, index) => index > 0 && value < (values[index - 1] ?? value)))
      yield invalidValue(`${path}.values`, values, 'must be ordered');
  }
  if (onPodConditions !== undefined && onPodConditions.length > rulesMax)
    yield tooMany(`${at}.onPodConditions`, onPodConditions.length, rulesMax);
  const conditions = (onPodConditions?.length ?? 0) > 0;
  if (onExitCodes !== undefined && conditions)
    yield invalidValue(at, '', 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (onExitCodes === undefined && !conditions)
    yield invalidValue(at, '', 'specifying one of OnExitCodes and OnPodConditions is required');
}

function* policyCauses(spec: JobSpec): Causes {
  const { podFailurePolicy, successPolicy, template, podReplacementPolicy } = spec;
  if (podFailurePolicy !== undefined) {
    const { restartPolicy } = template.spec;
    if (restartPolicy !== 'Never') {
      yield invalidValue(
        'spec.template.spec.restartPolicy',
        restartPolicy,
        'only "Never" is supported when podFailurePolicy is specified',
      );
    }
    const rules = podFailurePolicy.rules ?? [];
    if (rules.length > rulesMax) yield tooMany('spec.podFailurePolicy.rules', rules.length, rulesMax);
    for (const [rule, at] of indexed('spec.podFailurePolicy.rules', rules)) yield* failureRule(at, rule, spec);
    // Only the template of a CronJob has none: there it is not filled in.
    if (podReplacementPolicy !== undefined && podReplacementPolicy !== 'Failed')
      yield notSupported('spec.podReplacementPolicy', podReplacementPolicy, ['Failed']);
  }
  if (successPolicy === undefined) return;
  if (spec.completionMode !== 'Indexed')
    yield invalidValue('spec.successPolicy', successPolicy, 'requires indexed completion mode');
  const rules = successPolicy.rules ?? [];
  if (rules.length > rulesMax) yield tooMany('spec.successPolicy.rules', rules.length, rulesMax);
  for (const [{ succeededCount: count, succeededIndexes: indexes }, at] of indexed('spec.successPolicy.rules', rules)) {
    if (count === undefined && indexes === undefined)
      yield required(at, 'at least one of succeededCount or succeededIndexes must be specified');
    yield* nonNegative(`${at}.succeededCount`, count);
    const completions = spec.completions ?? 0;
    if (count !== undefined && count > completions) {
      yield invalidValue(
        `${at}.succeededCount`,
        count,
        `must be less than or equal to ${completions} (the number of specified completions)`,
      );
    }
    if (indexes === undefined) continue;
    const total = countIndexes(indexes, completions);
    if (typeof total === 'string')
      yield invalidValue(`${at}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${total}`);
    else if (count !== undefined && count > total) {
      yield invalidValue(
        `${at}.succeededCount`,
        count,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      );
    }
  }
}

/** How many indexes `1,3-5` names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  let [total, last] = [0, -1];
  for (const interval of text === '' ? [] : text.split(',')) {
    const parts = interval.split('-');
    if (parts.length > 2)
      return `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`;
    const [from = '', to = from] = parts;
    for (const part of [from, to])
      if (!/^[0-9]{1,9}$/.test(part)) return `cannot convert string to integer for index: "${part}"`;
    const [first, end] = [Number(from), Number(to)];
    if (first >= completions) return `too large index: "${from}"`;
    if (first <= last) return `non-increasing order, previous: ${last}, current: ${first}`;
    if (end >= completions) return `too large index: "${to}"`;
    if (end < first) return `non-increasing order, previous: ${first}, current: ${end}`;
    total += end - first + 1;
    last = end;
  }
  return total;
}

/** The spec that a CronJob makes Jobs from, at `path`: without the selector that each Job gets for itself. */
export function* jobTemplateCauses(path: string, spec: JobSpec): Causes {
  for (const cause of specCauses({ metadata: { name: '' }, spec })) {
    if (cause.field.startsWith('spec.')) yield { ...cause, field: `${path}${cause.field.slice('spec'.length)}` };
  }
  if (spec.selector !== undefined)
    yield invalidValue(`${path}.selector`, spec.selector, '`selector` will be auto-generated');
  if (spec.manualSelector) yield notSupported(`${path}.manualSelector`, spec.manualSelector, ['nil', 'false']);
}

export function* jobCauses(job: JobLike): Causes {
  yield* selectorCauses(job);
  yield* specCauses(job);
}

function* specCauses(job: NamedJob): Causes {
  const { spec } = job;
  yield* templateCauses('spec.template', spec.template);
  const { restartPolicy } = spec.template.spec;
  if (restartPolicy === 'Always' || !restartPolicy)
    yield required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"');
  yield* indexedCauses(job);
  yield* policyCauses(spec);
  if (spec.managedBy !== undefined) {
    yield* domainPrefixedPath('spec.managedBy', spec.managedBy);
    if (spec.managedBy.length > managedByMax) yield tooLong('spec.managedBy', managedByMax);
  }
}

/** What may change in the template of a Job that has not started: where its pods run. */
function directivesOf(template: PodTemplateSpec, from: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector: _n, affinity: _a, tolerations: _t, schedulingGates: _s, ...rest } = template.spec;
  const { nodeSelector, affinity, tolerations, schedulingGates } = from.spec;
  return {
    ...template,
    metadata: { ...template.metadata, ...pick(from.metadata, 'annotations'), ...pick(from.metadata, 'labels') },
    spec: {
      ...rest,
      ...(nodeSelector && { nodeSelector }),
      ...(affinity && { affinity }),
      ...(tolerations && { tolerations }),
      ...(schedulingGates && { schedulingGates }),
      // While suspended, requests and limits may be set anew too (MutablePodResourcesForSuspendedJobs).
      containers: (rest.containers ?? []).map((container, index) => ({
        ...container,
        resources: from.spec.containers?.[index]?.resources ?? container.resources,
      })),
      ...(rest.initContainers && {
        initContainers: rest.initContainers.map((container, index) => ({
          ...container,
          resources: from.spec.initContainers?.[index]?.resources ?? container.resources,
        })),
      }),
    },
  };
}

const pick = <K extends 'annotations' | 'labels'>(
  from: { readonly [P in K]?: Readonly<Record<string, string>> },
  key: K,
) => ({ [key]: from[key] });

/** What a Job is for good. */
const fixed = [
  'podFailurePolicy',
  'successPolicy',
  'backoffLimitPerIndex',
  'selector',
  'completionMode',
  'managedBy',
] as const;

export function* jobUpdateCauses({ spec }: JobLike, { spec: old, status }: JobLike): Causes {
  for (const key of fixed)
    if (!deepEqual(spec[key], old[key])) yield invalidValue(`spec.${key}`, spec[key], immutableDetail);
  if (spec.completions !== old.completions) {
    const elastic = old.completionMode === 'Indexed' && spec.completions !== undefined && old.completions !== undefined;
    if (!elastic) yield invalidValue('spec.completions', spec.completions, immutableDetail);
    else if (old.completions !== old.parallelism || spec.completions !== spec.parallelism) {
      yield invalidValue('spec.completions', spec.completions, 'can only be modified in tandem with parallelism');
    }
  }
  const suspended =
    old.suspend &&
    (status.startTime === undefined ||
      (status.conditions ?? []).some(({ type, status: holds }) => type === 'Suspended' && holds === 'True'));
  const before = suspended ? directivesOf(old.template, spec.template) : old.template;
  if (!deepEqual(spec.template, before)) yield invalidValue('spec.template', spec.template, immutableDetail);
}

export function* jobStatusCauses({ status }: JobLike): Causes {
  for (const key of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    yield* nonNegative(`status.${key}`, status[key]);
  const holds = (type: string): boolean =>
    (status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
  if (holds('Complete') && holds('Failed')) {
    yield invalidValue('status.conditions', status.conditions, 'cannot set Complete=True and Failed=true conditions');
  }
  if (status.completionTime !== undefined && !holds('Complete')) {
    yield invalidValue(
      'status.completionTime',
      status.completionTime,
      'cannot set completionTime when there is no Complete=True condition',
    );
  }
  if (status.completionTime === undefined && holds('Complete')) {
    yield required('status.completionTime', 'completionTime is required for Complete jobs');
  }
}
