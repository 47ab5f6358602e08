/** */
import { s, struct, type Of } from '#schema/type.ts';
import { fieldSelectorRequirement } from '#schema/condition.ts';
import { labelSelectorRequirement } from '#schema/label-selector.ts';

export const fieldSelectorAttributes = struct('authorization.v1.FieldSelectorAttributes', {
  rawSelector: s.string(1).optional().doc(''),
  requirements: s.list(2, fieldSelectorRequirement).optional().doc(''),
});
export interface FieldSelectorAttributes extends Of<typeof fieldSelectorAttributes> {}

export const labelSelectorAttributes = struct('authorization.v1.LabelSelectorAttributes', {
  rawSelector: s.string(1).optional().doc(''),
  requirements: s.list(2, labelSelectorRequirement).optional().doc(''),
});
export interface LabelSelectorAttributes extends Of<typeof labelSelectorAttributes> {}

export const resourceAttributes = struct('authorization.v1.ResourceAttributes', {
  namespace: s.string(1).optional().doc(''),
  verb: s.string(2).optional().doc(''),
  group: s.string(3).optional().doc(''),
  version: s.string(4).optional().doc(''),
  resource: s.string(5).optional().doc(''),
  subresource: s.string(6).optional().doc(''),
  name: s.string(7).optional().doc(''),
  fieldSelector: s.field(8, fieldSelectorAttributes).optional().doc(''),
  labelSelector: s.field(9, labelSelectorAttributes).optional().doc(''),
});
export interface ResourceAttributes extends Of<typeof resourceAttributes> {}

export const nonResourceAttributes = struct('authorization.v1.NonResourceAttributes', {
  path: s.string(1).optional().doc(''),
  verb: s.string(2).optional().doc(''),
});
export interface NonResourceAttributes extends Of<typeof nonResourceAttributes> {}

export const subjectAccessReviewStatus = struct('authorization.v1.SubjectAccessReviewStatus', {
  allowed: s.boolean(1).default(false).doc(''),
  denied: s.boolean(4).optional().doc(''),
  reason: s.string(2).optional().doc(''),
  evaluationError: s.string(3).optional().doc(''),
});
export interface SubjectAccessReviewStatus extends Of<typeof subjectAccessReviewStatus> {}
