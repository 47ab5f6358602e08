/**
 * SelfSubjectRulesReview: what may I do here? What `kubectl auth can-i --list` asks. Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const selfSubjectRulesReviewSpec = struct(
  'authorization.v1.SelfSubjectRulesReviewSpec',
  {
    namespace: s.string(1).optional().doc('The namespace.'),
  },
  { doc: 'Where to look.' },
);
export interface SelfSubjectRulesReviewSpec extends Of<typeof selfSubjectRulesReviewSpec> {}

export const resourceRule = struct(
  'authorization.v1.ResourceRule',
  {
    verbs: s.list(1, t.string).doc('Verbs; * means all.'),
    apiGroups: s.list(2, t.string).optional().doc('Groups; * means all.'),
    resources: s.list(3, t.string).optional().doc('Resources; * means all.'),
    resourceNames: s.list(4, t.string).optional().doc('Names; all when absent.'),
  },
  { doc: 'Verbs that are allowed on resources.' },
);
export interface ResourceRule extends Of<typeof resourceRule> {}

export const nonResourceRule = struct(
  'authorization.v1.NonResourceRule',
  {
    verbs: s.list(1, t.string).doc('Verbs; * means all.'),
    nonResourceURLs: s.list(2, t.string).optional().doc('Paths; * at the end means all below.'),
  },
  { doc: 'Verbs that are allowed on paths.' },
);
export interface NonResourceRule extends Of<typeof nonResourceRule> {}

export const subjectRulesReviewStatus = struct(
  'authorization.v1.SubjectRulesReviewStatus',
  {
    resourceRules: s.list(1, resourceRule).doc('Allowed on resources.'),
    nonResourceRules: s.list(2, nonResourceRule).doc('Allowed on paths.'),
    incomplete: s.boolean(3).doc('True when the list may miss something.'),
    evaluationError: s.string(4).optional().doc('What went wrong while gathering.'),
  },
  { doc: 'What is allowed.' },
);
export interface SubjectRulesReviewStatus extends Of<typeof subjectRulesReviewStatus> {}

export const SelfSubjectRulesReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authorization.v1.SelfSubjectRulesReview',
  doc: 'Lists what the asking user may do in a namespace.',
  fields: {
    spec: s.field(2, selfSubjectRulesReviewSpec).default({}).doc('Where to look.'),
    status: s.field(3, subjectRulesReviewStatus).optional().doc('The answer.'),
  },
});
export type SelfSubjectRulesReview = ObjectOf<typeof SelfSubjectRulesReview>;
