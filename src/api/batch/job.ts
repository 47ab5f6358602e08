/**
 * Job: pods that run until enough of them succeed. Declares fields; defaults, the generated selector and the rules stand beside it.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';
import { ageColumn, containersColumn, imagesColumn, nameColumn, selectorColumn } from '../columns.ts';
import { completions, duration, jobState } from './job-columns.ts';
import { fillJob, generated } from './job-strategy.ts';
import { nameWarnings, podNames, podWarnings } from '../core/pod-warnings.ts';
import { jobStatusCauses } from './job-status-validation.ts';
import { jobUpdateCauses } from './job-update-validation.ts';
import { jobCauses } from './job-validation.ts';

export const podFailurePolicyOnExitCodesRequirement = struct(
  'batch.v1.PodFailurePolicyOnExitCodesRequirement',
  {
    containerName: s.string(1).keepsZero().optional().doc('The container that is looked at; all when absent.'),
    operator: s.oneOf(2, 'In', 'NotIn').requiredAs('valid values: ["In" "NotIn"]').doc('In or NotIn.'),
    values: s
      .list(3, t.int32, { list: 'set', duplicates: 'allowed' })
      .ruled()
      .doc('Exit codes, 1 to 255 of them, in ascending order; In must not contain 0.'),
  },
  { doc: 'Compares exit codes of a failed pod.' },
);
export interface PodFailurePolicyOnExitCodesRequirement extends Of<typeof podFailurePolicyOnExitCodesRequirement> {}

export const podFailurePolicyOnPodConditionsPattern = struct(
  'batch.v1.PodFailurePolicyOnPodConditionsPattern',
  {
    type: s.string(1).ruled().doc('Type of the condition.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').default('True').doc('Status of the condition.'),
  },
  { doc: 'Matches a condition of a failed pod.' },
);
export interface PodFailurePolicyOnPodConditionsPattern extends Of<typeof podFailurePolicyOnPodConditionsPattern> {}

export const podFailurePolicyRule = struct(
  'batch.v1.PodFailurePolicyRule',
  {
    action: s
      .oneOf(1, 'FailJob', 'FailIndex', 'Ignore', 'Count')
      .requiredAs('valid values: ["Count" "FailIndex" "FailJob" "Ignore"]')
      .doc('FailJob, FailIndex, Ignore or Count.'),
    onExitCodes: s.field(2, podFailurePolicyOnExitCodesRequirement).optional().doc('Exit codes the rule is for.'),
    onPodConditions: s
      .list(3, podFailurePolicyOnPodConditionsPattern)
      .optional()
      .doc('Conditions the rule is for; one must match.'),
  },
  { doc: 'What to do with pods that failed in a certain way.' },
);
export interface PodFailurePolicyRule extends Of<typeof podFailurePolicyRule> {}

export const podFailurePolicy = struct(
  'batch.v1.PodFailurePolicy',
  {
    rules: s
      .list(1, podFailurePolicyRule)
      .ruled()
      .doc('Looked at in order; the first that matches decides. At most 20.'),
  },
  { doc: 'How failed pods count.' },
);
export interface PodFailurePolicy extends Of<typeof podFailurePolicy> {}

export const successPolicyRule = struct(
  'batch.v1.SuccessPolicyRule',
  {
    succeededIndexes: s.string(1).keepsZero().optional().doc('Indexes that must have succeeded, such as 1,3-5.'),
    succeededCount: s.int32(2).keepsZero().optional().doc('How many indexes must have succeeded.'),
  },
  { doc: 'When the Job counts as done.' },
);
export interface SuccessPolicyRule extends Of<typeof successPolicyRule> {}

export const successPolicy = struct(
  'batch.v1.SuccessPolicy',
  {
    rules: s.list(1, successPolicyRule).ruled().doc('Looked at in order; one is enough. At most 20.'),
  },
  { doc: 'When an indexed Job counts as done before all indexes are.' },
);
export interface SuccessPolicy extends Of<typeof successPolicy> {}

// A CronJob holds the same spec, changes it freely and leaves it as it is: what is fixed in a Job and filled in stands in its hooks.
export const jobSpec = struct(
  'batch.v1.JobSpec',
  {
    parallelism: s.int32(1).keepsZero().min(0).filled().doc('How many pods may run at once.'),
    completions: s
      .int32(2)
      .keepsZero()
      .min(0)
      .optional()
      .doc('How many pods must succeed; absent means that one success is enough and all pods work on one queue.'),
    activeDeadlineSeconds: s
      .int64(3)
      .keepsZero()
      .min(0)
      .optional()
      .doc('Seconds after the start until the Job is failed.'),
    podFailurePolicy: s.field(11, podFailurePolicy).optional().doc('How failed pods count; needs restartPolicy Never.'),
    successPolicy: s.field(16, successPolicy).optional().doc('When an indexed Job counts as done early.'),
    backoffLimit: s.int32(7).keepsZero().min(0).filled().doc('How many failures are allowed before the Job is failed.'),
    backoffLimitPerIndex: s.int32(12).keepsZero().min(0).optional().doc('How many failures of one index are allowed.'),
    maxFailedIndexes: s.int32(13).keepsZero().min(0).optional().doc('How many failed indexes are allowed.'),
    selector: s
      .field(4, labelSelector)
      .filled()
      .doc('Labels of the pods that belong to it; normally made by the server.'),
    manualSelector: s
      .boolean(5)
      .keepsZero()
      .filled()
      .doc("When true, selector and labels are the author's and must be unique."),
    template: s
      .field(6, podTemplateSpec)
      .default({} as never)
      .doc('The pod to run; restartPolicy must be OnFailure or Never.'),
    ttlSecondsAfterFinished: s
      .int32(8)
      .keepsZero()
      .min(0)
      .optional()
      .doc('Seconds after its end until the Job is deleted; never when absent.'),
    completionMode: s
      .oneOf(9, 'NonIndexed', 'Indexed')
      .inOrder()
      .keepsZero()
      .filled()
      .doc('NonIndexed, or Indexed to give each pod an index from 0 to completions-1.'),
    suspend: s.boolean(10).keepsZero().filled().doc('When true, no pods run.'),
    podReplacementPolicy: s
      .oneOf(14, 'TerminatingOrFailed', 'Failed')
      .keepsZero()
      .filled()
      .doc('When a pod is replaced: TerminatingOrFailed, or Failed to wait until it is gone.'),
    managedBy: s
      .string(15)
      .keepsZero()
      .optional()
      .doc('The controller that manages the Job, when it is not the built-in one.'),
  },
  { doc: 'What should run to its end.' },
);
export interface JobSpec extends Of<typeof jobSpec> {}

export const jobCondition = struct(
  'batch.v1.JobCondition',
  {
    type: s.string(1).doc('What is observed: Complete, Failed, Suspended, FailureTarget or SuccessCriteriaMet.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastProbeTime: s.time(3).optional().doc('When it was last checked.'),
    lastTransitionTime: s.time(4).optional().doc('When the status last changed.'),
    reason: s.string(5).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the Job's state." },
);
export interface JobCondition extends Of<typeof jobCondition> {}

export const uncountedTerminatedPods = struct(
  'batch.v1.UncountedTerminatedPods',
  {
    succeeded: s.list(1, t.string, { list: 'set' }).optional().doc('UIDs of pods that succeeded.'),
    failed: s.list(2, t.string, { list: 'set' }).optional().doc('UIDs of pods that failed.'),
  },
  { doc: 'Ended pods that the counters do not contain yet.' },
);
export interface UncountedTerminatedPods extends Of<typeof uncountedTerminatedPods> {}

export const jobStatus = struct(
  'batch.v1.JobStatus',
  {
    conditions: s
      .list(1, jobCondition, { patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail; Complete or Failed tells the end.'),
    startTime: s.time(2).optional().doc('When the Job started, or was last resumed.'),
    completionTime: s.time(3).optional().doc('When it completed.'),
    active: s.int32(4).optional().doc('Pods that are pending or running.'),
    succeeded: s.int32(5).optional().doc('Pods that succeeded.'),
    failed: s.int32(6).optional().doc('Pods that failed.'),
    terminating: s.int32(11).keepsZero().optional().doc('Pods that are terminating.'),
    completedIndexes: s.string(7).optional().doc('Indexes that succeeded, such as 1,3-5.'),
    failedIndexes: s.string(10).keepsZero().optional().doc('Indexes that failed for good.'),
    uncountedTerminatedPods: s
      .field(8, uncountedTerminatedPods)
      .optional()
      .doc('Ended pods that the counters do not contain yet.'),
    ready: s.int32(9).keepsZero().optional().doc('Active pods that are ready.'),
  },
  { doc: 'What was last seen.' },
);
export interface JobStatus extends Of<typeof jobStatus> {}

export const Job = resource({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'State of the Job in one word.', cell: (job) => jobState(job) },
    {
      name: 'Completions',
      type: 'string',
      description: 'Pods that succeeded, of those wanted.',
      cell: ({ spec, status }) => completions(spec, status),
    },
    {
      name: 'Duration',
      type: 'string',
      description: 'How long it took, or has been running.',
      cell: ({ status }, { now }) => duration(status, now),
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectable: { 'status.successful': ({ status }) => String(status.succeeded ?? 0) },
  hooks: {
    validateCreate: (job) => [...jobCauses(job)],
    validateUpdate: (job, old) => [...jobUpdateCauses(job, old)],
    validateStatus: (job, old) => [...jobStatusCauses(job, old)],
    warnings: ({ metadata, spec }, old) => [
      ...nameWarnings(metadata, old, podNames),
      ...podWarnings('spec.template', spec.template),
    ],
    fill: (draft) => fillJob(draft),
    prepareCreate: (job) => ({ ...generated(job), status: {} }),
    // Old clients that do not say otherwise keep the pods.
    defaultPropagation: 'Orphan',
  },
  name: 'batch.v1.Job',
  doc: 'Runs pods until enough of them succeed.',
  fields: {
    spec: s
      .field(2, jobSpec)
      .default({} as never)
      .doc('What should run.'),
    status: s.field(3, jobStatus).default({}).doc('What was last seen.'),
  },
});
export type Job = ObjectOf<typeof Job>;
