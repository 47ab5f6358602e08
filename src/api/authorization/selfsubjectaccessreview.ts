/**
 * SelfSubjectAccessReview: may I do that? What `kubectl auth can-i` asks. Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { nonResourceAttributes, resourceAttributes, subjectAccessReviewStatus } from './attributes.ts';
import { askedCauses, metadataCauses } from './review-validation.ts';

export const selfSubjectAccessReviewSpec = struct(
  'authorization.v1.SelfSubjectAccessReviewSpec',
  {
    resourceAttributes: s.field(1, resourceAttributes).optional().doc('A request for a resource.'),
    nonResourceAttributes: s.field(2, nonResourceAttributes).optional().doc('A request for a path.'),
  },
  { doc: 'What the asking user wants to do; exactly one of the attributes.' },
);
export interface SelfSubjectAccessReviewSpec extends Of<typeof selfSubjectAccessReviewSpec> {}

export const SelfSubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  hooks: {
    validateCreate: ({ metadata, spec }) => [...askedCauses(spec), ...metadataCauses(metadata)],
  },
  name: 'authorization.v1.SelfSubjectAccessReview',
  doc: 'Asks whether the asking user may do something.',
  fields: {
    spec: s.field(2, selfSubjectAccessReviewSpec).default({}).doc('What they want to do.'),
    status: s.field(3, subjectAccessReviewStatus).optional().doc('The answer.'),
  },
});
export type SelfSubjectAccessReview = ObjectOf<typeof SelfSubjectAccessReview>;
