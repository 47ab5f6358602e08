/**
 * Rules of a Job: a restart policy that ends, a selector that is its own, indexes within limits. Those of policies, updates and the status stand
 * beside this file. Paths and wording are upstream's (pkg/apis/batch/validation).
 */
import { invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { dns1123Label } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { checkLabelSelector, matches, selectorFrom } from '#meta/selector.ts';
import { isUsable, sortedLabels, sortedSelector } from '../apps/workload-validation.ts';
import { templateCauses } from '../core/pod-validation.ts';
import { domainPrefixedPath, type Causes } from '../field-checks.ts';
import { policyCauses } from './job-policy-validation.ts';
import type { JobSpec } from './job.ts';
import { controllerUidLabel, jobNameLabel, legacyControllerUidLabel, legacyJobNameLabel } from './job-strategy.ts';

interface JobLike {
  readonly metadata: ObjectMeta;
  readonly spec: JobSpec;
}

const managedByMax = 63;

function* selectorCauses({ metadata, spec }: JobLike): Causes {
  const { selector, template } = spec;
  const path = 'spec.template.metadata';
  // What was made for it is judged of a new Job only.
  if (!metadata.resourceVersion && !spec.manualSelector && selector !== undefined) {
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
        yield invalidValue(`${path}.labels[${key}]`, sortedLabels(template.metadata.labels), `must be '${value}'`);
    }
    if (isUsable(selector) && !matches(selectorFrom(selector), Object.fromEntries(expected))) {
      yield invalidValue('spec.selector', sortedSelector(selector), '`selector` not auto-generated');
    }
  }
  if (selector === undefined) yield required('spec.selector');
  yield* checkLabelSelector(selector, 'spec.selector');
  // No selector matches nothing.
  if (isUsable(selector) && !matches(selectorFrom(selector), template.metadata.labels)) {
    yield invalidValue(
      `${path}.labels`,
      sortedLabels(template.metadata.labels),
      '`selector` does not match template `labels`',
    );
  }
}

type NamedJob = Pick<JobLike, 'spec'> & { readonly metadata: Pick<ObjectMeta, 'name'> };

/** Beyond these completions limits by index are for few at once. */
const manyMax = 100_000;
const atOnceMax = 10_000;

function* indexedCauses({ metadata, spec }: NamedJob): Causes {
  const { completions, parallelism = 0, backoffLimitPerIndex: perIndex, maxFailedIndexes: maxFailed } = spec;
  if (maxFailed !== undefined && perIndex === undefined)
    yield required('spec.backoffLimitPerIndex', 'when maxFailedIndexes is specified');
  if (spec.completionMode === 'NonIndexed' || spec.completionMode === undefined) {
    for (const key of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[key] !== undefined) yield invalidValue(`spec.${key}`, spec[key], 'requires indexed completion mode');
  }
  if (spec.completionMode !== 'Indexed') return;
  if (completions === undefined) yield required('spec.completions', 'when completion mode is Indexed');
  const most = (key: 'parallelism' | 'maxFailedIndexes', what: string) =>
    invalidValue(`spec.${key}`, spec[key], `must be less than or equal to ${what}`);
  if (parallelism > manyMax) yield most('parallelism', `${manyMax} when completion mode is Indexed`);
  if (maxFailed !== undefined && completions !== undefined && maxFailed > completions)
    yield most('maxFailedIndexes', 'completions');
  if (maxFailed !== undefined && maxFailed > manyMax) yield most('maxFailedIndexes', String(manyMax));
  if (completions !== undefined && completions > manyMax && perIndex !== undefined) {
    const limit = `${atOnceMax} when completions are above ${manyMax} and used with backoff limit per index`;
    if (maxFailed === undefined)
      yield required('spec.maxFailedIndexes', `must be specified when completions is above ${manyMax}`);
    if (parallelism > atOnceMax) yield most('parallelism', limit);
    if (maxFailed !== undefined && maxFailed > atOnceMax) yield most('maxFailedIndexes', limit);
  }
  const last = `${metadata.name}-${(completions ?? 1) - 1}`;
  if (completions && dns1123Label(last).length > 0)
    yield invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${last}`);
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
  const path = 'spec.template.spec.restartPolicy';
  if (restartPolicy === 'Always' || !restartPolicy) yield required(path, 'valid values: "OnFailure", "Never"');
  else if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never')
    yield notSupported(path, restartPolicy, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy !== undefined && restartPolicy !== 'Never')
    yield invalidValue(path, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified');
  yield* indexedCauses(job);
  yield* policyCauses(spec);
  if (spec.managedBy !== undefined) {
    yield* domainPrefixedPath('spec.managedBy', spec.managedBy);
    if (spec.managedBy.length > managedByMax) yield tooLong('spec.managedBy', managedByMax);
  }
}
