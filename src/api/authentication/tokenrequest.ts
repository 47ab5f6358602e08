/**
 * TokenRequest: the body of a ServiceAccount's token subresource. Never stored, and its answer must never be logged.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { invalidValue } from '#meta/causes.ts';

const secondsMin = 600;
const secondsMax = 2 ** 32;

export const boundObjectReference = struct(
  'authentication.v1.BoundObjectReference',
  {
    kind: s.string(1).optional().doc('Pod, Secret or Node.'),
    apiVersion: s.string(2).optional().doc('API version of the object.'),
    name: s.string(3).optional().doc('Name of the object.'),
    uid: s.string(4).optional().doc('UID of the object.'),
  },
  { doc: 'An object whose end also ends the token.' },
);
export interface BoundObjectReference extends Of<typeof boundObjectReference> {}

export const tokenRequestSpec = struct(
  'authentication.v1.TokenRequestSpec',
  {
    audiences: s.list(1, t.string).default([]).doc('Who may accept the token; the API server when empty.'),
    expirationSeconds: s
      .int64(4)
      .keepsZero()
      .default(3600)
      .doc('Lifetime asked for, at least 600; the server may give less.'),
    boundObjectRef: s.field(3, boundObjectReference).optional().doc('An object the token is tied to.'),
    attestations: s
      .map(5, t.list(t.string))
      .off('PodCertificateAttestations')
      .doc('Statements of the node about the pod.'),
  },
  { doc: 'The token that is asked for.' },
);
export interface TokenRequestSpec extends Of<typeof tokenRequestSpec> {}

export const tokenRequestStatus = struct(
  'authentication.v1.TokenRequestStatus',
  {
    token: s.string(1).default('').doc('The token itself.'),
    expirationTimestamp: s.time(2).optional().doc('When it expires.'),
  },
  { doc: 'The token.' },
);
export interface TokenRequestStatus extends Of<typeof tokenRequestStatus> {}

export const TokenRequest = resource({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  scope: 'Namespaced',
  verbs: [],
  hooks: {
    validateCreate: ({ spec: { expirationSeconds: seconds } }) => [
      ...(seconds < secondsMin
        ? [invalidValue('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes')]
        : []),
      ...(seconds > secondsMax
        ? [invalidValue('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds')]
        : []),
    ],
  },
  name: 'authentication.v1.TokenRequest',
  doc: 'Asks for a token of a ServiceAccount; sent to its token subresource.',
  fields: {
    spec: s.field(2, tokenRequestSpec).default({}).doc('The token that is asked for.'),
    status: s.field(3, tokenRequestStatus).optional().doc('The answer.'),
  },
});
export type TokenRequest = ObjectOf<typeof TokenRequest>;
