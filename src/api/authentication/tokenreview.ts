/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const tokenReviewSpec = struct('authentication.v1.TokenReviewSpec', {
  token: s.string(1).optional().doc(''),
  audiences: s.list(2, t.string).optional().doc(''),
});
export interface TokenReviewSpec extends Of<typeof tokenReviewSpec> {}

export const userInfo = struct('authentication.v1.UserInfo', {
  username: s.string(1).optional().doc(''),
  uid: s.string(2).optional().doc(''),
  groups: s.list(3, t.string).optional().doc(''),
  extra: s.map(4, t.list(t.string)).optional().doc(''),
});
export interface UserInfo extends Of<typeof userInfo> {}

export const tokenReviewStatus = struct('authentication.v1.TokenReviewStatus', {
  authenticated: s.boolean(1).optional().doc(''),
  user: s.field(2, userInfo).optional().doc(''),
  audiences: s.list(4, t.string).optional().doc(''),
  error: s.string(3).optional().doc(''),
});
export interface TokenReviewStatus extends Of<typeof tokenReviewStatus> {}

export const TokenReview = resource({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  scope: 'Cluster',
  verbs: ['create'],
  name: 'authentication.v1.TokenReview',
  doc: '',
  fields: {
    spec: s.field(2, tokenReviewSpec).default({}).doc(''),
    status: s.field(3, tokenReviewStatus).optional().doc(''),
  },
});
export type TokenReview = ObjectOf<typeof TokenReview>;
