/**
 * What may change of a Job: how many pods run at once, and where they run as long as none has been started. Paths and wording are upstream's
 * (pkg/apis/batch/validation, ValidateJobSpecUpdate).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue } from '#meta/causes.ts';
import { sortedSelector } from '../apps/workload-validation.ts';
import { internalValue } from '#schema/go-internal.ts';
import type { PodTemplateSpec } from '../core/pod-template.ts';
import type { Causes } from '../field-checks.ts';
import { jobSpec, type JobSpec, type JobStatus } from './job.ts';

interface JobLike {
  readonly spec: JobSpec;
  readonly status: JobStatus;
}

type PodSpec = PodTemplateSpec['spec'];
type Containers = PodSpec['containers'] | undefined;

/** `old` with the resources of the containers that stand at the same place under the same name. */
const withResources = (old: Containers, now: Containers): Containers =>
  old?.length === now?.length
    ? old?.map((container, index) => {
        const other = now?.[index];
        return other?.name === container.name ? { ...container, resources: other.resources } : container;
      })
    : old;

/** `old` with what may change before a pod was started, as `now` has it: where pods run, and what they ask for. */
function mutable(old: PodSpec, now: PodSpec): PodSpec {
  const { nodeSelector: _n, affinity: oldAffinity, tolerations: _t, schedulingGates: _s, ...rest } = old;
  const { nodeSelector, affinity: nowAffinity, tolerations, schedulingGates } = now;
  const { nodeAffinity: _a, ...others } = oldAffinity ?? {};
  const affinity = { ...others, ...(nowAffinity?.nodeAffinity && { nodeAffinity: nowAffinity.nodeAffinity }) };
  const containers = withResources(rest.containers, now.containers);
  const initContainers = withResources(rest.initContainers, now.initContainers);
  return {
    ...rest,
    ...(nodeSelector && { nodeSelector }),
    ...((nowAffinity !== undefined || Object.keys(affinity).length > 0) && { affinity }),
    ...(tolerations && { tolerations }),
    ...(schedulingGates && { schedulingGates }),
    ...(containers && { containers }),
    ...(initContainers && { initContainers }),
  };
}

/** What a Job is for good. */
const fixed = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

export function* jobUpdateCauses({ spec }: JobLike, { spec: old, status }: JobLike): Causes {
  const changed = (path: string, told: unknown) => invalidValue(path, told, immutableDetail);
  for (const key of fixed) {
    const type = jobSpec.fields[key]?.type;
    if (type !== undefined && !deepEqual(spec[key], old[key]))
      yield changed(`spec.${key}`, spec[key] === undefined ? undefined : internalValue(type, spec[key]));
  }
  if (!deepEqual(spec.selector, old.selector)) yield changed('spec.selector', sortedSelector(spec.selector));
  if (spec.completions !== old.completions) {
    if (spec.completionMode !== 'Indexed') yield changed('spec.completions', spec.completions);
    else if (spec.completions !== undefined && spec.completions !== spec.parallelism)
      yield invalidValue('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism');
  }
  const isSuspended = (status.conditions ?? []).some(
    ({ type, status: holds }) => type === 'Suspended' && holds === 'True',
  );
  const isIdle = old.suspend && (status.startTime === undefined || isSuspended) && !status.active;
  if (!isIdle) {
    if (!deepEqual(spec.template, old.template)) yield changed('spec.template', spec.template);
  } else if (!deepEqual(spec.template.spec, mutable(old.template.spec, spec.template.spec)))
    yield changed('spec.template.spec', spec.template.spec);
}
