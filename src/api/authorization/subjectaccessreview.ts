/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { nonResourceAttributes, resourceAttributes, subjectAccessReviewStatus } from './attributes.ts';

export const subjectAccessReviewSpec = struct('authorization.v1.SubjectAccessReviewSpec', {
  resourceAttributes: s.field(1, resourceAttributes).optional().doc(''),
  nonResourceAttributes: s.field(2, nonResourceAttributes).optional().doc(''),
  user: s.string(3).optional().doc(''),
  groups: s.list(4, t.string).optional().doc(''),
  extra: s.map(5, t.list(t.string)).optional().doc(''),
  uid: s.string(6).optional().doc(''),
});
export interface SubjectAccessReviewSpec extends Of<typeof subjectAccessReviewSpec> {}

export const SubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authorization.v1.SubjectAccessReview',
  doc: '',
  fields: {
    spec: s.field(2, subjectAccessReviewSpec).default({}).doc(''),
    status: s.field(3, subjectAccessReviewStatus).optional().doc(''),
  },
});
export type SubjectAccessReview = ObjectOf<typeof SubjectAccessReview>;
