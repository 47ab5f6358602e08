/**
 * A Job's pods: which have ended and how they count, and how a new one is made. Pure.
 */
import { parseTime } from '#meta/time.ts';
import { Job } from '#api/batch/job.ts';
import type { Pod } from '#api/core/pod.ts';
import { Pod as PodKind } from '#api/core/pod.ts';
import { create, remove, type Action } from '#runtime/action.ts';
import { controllerReference } from '#runtime/runner.ts';
import type { Millis } from '#world/world.ts';
import { podOf } from '../pod-facts.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexKey = 'batch.kubernetes.io/job-completion-index';
export const indexFailures = 'batch.kubernetes.io/job-index-failure-count';
export const indexIgnored = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';
export const isTracked = ({ metadata }: Pod): boolean => (metadata.finalizers ?? []).includes(trackingFinalizer);
export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined && !hasEnded(pod);

const hasEnded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded';

/** A terminating pod is a failed one, unless the Job waits until it really is. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}

export const isRunning = (pod: Pod): boolean => !hasEnded(pod) && pod.metadata.deletionTimestamp === undefined;

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexKey];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** When its last container ended. */
export function endedAt(pod: Pod, now: Millis): Millis {
  const ends = (pod.status?.containerStatuses ?? []).flatMap(
    ({ state }) => parseTime(state?.terminated?.finishedAt ?? '') ?? [],
  );
  if (ends.length > 0) return Math.max(...ends);
  return parseTime(pod.metadata.deletionTimestamp ?? '') ?? now;
}

const counted = (pod: Pod, key: string): number => Number(pod.metadata.annotations?.[key] ?? 0) || 0;

/** Failures of a pod's index up to and with this pod. `ignored` by the policy, it does not count. */
export const failuresThrough = (pod: Pod, ignored: boolean) => ({
  counted: counted(pod, indexFailures) + (ignored ? 0 : 1),
  ignored: counted(pod, indexIgnored) + (ignored ? 1 : 0),
});

interface Container {
  readonly env?: readonly { readonly name: string; readonly [field: string]: unknown }[];
  readonly [field: string]: unknown;
}

const withIndexVariable = (containers: readonly Container[] | undefined): readonly Container[] | undefined =>
  containers?.map((container) =>
    container.env?.some(({ name }) => name === 'JOB_COMPLETION_INDEX')
      ? container
      : {
          ...container,
          env: [
            ...(container.env ?? []),
            { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexKey}']` } } },
          ],
        },
  );

/** A new pod; with an index for an indexed Job. */
export function newPod(job: Job, index: number | undefined, failures?: { counted: number; ignored: number }): Action {
  const { name, namespace = '' } = job.metadata;
  const generateName = index === undefined ? `${name}-` : `${name}-${index}-`;
  const draft = podOf(job.spec.template as never, controllerReference(Job, job), { namespace, generateName });
  const finalizers = [...new Set([...(draft.metadata.finalizers ?? []), trackingFinalizer])];
  const announce = {
    about: job,
    done: {
      reason: 'SuccessfulCreate',
      message: (pod: { metadata: { name: string } }) => `Created pod: ${pod.metadata.name}`,
    },
    failed: { reason: 'FailedCreate', message: (error: Error) => `Error creating: ${error.message}` },
  };
  if (index === undefined)
    return create(PodKind, { ...draft, metadata: { ...draft.metadata, finalizers } } as never, { announce });
  const spec = job.spec.template.spec as unknown as {
    containers: readonly Container[];
    initContainers?: readonly Container[];
    hostname?: string;
  };
  const initContainers = withIndexVariable(spec.initContainers);
  const metadata = {
    ...draft.metadata,
    finalizers,
    labels: { ...draft.metadata.labels, [indexKey]: String(index) },
    annotations: {
      ...draft.metadata.annotations,
      [indexKey]: String(index),
      ...(job.spec.backoffLimitPerIndex === undefined ? {} : { [indexFailures]: String(failures?.counted ?? 0) }),
      ...(failures?.ignored ? { [indexIgnored]: String(failures.ignored) } : {}),
    },
  };
  const indexedSpec = {
    ...spec,
    hostname: spec.hostname ?? `${name}-${index}`,
    containers: withIndexVariable(spec.containers),
    ...(initContainers ? { initContainers } : {}),
  };
  return create(PodKind, { metadata, spec: indexedSpec } as never, { announce });
}

export function endPod(job: Job, pod: Pod): Action {
  return remove(PodKind, pod, {
    announce: {
      about: job,
      done: { reason: 'SuccessfulDelete', message: () => `Deleted pod: ${pod.metadata.name}` },
      failed: { reason: 'FailedDelete', message: (error) => `Error deleting: ${error.message}` },
    },
  });
}
