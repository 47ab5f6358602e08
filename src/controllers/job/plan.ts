/**
 * Job: pods until enough succeed (https://kubernetes.io/docs/concepts/workloads/controllers/job/). Every ended pod is counted exactly once, whatever crashes: its UID
 * is first written to the status (uncountedTerminatedPods), then its finalizer goes, and only what has no finalizer any more moves into the counters (KEP-2307).
 */
import { formatTime, parseTime } from '#meta/time.ts';
import { Job } from '#api/batch/job.ts';
import { Pod } from '#api/core/pod.ts';
import { event, patch, status, wake, type Action } from '#runtime/action.ts';
import { controller, type Controller, type Picture } from '#runtime/controller.ts';
import type { Millis } from '#world/world.ts';
import { isReady } from '../pod-facts.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import {
  endedAt,
  endPod,
  failuresThrough,
  hasFailed,
  hasSucceeded,
  indexOf,
  isIndexed,
  isRunning,
  isTerminating,
  isTracked,
  newPod,
  trackingFinalizer,
} from './pods.ts';
import { judge, successBy } from './policies.ts';

type Status = Job['status'];
type Condition = NonNullable<Status['conditions']>[number];

const backoffMsMin: Millis = 10_000;
const backoffMsMax: Millis = 10 * 60 * 1000;
const burstMax = 500;
/** UIDs that one status may hold. */
const uncountedMax = 500;

/** The pods and the numbers of one Job, as far as the present picture tells. */
interface Tally {
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Written before the finalizers of these pods go. */
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** The counters of the status: only what is certain. */
  readonly certain: { readonly succeeded: number; readonly failed: number };
  readonly release: readonly Pod[];
  readonly failJob: string | undefined;
  readonly latest: ReadonlyMap<number, Pod>;
}

interface Record {
  failures: number;
  lastFailure: Millis;
  lastSuccess: Millis;
  readonly seen: Set<string>;
}

const ended = (job: Job, type: string): Condition | undefined =>
  job.status.conditions?.find((condition) => condition.type === type && condition.status === 'True');

export function jobs(): Controller<typeof Job> {
  /** When pods failed last: a start delay only, so a restart may forget it. */
  const records = new Map<string, Record>();

  /** Milliseconds until the next pod may start. */
  function delayOf(job: Job, pods: readonly Pod[], now: Millis): Millis {
    const { uid } = job.metadata;
    const record = records.get(uid) ?? { failures: 0, lastFailure: 0, lastSuccess: 0, seen: new Set<string>() };
    records.set(uid, record);
    for (const pod of pods.toSorted((a, b) => endedAt(a, now) - endedAt(b, now))) {
      const good = hasSucceeded(pod);
      if ((!good && !hasFailed(job, pod)) || record.seen.has(pod.metadata.uid)) continue;
      record.seen.add(pod.metadata.uid);
      if (good) record.failures = 0;
      else {
        record.failures++;
        record.lastFailure = Math.max(record.lastFailure, endedAt(pod, now));
      }
    }
    for (const seen of record.seen) if (!pods.some((pod) => pod.metadata.uid === seen)) record.seen.delete(seen);
    return record.failures === 0 ? 0 : record.lastFailure + waitAfter(record.failures) - now;
  }

  return controller({
    name: 'job-controller',
    for: Job,
    claims: [{ kind: Pod, selector: (job: Job) => job.spec.selector as never }],
    *reconcile(job: Job, picture: Picture): Iterable<Action> {
      if (job.spec.managedBy !== undefined && job.spec.managedBy !== 'kubernetes.io/job-controller') return;
      const pods = picture.claimed(Pod);
      if (ended(job, 'Complete') || ended(job, 'Failed')) {
        records.delete(job.metadata.uid);
        for (const pod of pods) if (isTracked(pod)) yield release(pod);
        return;
      }
      const tally = tallyOf(job, pods, picture);
      const delay = delayOf(job, pods, picture.now);
      const verdict = verdictOf(job, tally, picture.now);
      const acting =
        job.metadata.deletionTimestamp !== undefined
          ? []
          : [...manage(job, tally, { verdict, delay, now: picture.now })];
      const starting = acting.filter((action) => action.do === 'create').length;
      const ending = acting.filter((action) => action.do === 'remove').length;
      const next = statusOf(job, tally, { verdict, now: picture.now });
      yield* announcements(job, next);
      yield status(Job, job, next);
      for (const pod of tally.release) yield release(pod);
      // A write of the status above that failed has ended this reconcile: nothing below happens twice.
      yield* acting;
      if (starting === 0 && ending === 0 && delay > 0 && !verdict) yield wake(delay);
      const deadline = deadlineIn(job, picture.now);
      if (deadline !== undefined && !verdict) yield wake(Math.max(deadline, 0) + 10);
    },
    *gone(key, { of }): Iterable<Action> {
      const [namespace = '', name] = key.split('/');
      for (const pod of of(Pod).by('namespace', namespace)) {
        const owner = pod.metadata.ownerReferences?.find(
          (each) => each.controller && each.kind === Job.kind && each.name === name,
        );
        if (owner && isTracked(pod)) yield release(pod);
      }
    },
  });
}

const waitAfter = (failures: number): Millis => Math.min(backoffMsMin * 2 ** (failures - 1), backoffMsMax);

const release = (pod: Pod): Action =>
  patch(Pod, pod, {
    type: 'strategic',
    body: { metadata: { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } },
  });

function tallyOf(job: Job, pods: readonly Pod[], _picture: Picture): Tally {
  const before = job.status.uncountedTerminatedPods;
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid, pod]));
  const waiting = (uids: readonly string[] | undefined): string[] => (uids ?? []).filter((uid) => tracked.has(uid));
  const settled = (uids: readonly string[] | undefined): number =>
    (uids ?? []).filter((uid) => !tracked.has(uid)).length;
  const indexed = isIndexed(job);
  const limit = job.spec.completions ?? 0;
  const succeededIndexes = new Set(indexed ? parseIndexes(job.status.completedIndexes, limit) : []);
  const failedIndexes = new Set(
    job.spec.backoffLimitPerIndex === undefined ? [] : parseIndexes(job.status.failedIndexes, limit),
  );
  const uncounted = { succeeded: waiting(before?.succeeded), failed: waiting(before?.failed) };
  const certain = {
    succeeded: indexed ? 0 : (job.status.succeeded ?? 0) + settled(before?.succeeded),
    failed: (job.status.failed ?? 0) + settled(before?.failed),
  };
  const freed: Pod[] = [];
  let failJob: string | undefined;
  const latest = new Map<number, Pod>();
  const stopping =
    ended(job, 'FailureTarget') !== undefined ||
    ended(job, 'SuccessCriteriaMet') !== undefined ||
    job.metadata.deletionTimestamp !== undefined;
  for (const [uid, pod] of tracked) {
    const known = uncounted.succeeded.includes(uid) || uncounted.failed.includes(uid);
    const index = indexOf(pod);
    const failed = hasFailed(job, pod);
    if (!hasSucceeded(pod) && !failed) {
      // Nobody counts it any more; holding it back would keep it for ever.
      if (stopping && pod.metadata.deletionTimestamp !== undefined) freed.push(pod);
      continue;
    }
    if (uncounted.succeeded.length + uncounted.failed.length >= uncountedMax && !known) continue;
    freed.push(pod);
    if (hasSucceeded(pod)) {
      if (!indexed) {
        if (!known) uncounted.succeeded.push(uid);
      } else if (index !== undefined && index < limit) succeededIndexes.add(index);
      continue;
    }
    const judgement = judge(job, pod);
    if (judgement.action === 'FailJob') failJob ??= judgement.message;
    if (index !== undefined) {
      const other = latest.get(index);
      if (!other || failuresThrough(pod, false).counted > failuresThrough(other, false).counted) latest.set(index, pod);
      const { backoffLimitPerIndex } = job.spec;
      if (backoffLimitPerIndex !== undefined && judgement.action !== 'Ignore') {
        const failures = failuresThrough(pod, false).counted;
        if (judgement.action === 'FailIndex' || failures > backoffLimitPerIndex) failedIndexes.add(index);
      }
    }
    if (!known && judgement.action !== 'Ignore') uncounted.failed.push(uid);
  }
  for (const index of succeededIndexes) failedIndexes.delete(index);
  return {
    active: pods.filter(isRunning),
    terminating: pods.filter(isTerminating),
    succeeded: indexed ? succeededIndexes.size : certain.succeeded + uncounted.succeeded.length,
    failed: certain.failed + uncounted.failed.length,
    succeededIndexes,
    failedIndexes,
    uncounted,
    certain,
    release: freed,
    failJob,
    latest: latestOf(pods, latest),
  };
}

/** The pod of each index that failed last, also those already counted: the next one carries its number on. */
function latestOf(pods: readonly Pod[], latest: Map<number, Pod>): ReadonlyMap<number, Pod> {
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || pod.status?.phase !== 'Failed') continue;
    const other = latest.get(index);
    if (!other || failuresThrough(pod, false).counted > failuresThrough(other, false).counted) latest.set(index, pod);
  }
  return latest;
}

interface Verdict {
  readonly type: 'FailureTarget' | 'SuccessCriteriaMet';
  readonly reason: string;
  readonly message: string;
}

function verdictOf(job: Job, tally: Tally, now: Millis): Verdict | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const known = ended(job, type);
    if (known) return { type, reason: known.reason ?? '', message: known.message ?? '' };
  }
  const failed = (reason: string, message: string): Verdict => ({ type: 'FailureTarget', reason, message });
  const { spec } = job;
  if (tally.failJob !== undefined) return failed('PodFailurePolicy', tally.failJob);
  if (tally.failed > spec.backoffLimit || restartsExceed(job, tally.active))
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  const deadline = deadlineIn(job, now);
  if (deadline !== undefined && deadline <= 0)
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (spec.backoffLimitPerIndex !== undefined && tally.failedIndexes.size > 0) {
    if (spec.maxFailedIndexes !== undefined && tally.failedIndexes.size > spec.maxFailedIndexes) {
      return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    }
    if (tally.failedIndexes.size + tally.succeededIndexes.size >= (spec.completions ?? 0))
      return failed('FailedIndexes', 'Job has failed indexes');
  }
  const early = isIndexed(job) ? successBy(job, tally.succeededIndexes) : undefined;
  if (early !== undefined) return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: early };
  const reached =
    spec.completions === undefined
      ? tally.succeeded > 0 && tally.active.length === 0
      : tally.succeeded >= spec.completions && tally.active.length === 0;
  // Nothing was ever to be done, or all of it is.
  if (reached && !(spec.suspend && tally.succeeded === 0 && spec.completions !== 0)) {
    return {
      type: 'SuccessCriteriaMet',
      reason: 'CompletionsReached',
      message: 'Reached expected number of succeeded pods',
    };
  }
  return undefined;
}

/** Containers that are restarted in place count too. */
function restartsExceed(job: Job, active: readonly Pod[]): boolean {
  if (job.spec.template.spec.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const pod of active) {
    if (pod.status?.phase !== 'Running' && pod.status?.phase !== 'Pending') continue;
    for (const each of [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])])
      restarts += each.restartCount;
  }
  return job.spec.backoffLimit === 0 ? restarts > 0 : restarts >= job.spec.backoffLimit;
}

function deadlineIn({ spec, status: { startTime } }: Job, now: Millis): Millis | undefined {
  const started = parseTime(startTime ?? '');
  if (spec.activeDeadlineSeconds === undefined || started === undefined || spec.suspend) return undefined;
  return started + Number(spec.activeDeadlineSeconds) * 1000 - now;
}

function* manage(
  job: Job,
  tally: Tally,
  { verdict, delay, now }: { verdict: Verdict | undefined; delay: Millis; now: Millis },
): Iterable<Action> {
  const { spec } = job;
  const { active } = tally;
  if (verdict) {
    for (const pod of active) yield endPod(job, pod);
    return;
  }
  const wanted = spec.suspend ? 0 : wantedActive(job, tally);
  const twice = isIndexed(job) ? repeated(active, spec.completions ?? 0) : [];
  const rest = active.filter((pod) => !twice.includes(pod));
  const surplus = [...twice, ...leastUseful(rest).slice(0, Math.max(0, rest.length - wanted))];
  if (surplus.length > 0) {
    // We wanted them gone: without the finalizer they do not count as failed.
    for (const pod of surplus) if (isTracked(pod)) yield release(pod);
    for (const pod of surplus) yield endPod(job, pod);
    return;
  }
  if (spec.suspend) return;
  const waiting = spec.podReplacementPolicy === 'Failed' ? tally.terminating.length : 0;
  const missing = Math.min(wanted - active.length - waiting, burstMax);
  if (missing <= 0) return;
  if (!isIndexed(job)) {
    if (delay <= 0) for (let i = 0; i < missing; i++) yield newPod(job, undefined);
    return;
  }
  yield* startIndexes(job, tally, { missing, delay, now });
}

function* startIndexes(
  job: Job,
  tally: Tally,
  { missing, delay, now }: { missing: number; delay: Millis; now: Millis },
): Iterable<Action> {
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  const taken = new Set(
    [...tally.active, ...(job.spec.podReplacementPolicy === 'Failed' ? tally.terminating : [])].map(indexOf),
  );
  if (!perIndex && delay > 0) return;
  let left = missing;
  let soonest = Infinity;
  for (let index = 0; index < (job.spec.completions ?? 0) && left > 0; index++) {
    if (tally.succeededIndexes.has(index) || tally.failedIndexes.has(index) || taken.has(index)) continue;
    const last = tally.latest.get(index);
    const failures = last && failuresThrough(last, judge(job, last).action === 'Ignore');
    if (perIndex && last && failures) {
      const wait = endedAt(last, now) + waitAfter(Math.max(1, failures.counted + failures.ignored)) - now;
      if (wait > 0) {
        soonest = Math.min(soonest, wait);
        continue;
      }
    }
    yield newPod(job, index, failures);
    left--;
  }
  if (soonest < Infinity) yield wake(soonest);
}

function wantedActive(job: Job, { succeeded, failedIndexes, active }: Tally): number {
  const { completions, parallelism } = job.spec;
  if (completions === undefined) return succeeded > 0 ? Math.min(active.length, parallelism) : parallelism;
  return Math.max(0, Math.min(completions - succeeded - failedIndexes.size, parallelism));
}

/** Pods of an index that another one works on, or of none that is wanted. */
function repeated(active: readonly Pod[], completions: number): readonly Pod[] {
  const seen = new Set<number>();
  return leastUseful(active)
    .toReversed()
    .filter((pod) => {
      const index = indexOf(pod);
      if (index === undefined || index >= completions || seen.has(index)) return true;
      seen.add(index);
      return false;
    });
}

/** Pods that have got least far go first; of indexed ones the highest indexes. */
const leastUseful = (pods: readonly Pod[]): readonly Pod[] =>
  pods.toSorted(
    (a, b) =>
      Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      (indexOf(b) ?? 0) - (indexOf(a) ?? 0) ||
      (parseTime(b.metadata.creationTimestamp) ?? 0) - (parseTime(a.metadata.creationTimestamp) ?? 0) ||
      (a.metadata.uid < b.metadata.uid ? -1 : 1),
  );

function statusOf(job: Job, tally: Tally, { verdict, now }: { verdict: Verdict | undefined; now: Millis }): Status {
  const { spec } = job;
  const at = formatTime(now);
  const conditions = new Map((job.status.conditions ?? []).map((condition) => [condition.type, condition]));
  const set = (type: string, state: 'True' | 'False', reason: string, message: string): void => {
    if (conditions.get(type)?.status === state) return;
    conditions.set(type, { type, status: state, reason, message, lastProbeTime: at, lastTransitionTime: at });
  };
  let { startTime } = job.status;
  if (!verdict) {
    if (spec.suspend) {
      set('Suspended', 'True', 'JobSuspended', 'Job suspended');
      startTime = undefined;
    } else {
      if (conditions.get('Suspended')?.status === 'True') {
        set('Suspended', 'False', 'JobResumed', 'Job resumed');
        startTime = at;
      }
      startTime ??= at;
    }
  }
  startTime ??= verdict ? at : undefined;
  let completionTime = job.status.completionTime;
  if (verdict) {
    set(verdict.type, 'True', verdict.reason, verdict.message);
    const settled =
      tally.active.length === 0 &&
      tally.terminating.length === 0 &&
      tally.release.length === 0 &&
      tally.uncounted.succeeded.length + tally.uncounted.failed.length === 0;
    // The last word is said when the first one was heard and no pod is left.
    if (settled && ended(job, verdict.type)) {
      const success = verdict.type === 'SuccessCriteriaMet';
      set(success ? 'Complete' : 'Failed', 'True', verdict.reason, verdict.message);
      if (success) completionTime ??= at;
    }
  }
  const ready = tally.active.filter(isReady).length;
  const succeeded = isIndexed(job) ? tally.succeededIndexes.size : tally.certain.succeeded;
  const list = (uids: readonly string[], key: string) => (uids.length > 0 ? { [key]: uids } : {});
  return {
    ...(conditions.size > 0 ? { conditions: [...conditions.values()] } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(tally.active.length > 0 ? { active: tally.active.length } : {}),
    ...(succeeded > 0 ? { succeeded } : {}),
    ...(tally.certain.failed > 0 ? { failed: tally.certain.failed } : {}),
    terminating: tally.terminating.length,
    ...(isIndexed(job) && tally.succeededIndexes.size > 0
      ? { completedIndexes: formatIndexes(tally.succeededIndexes) }
      : {}),
    ...(spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(tally.failedIndexes) }),
    uncountedTerminatedPods: {
      ...list(tally.uncounted.succeeded, 'succeeded'),
      ...list(tally.uncounted.failed, 'failed'),
    },
    ready,
  } as Status;
}

/** Events of conditions that this status brings. */
function* announcements(job: Job, next: Status): Iterable<Action> {
  for (const { type, status: state, reason = '', message = '' } of next.conditions ?? []) {
    if (job.status.conditions?.some((old) => old.type === type && old.status === state)) continue;
    if (type === 'Complete' && state === 'True') yield event(job, 'Normal', 'Completed', 'Job completed');
    else if (type === 'Failed' && state === 'True') yield event(job, 'Warning', reason, message);
    else if (type === 'Suspended') yield event(job, 'Normal', state === 'True' ? 'Suspended' : 'Resumed', message);
  }
}
