/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { nonResourceAttributes, resourceAttributes, subjectAccessReviewStatus } from './attributes.ts';

export const selfSubjectAccessReviewSpec = struct('authorization.v1.SelfSubjectAccessReviewSpec', {
  resourceAttributes: s.field(1, resourceAttributes).optional().doc(''),
  nonResourceAttributes: s.field(2, nonResourceAttributes).optional().doc(''),
});
export interface SelfSubjectAccessReviewSpec extends Of<typeof selfSubjectAccessReviewSpec> {}

export const SelfSubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authorization.v1.SelfSubjectAccessReview',
  doc: '',
  fields: {
    spec: s.field(2, selfSubjectAccessReviewSpec).default({}).doc(''),
    status: s.field(3, subjectAccessReviewStatus).optional().doc(''),
  },
});
export type SelfSubjectAccessReview = ObjectOf<typeof SelfSubjectAccessReview>;
