/**
 * Rules of a Job's status, which other controllers may write too (managedBy): an end is final, and what counts agrees with itself. A rule is asked only when
 * what it looks at has changed: the spec may have been changed under a status that was right. Upstream's paths and wording (pkg/apis/batch/validation,
 * pkg/registry/batch/job).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, immutableDetail, invalidValue, invalidWhole, required } from '#meta/causes.ts';
import { parseTime } from '#meta/time.ts';
import { internalValue } from '#schema/go-internal.ts';
import { indexed, nonNegative, type Causes } from '../field-checks.ts';
import { commonIndex, countIndexes } from './job-indexes.ts';
import { uncountedTerminatedPods, type JobSpec, type JobStatus } from './job.ts';

interface JobLike {
  readonly spec: JobSpec;
  readonly status: JobStatus;
}

/** What a status says of the end, in booleans. */
function factsOf({ conditions = [] }: JobStatus) {
  const holds = (type: string, state = 'True'): boolean =>
    conditions.some((one) => one.type === type && one.status === state);
  return {
    complete: holds('Complete'),
    failed: holds('Failed'),
    finished: holds('Complete') || holds('Failed'),
    failureTarget: holds('FailureTarget'),
    successMet: holds('SuccessCriteriaMet'),
    suspended: holds('Suspended'),
    resumed: holds('Suspended', 'False'),
  };
}

function* uncounted(path: string, { succeeded, failed }: NonNullable<JobStatus['uncountedTerminatedPods']>): Causes {
  const seen = new Set<string>();
  for (const [list, name] of [
    [succeeded, 'succeeded'],
    [failed, 'failed'],
  ] as const)
    for (const [uid, at] of indexed(`${path}.${name}`, list)) {
      if (uid === '') yield invalidValue(at, uid, 'must not be empty');
      else if (seen.has(uid)) yield duplicate(at, uid);
      seen.add(uid);
    }
}

/** Conditions that exclude or need one another. */
function* conditionCauses(job: JobLike, old: JobLike): Causes {
  const [now, before] = [factsOf(job.status), factsOf(old.status)];
  const changed = (...names: (keyof typeof now)[]): boolean => names.some((name) => now[name] !== before[name]);
  const failedIndexesChanged = job.status.failedIndexes !== old.status.failedIndexes;
  const rules: readonly (readonly [broken: boolean, detail: string])[] = [
    [
      changed('complete', 'failed') && now.complete && now.failed,
      'cannot set Complete=True and Failed=true conditions',
    ],
    [
      changed('complete', 'failureTarget') && now.complete && now.failureTarget,
      'cannot set Complete=True and FailureTarget=true conditions',
    ],
    [
      (changed('failed') || failedIndexesChanged) && now.failed && !now.failureTarget,
      'cannot set Failed=True condition without the FailureTarget=true condition',
    ],
    [
      changed('complete', 'successMet') && now.complete && !now.successMet,
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
    [now.successMet && now.failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [now.successMet && now.failureTarget, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
    [
      job.spec.successPolicy !== undefined && !now.successMet && now.complete,
      'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
    ],
    [before.failed && !now.failed, 'cannot disable the terminal Failed=True condition'],
    [before.complete && !now.complete, 'cannot disable the terminal Complete=True condition'],
    [before.failureTarget && !now.failureTarget, 'cannot disable the terminal FailureTarget=True condition'],
    [before.successMet && !now.successMet, 'cannot disable the SuccessCriteriaMet=True condition'],
    [
      before.complete && !before.successMet && now.successMet,
      'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
    ],
  ];
  for (const [broken, detail] of rules) if (broken) yield invalidWhole('status.conditions', detail);
}

/** When a Job began and ended. */
function* timeCauses({ spec, status }: JobLike, { status: old }: JobLike): Causes {
  const [now, before] = [factsOf(status), factsOf(old)];
  const { startTime, completionTime } = status;
  const startChanged = startTime !== old.startTime;
  const endChanged = completionTime !== old.completionTime;
  const ended = now.complete !== before.complete || endChanged;
  const invalidEnd = (detail: string) => invalidValue('status.completionTime', completionTime, detail);
  if (ended && completionTime !== undefined && !now.complete)
    yield invalidEnd('cannot set completionTime when there is no Complete=True condition');
  if (ended && completionTime === undefined && now.complete)
    yield required('status.completionTime', 'completionTime is required for Complete jobs');
  const [start, end] = [parseTime(startTime ?? ''), parseTime(completionTime ?? '')];
  if ((startChanged || endChanged) && start !== undefined && end !== undefined && end < start)
    yield invalidEnd('must be equal to or after `startTime`');
  if (completionTime !== undefined && old.completionTime !== undefined && endChanged) yield invalidEnd(immutableDetail);
  const never = spec.suspend && spec.completions === 0;
  if ((now.finished !== before.finished || startChanged) && !never && startTime === undefined && now.finished)
    yield required('status.startTime', 'startTime is required for finished job');
  const resumes = before.suspended && now.resumed;
  if (startChanged && !resumes && old.startTime !== undefined && !spec.suspend)
    yield invalidValue('status.startTime', startTime, 'field is immutable for unsuspended job once set');
}

/** Counters, of which those that tell the past never fall. */
function* counterCauses({ spec, status }: JobLike, { status: old }: JobLike): Causes {
  const { finished } = factsOf(status);
  const ends = finished !== factsOf(old).finished;
  const { active = 0, succeeded = 0, failed = 0, ready, terminating = 0, uncountedTerminatedPods: pods } = status;
  for (const key of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    yield* nonNegative(`status.${key}`, status[key]);
  if (pods !== undefined) yield* uncounted('status.uncountedTerminatedPods', pods);
  const of = (key: 'active' | 'ready' | 'terminating'): boolean => status[key] !== old[key];
  if (finished && (ends || of('active')) && active > 0)
    yield invalidValue('status.active', active, 'active>0 is invalid for finished job');
  if (finished && (ends || of('terminating')) && terminating > 0)
    yield invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job');
  if ((of('ready') || of('active')) && ready !== undefined && ready > active)
    yield invalidValue('status.ready', ready, 'cannot set more ready pods than active');
  const left = (pods?.succeeded?.length ?? 0) + (pods?.failed?.length ?? 0);
  if (finished && (ends || !deepEqual(pods, old.uncountedTerminatedPods)) && left > 0)
    yield invalidValue(
      'status.uncountedTerminatedPods',
      internalValue(uncountedTerminatedPods, pods),
      'must be empty for finished job',
    );
  if (failed < (old.failed ?? 0)) yield invalidValue('status.failed', failed, 'cannot decrease the failed counter');
  // An indexed Job whose two numbers are one may be made smaller.
  const shrinks = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!shrinks && succeeded < (old.succeeded ?? 0))
    yield invalidValue('status.succeeded', succeeded, 'cannot decrease the succeeded counter');
}

/** Lists of indexes: readable, of an indexed Job, and no index in both. */
function* indexCauses({ spec, status }: JobLike, { status: old }: JobLike): Causes {
  const { completions, backoffLimitPerIndex: perIndex } = spec;
  const { completedIndexes: completed = '', failedIndexes: failed } = status;
  const [completedAt, failedAt] = ['status.completedIndexes', 'status.failedIndexes'];
  const completedChanged = completed !== (old.completedIndexes ?? '');
  const failedChanged = failed !== old.failedIndexes;
  if (completedChanged) {
    const found = completions === undefined ? 0 : countIndexes(completed, completions);
    if (typeof found === 'string')
      yield invalidValue(completedAt, completed, `error parsing completedIndexes: ${found}`);
    if (completed !== '' && spec.completionMode !== 'Indexed')
      yield invalidValue(
        completedAt,
        completed,
        'cannot set non-empty completedIndexes when non-indexed completion mode',
      );
  }
  if (failed === undefined) return;
  if (failedChanged) {
    const found = completions === undefined || perIndex === undefined ? 0 : countIndexes(failed, completions);
    if (typeof found === 'string') yield invalidValue(failedAt, failed, `error parsing failedIndexes: ${found}`);
    if (perIndex === undefined)
      yield invalidValue(failedAt, failed, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  }
  if ((failedChanged || completedChanged) && completions !== undefined) {
    const common = commonIndex(completed, failed, completions);
    if (common !== undefined)
      yield invalidValue(failedAt, failed, `failedIndexes and completedIndexes overlap at index: ${common}`);
  }
}

export function* jobStatusCauses(job: JobLike, old: JobLike): Causes {
  yield* counterCauses(job, old);
  yield* conditionCauses(job, old);
  yield* timeCauses(job, old);
  yield* indexCauses(job, old);
}
