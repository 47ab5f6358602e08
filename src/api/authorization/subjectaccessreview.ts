/**
 * SubjectAccessReview: may this user do that? Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { nonResourceAttributes, resourceAttributes, subjectAccessReviewStatus } from './attributes.ts';
import { askedCauses, metadataCauses } from './review-validation.ts';

export const subjectAccessReviewSpec = struct(
  'authorization.v1.SubjectAccessReviewSpec',
  {
    resourceAttributes: s.field(1, resourceAttributes).optional().doc('A request for a resource.'),
    nonResourceAttributes: s.field(2, nonResourceAttributes).optional().doc('A request for a path.'),
    user: s.string(3).optional().doc('Name of the user.'),
    groups: s.list(4, t.string).optional().doc('Groups of the user.'),
    extra: s.map(5, t.list(t.string)).optional().doc('Further facts about the user.'),
    uid: s.string(6).optional().doc('UID of the user.'),
  },
  { doc: 'Who wants to do what; exactly one of the attributes.' },
);
export interface SubjectAccessReviewSpec extends Of<typeof subjectAccessReviewSpec> {}

export const SubjectAccessReview = resource({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  hooks: {
    validateCreate: ({ metadata, spec }) => [...askedCauses(spec, 'subject'), ...metadataCauses(metadata)],
  },
  name: 'authorization.v1.SubjectAccessReview',
  doc: 'Asks whether a user may do something.',
  fields: {
    spec: s.field(2, subjectAccessReviewSpec).default({}).doc('Who wants to do what.'),
    status: s.field(3, subjectAccessReviewStatus).optional().doc('The answer.'),
  },
});
export type SubjectAccessReview = ObjectOf<typeof SubjectAccessReview>;
