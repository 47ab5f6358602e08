/**
 * Defaults of a Job that look at other fields, and the selector the server makes from the Job's UID, so that two Jobs never fight for
 * the same pods.
 */
import type { DraftMeta, ObjectMeta } from '#meta/object-meta.ts';
import type { DraftOf } from '#schema/type.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import type { JobSpec, jobSpec } from './job.ts';

type SpecDraft = DraftOf<typeof jobSpec>;

export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
export const legacyControllerUidLabel = 'controller-uid';
export const legacyJobNameLabel = 'job-name';

/** No limit but the one of the index. */
const unlimited = 2_147_483_647;

export function fillJob<J extends { readonly metadata: DraftMeta; readonly spec?: SpecDraft }>(job: J): J {
  if (job.spec === undefined) return job;
  const draft = job.spec;
  const spec = fillTemplateOf(draft);
  const once = draft.completions === undefined && draft.parallelism === undefined;
  const labels = job.metadata.labels ?? {};
  const templateLabels = spec.template?.metadata?.labels;
  return {
    ...job,
    ...(Object.keys(labels).length === 0 && templateLabels !== undefined
      ? { metadata: { ...job.metadata, labels: templateLabels } }
      : {}),
    spec: {
      ...spec,
      ...(once ? { completions: 1 } : {}),
      manualSelector: draft.manualSelector ?? false,
      completionMode: draft.completionMode ?? 'NonIndexed',
      suspend: draft.suspend ?? false,
      parallelism: draft.parallelism ?? 1,
      backoffLimit: draft.backoffLimit ?? (draft.backoffLimitPerIndex === undefined ? 6 : unlimited),
      podReplacementPolicy:
        draft.podReplacementPolicy ?? (draft.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    },
  };
}

/**
 * The Job with the selector and the template labels of its own; what the author set stays, and validation judges it. A Job without labels has those of its
 * template, these among them: clients look for Jobs by them.
 */
export function generated<J extends { readonly metadata: ObjectMeta; readonly spec: JobSpec }>(job: J): J {
  const { metadata, spec } = job;
  if (spec.manualSelector) return job;
  const { template } = spec;
  const labels = {
    [legacyJobNameLabel]: metadata.name,
    [jobNameLabel]: metadata.name,
    [legacyControllerUidLabel]: metadata.uid,
    [controllerUidLabel]: metadata.uid,
    ...template.metadata.labels,
  };
  // Defaulting made them one: labels that the author wrote twice are two.
  const isTemplates = metadata.labels === undefined || metadata.labels === template.metadata.labels;
  return {
    ...job,
    ...(isTemplates ? { metadata: { ...metadata, labels } } : {}),
    spec: {
      ...spec,
      selector: {
        ...spec.selector,
        matchLabels: { [controllerUidLabel]: metadata.uid, ...spec.selector?.matchLabels },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
