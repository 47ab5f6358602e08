/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const selfSubjectRulesReviewSpec = struct('authorization.v1.SelfSubjectRulesReviewSpec', {
  namespace: s.string(1).optional().doc(''),
});
export interface SelfSubjectRulesReviewSpec extends Of<typeof selfSubjectRulesReviewSpec> {}

export const resourceRule = struct('authorization.v1.ResourceRule', {
  verbs: s.list(1, t.string).doc(''),
  apiGroups: s.list(2, t.string).optional().doc(''),
  resources: s.list(3, t.string).optional().doc(''),
  resourceNames: s.list(4, t.string).optional().doc(''),
});
export interface ResourceRule extends Of<typeof resourceRule> {}

export const nonResourceRule = struct('authorization.v1.NonResourceRule', {
  verbs: s.list(1, t.string).doc(''),
  nonResourceURLs: s.list(2, t.string).optional().doc(''),
});
export interface NonResourceRule extends Of<typeof nonResourceRule> {}

export const subjectRulesReviewStatus = struct('authorization.v1.SubjectRulesReviewStatus', {
  resourceRules: s.list(1, resourceRule).doc(''),
  nonResourceRules: s.list(2, nonResourceRule).doc(''),
  incomplete: s.boolean(3).doc(''),
  evaluationError: s.string(4).optional().doc(''),
});
export interface SubjectRulesReviewStatus extends Of<typeof subjectRulesReviewStatus> {}

export const SelfSubjectRulesReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authorization.v1.SelfSubjectRulesReview',
  doc: '',
  fields: {
    spec: s.field(2, selfSubjectRulesReviewSpec).default({}).doc(''),
    status: s.field(3, subjectRulesReviewStatus).optional().doc(''),
  },
});
export type SelfSubjectRulesReview = ObjectOf<typeof SelfSubjectRulesReview>;
