/** What `kubectl get jobs` shows; texts are those of upstream's printJob. */
import type { DraftMeta } from '#meta/object-meta.ts';
import { formatAge, parseTime } from '#meta/time.ts';
import type { JobSpec, JobStatus } from './job.ts';

/** In this order: the first that holds is shown. */
const states = ['Complete', 'Failed', undefined, 'Suspended', 'FailureTarget', 'SuccessCriteriaMet'] as const;

export function jobState({ metadata, status }: { readonly metadata: DraftMeta; readonly status: JobStatus }): string {
  for (const state of states) {
    if (state === undefined) {
      if (metadata.deletionTimestamp !== undefined) return 'Terminating';
    } else if (status.conditions?.some((condition) => condition.type === state && condition.status === 'True'))
      return state;
  }
  return 'Running';
}

export function completions(spec: JobSpec, status: JobStatus): string {
  const succeeded = status.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return spec.parallelism > 1 ? `${succeeded}/1 of ${spec.parallelism}` : `${succeeded}/1`;
}

export function duration(status: JobStatus, now: number): string {
  const start = parseTime(status.startTime ?? '');
  if (start === undefined) return '';
  return formatAge((parseTime(status.completionTime ?? '') ?? now) - start);
}
