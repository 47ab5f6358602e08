/**
 * TokenReview: is this token good, and whose is it? Answered at once, never stored.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const tokenReviewSpec = struct(
  'authentication.v1.TokenReviewSpec',
  {
    token: s.string(1).optional().doc('The token itself.'),
    audiences: s
      .list(2, t.string)
      .optional()
      .doc("Audiences the asking server belongs to; the API server's when empty."),
  },
  { doc: 'The token to look at.' },
);
export interface TokenReviewSpec extends Of<typeof tokenReviewSpec> {}

export const userInfo = struct(
  'authentication.v1.UserInfo',
  {
    username: s.string(1).optional().doc('Name of the user, unique among active users.'),
    uid: s.string(2).optional().doc('Tells apart users that had the same name at different times.'),
    groups: s.list(3, t.string).optional().doc('Groups of the user.'),
    extra: s.map(4, t.list(t.string)).optional().doc('Further facts from the authenticator.'),
  },
  { doc: 'A user.' },
);
export interface UserInfo extends Of<typeof userInfo> {}

export const tokenReviewStatus = struct(
  'authentication.v1.TokenReviewStatus',
  {
    authenticated: s.boolean(1).optional().doc('Whether the token is known.'),
    user: s.field(2, userInfo).optional().doc('The user of the token.'),
    audiences: s.list(4, t.string).optional().doc('Audiences of both the request and the token.'),
    error: s.string(3).optional().doc('Why the token could not be checked.'),
  },
  { doc: 'What the token says.' },
);
export interface TokenReviewStatus extends Of<typeof tokenReviewStatus> {}

export const TokenReview = resource({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authentication.v1.TokenReview',
  doc: 'Asks whether a token is good.',
  fields: {
    spec: s.field(2, tokenReviewSpec).default({}).doc('The token to look at.'),
    status: s.field(3, tokenReviewStatus).optional().doc('The answer.'),
  },
});
export type TokenReview = ObjectOf<typeof TokenReview>;
