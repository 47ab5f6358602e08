/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { subjectAccessReviewStatus } from './attributes.ts';
import { subjectAccessReviewSpec } from './subjectaccessreview.ts';

export const LocalSubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  scope: 'Namespaced',
  verbs: ['create'],
  name: 'authorization.v1.LocalSubjectAccessReview',
  doc: '',
  fields: {
    spec: s.field(2, subjectAccessReviewSpec).default({}).doc(''),
    status: s.field(3, subjectAccessReviewStatus).optional().doc(''),
  },
});
export type LocalSubjectAccessReview = ObjectOf<typeof LocalSubjectAccessReview>;
