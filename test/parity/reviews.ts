/** Good objects of the kinds that are asked and not stored: `every-kind.ts` of the wire tests has none. */
import type { AnyKind } from '#api/kinds.ts';
import { SelfSubjectReview } from '#api/authentication/selfsubjectreview.ts';
import { TokenReview } from '#api/authentication/tokenreview.ts';
import { LocalSubjectAccessReview } from '#api/authorization/localsubjectaccessreview.ts';
import { SelfSubjectAccessReview } from '#api/authorization/selfsubjectaccessreview.ts';
import { SelfSubjectRulesReview } from '#api/authorization/selfsubjectrulesreview.ts';
import { SubjectAccessReview } from '#api/authorization/subjectaccessreview.ts';
import { apiVersionOf } from '#schema/kind.ts';

const resourceAttributes = { namespace: 'default', verb: 'get', version: 'v1', resource: 'pods' };

const specs: readonly (readonly [AnyKind, object | undefined])[] = [
  [TokenReview, { token: 'x' }],
  [SelfSubjectReview, undefined],
  [LocalSubjectAccessReview, { user: 'somebody', resourceAttributes }],
  [SelfSubjectAccessReview, { resourceAttributes }],
  [SelfSubjectRulesReview, { namespace: 'default' }],
  [SubjectAccessReview, { user: 'somebody', resourceAttributes }],
];

export const reviews = specs.map(([kind, spec]) => ({
  kind,
  object: {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    ...(kind === LocalSubjectAccessReview ? { metadata: { namespace: 'default' } } : {}),
    ...(spec === undefined ? {} : { spec }),
  },
}));
