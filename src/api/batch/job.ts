/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';

export const podFailurePolicyOnExitCodesRequirement = struct('batch.v1.PodFailurePolicyOnExitCodesRequirement', {
  containerName: s.string(1).optional().doc(''),
  operator: s.oneOf(2, 'In', 'NotIn').doc(''),
  values: s.list(3, t.int32, { list: 'set' }).doc(''),
});
export interface PodFailurePolicyOnExitCodesRequirement extends Of<typeof podFailurePolicyOnExitCodesRequirement> {}

export const podFailurePolicyOnPodConditionsPattern = struct('batch.v1.PodFailurePolicyOnPodConditionsPattern', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').default('True').doc(''),
});
export interface PodFailurePolicyOnPodConditionsPattern extends Of<typeof podFailurePolicyOnPodConditionsPattern> {}

export const podFailurePolicyRule = struct('batch.v1.PodFailurePolicyRule', {
  action: s.oneOf(1, 'FailJob', 'FailIndex', 'Ignore', 'Count').doc(''),
  onExitCodes: s.field(2, podFailurePolicyOnExitCodesRequirement).optional().doc(''),
  onPodConditions: s.list(3, podFailurePolicyOnPodConditionsPattern).optional().doc(''),
});
export interface PodFailurePolicyRule extends Of<typeof podFailurePolicyRule> {}

export const podFailurePolicy = struct('batch.v1.PodFailurePolicy', {
  rules: s.list(1, podFailurePolicyRule).doc(''),
});
export interface PodFailurePolicy extends Of<typeof podFailurePolicy> {}

export const successPolicyRule = struct('batch.v1.SuccessPolicyRule', {
  succeededIndexes: s.string(1).optional().doc(''),
  succeededCount: s.int32(2).optional().doc(''),
});
export interface SuccessPolicyRule extends Of<typeof successPolicyRule> {}

export const successPolicy = struct('batch.v1.SuccessPolicy', {
  rules: s.list(1, successPolicyRule).doc(''),
});
export interface SuccessPolicy extends Of<typeof successPolicy> {}

export const jobSchedulingConfiguration = struct('batch.v1.JobSchedulingConfiguration', {
  schedulingPolicy: s.any(1).optional().doc(''),
  schedulingConstraints: s.any(2).optional().doc(''),
  disruptionMode: s.any(3).optional().doc(''),
  resourceClaims: s
    .list(4, t.any, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
});
export interface JobSchedulingConfiguration extends Of<typeof jobSchedulingConfiguration> {}

export const jobSpec = struct('batch.v1.JobSpec', {
  parallelism: s.int32(1).filled().doc(''),
  completions: s.int32(2).optional().doc(''),
  activeDeadlineSeconds: s.int64(3).optional().doc(''),
  podFailurePolicy: s.field(11, podFailurePolicy).optional().doc(''),
  successPolicy: s.field(16, successPolicy).optional().doc(''),
  backoffLimit: s.int32(7).filled().doc(''),
  backoffLimitPerIndex: s.int32(12).optional().doc(''),
  maxFailedIndexes: s.int32(13).optional().doc(''),
  selector: s.field(4, labelSelector).filled().doc(''),
  manualSelector: s.boolean(5).default(false).doc(''),
  template: s
    .field(6, podTemplateSpec)
    .default({} as never)
    .doc(''),
  ttlSecondsAfterFinished: s.int32(8).optional().doc(''),
  completionMode: s.oneOf(9, 'NonIndexed', 'Indexed').default('NonIndexed').doc(''),
  suspend: s.boolean(10).default(false).doc(''),
  podReplacementPolicy: s.oneOf(14, 'TerminatingOrFailed', 'Failed').filled().doc(''),
  managedBy: s.string(15).optional().doc(''),
});
export interface JobSpec extends Of<typeof jobSpec> {}

export const jobCondition = struct('batch.v1.JobCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastProbeTime: s.time(3).optional().doc(''),
  lastTransitionTime: s.time(4).optional().doc(''),
  reason: s.string(5).optional().doc(''),
  message: s.string(6).optional().doc(''),
});
export interface JobCondition extends Of<typeof jobCondition> {}

export const uncountedTerminatedPods = struct('batch.v1.UncountedTerminatedPods', {
  succeeded: s.list(1, t.string, { list: 'set' }).optional().doc(''),
  failed: s.list(2, t.string, { list: 'set' }).optional().doc(''),
});
export interface UncountedTerminatedPods extends Of<typeof uncountedTerminatedPods> {}

export const jobStatus = struct('batch.v1.JobStatus', {
  conditions: s
    .list(1, jobCondition, { patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
  startTime: s.time(2).optional().doc(''),
  completionTime: s.time(3).optional().doc(''),
  active: s.int32(4).optional().doc(''),
  succeeded: s.int32(5).optional().doc(''),
  failed: s.int32(6).optional().doc(''),
  terminating: s.int32(11).optional().doc(''),
  completedIndexes: s.string(7).optional().doc(''),
  failedIndexes: s.string(10).optional().doc(''),
  uncountedTerminatedPods: s.field(8, uncountedTerminatedPods).optional().doc(''),
  ready: s.int32(9).optional().doc(''),
});
export interface JobStatus extends Of<typeof jobStatus> {}

export const Job = resource({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  name: 'batch.v1.Job',
  doc: '',
  fields: {
    spec: s
      .field(2, jobSpec)
      .default({} as never)
      .doc(''),
    status: s.field(3, jobStatus).default({}).doc(''),
  },
});
export type Job = ObjectOf<typeof Job>;
