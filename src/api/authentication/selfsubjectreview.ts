/**
 * SelfSubjectReview: who the server thinks is asking. Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { userInfo } from './tokenreview.ts';

export const selfSubjectReviewStatus = struct(
  'authentication.v1.SelfSubjectReviewStatus',
  {
    userInfo: s.field(1, userInfo).optional().doc('The user, as the API server sees them.'),
  },
  { doc: 'Who asked.' },
);
export interface SelfSubjectReviewStatus extends Of<typeof selfSubjectReviewStatus> {}

export const SelfSubjectReview = resource({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authentication.v1.SelfSubjectReview',
  doc: 'Tells who asks.',
  fields: {
    status: s.field(2, selfSubjectReviewStatus).optional().doc('The answer.'),
  },
});
export type SelfSubjectReview = ObjectOf<typeof SelfSubjectReview>;
