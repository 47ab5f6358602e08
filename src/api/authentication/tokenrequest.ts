/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const boundObjectReference = struct('authentication.v1.BoundObjectReference', {
  kind: s.string(1).optional().doc(''),
  apiVersion: s.string(2).optional().doc(''),
  name: s.string(3).optional().doc(''),
  uid: s.string(4).optional().doc(''),
});
export interface BoundObjectReference extends Of<typeof boundObjectReference> {}

export const tokenRequestSpec = struct('authentication.v1.TokenRequestSpec', {
  audiences: s.list(1, t.string).default([]).doc(''),
  expirationSeconds: s.int64(4).default(3600).doc(''),
  boundObjectRef: s.field(3, boundObjectReference).optional().doc(''),
});
export interface TokenRequestSpec extends Of<typeof tokenRequestSpec> {}

export const tokenRequestStatus = struct('authentication.v1.TokenRequestStatus', {
  token: s.string(1).default('').doc(''),
  expirationTimestamp: s.time(2).optional().doc(''),
});
export interface TokenRequestStatus extends Of<typeof tokenRequestStatus> {}

export const TokenRequest = resource({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  scope: 'Namespaced',
  verbs: [],
  name: 'authentication.v1.TokenRequest',
  doc: '',
  fields: {
    spec: s.field(2, tokenRequestSpec).default({}).doc(''),
    status: s.field(3, tokenRequestStatus).optional().doc(''),
  },
});
export type TokenRequest = ObjectOf<typeof TokenRequest>;
