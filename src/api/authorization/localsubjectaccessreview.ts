/**
 * LocalSubjectAccessReview: may this user do that, in this namespace? Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { subjectAccessReviewStatus } from './attributes.ts';
import { subjectAccessReviewSpec } from './subjectaccessreview.ts';
import { askedCauses, localCauses } from './review-validation.ts';

export const LocalSubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  scope: 'Namespaced',
  verbs: ['create'],
  hooks: {
    validateCreate: ({ metadata, spec }) => [...askedCauses(spec, 'subject'), ...localCauses(metadata, spec)],
  },
  name: 'authorization.v1.LocalSubjectAccessReview',
  doc: 'Asks whether a user may do something in one namespace.',
  fields: {
    spec: s
      .field(2, subjectAccessReviewSpec)
      .default({})
      .doc('Who wants to do what; the namespace must be that of the request.'),
    status: s.field(3, subjectAccessReviewStatus).optional().doc('The answer.'),
  },
});
export type LocalSubjectAccessReview = ObjectOf<typeof LocalSubjectAccessReview>;
