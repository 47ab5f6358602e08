/**
 * Kinds that are only asked, never stored: may this user, who am I, is this token good
 * (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
 */
import { evaluationError } from '#api/authorization/evaluation-error.ts';
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReviewStatus,
} from '#api/authorization/attributes.ts';
import type { AnyKind } from '#client/client.ts';
import { ApiError, badRequest, invalid, isApiError } from '#meta/status.ts';
import type { AnyObject, DraftMeta } from '#meta/object-meta.ts';
import { formatTime } from '#meta/time.ts';
import type { World } from '#world/world.ts';
import type { Attributes } from '../attributes.ts';
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import type { Authorizer } from '../authz/authorize.ts';
import type { Rbac } from '../authz/rbac.ts';
import type { User } from '../user.ts';

export interface ReviewParts {
  readonly world: World;
  readonly authorizer: Authorizer;
  readonly rbac: Rbac;
  readonly tokens: ServiceAccountTokens;
}

interface ReviewBody {
  readonly metadata?: { readonly namespace?: string };
  readonly spec?: {
    readonly resourceAttributes?: ResourceAttributes;
    readonly nonResourceAttributes?: NonResourceAttributes;
    readonly user?: string;
    readonly groups?: readonly string[];
    readonly uid?: string;
    readonly extra?: Record<string, readonly string[]>;
    readonly namespace?: string;
    readonly token?: string;
    readonly audiences?: readonly string[];
  };
}

/** Answers a review of the kind. Throws Invalid and BadRequest. */
export async function review(
  parts: ReviewParts,
  kind: AnyKind,
  { user, namespace, body }: { user: User; namespace: string | undefined; body: AnyObject },
): Promise<AnyObject> {
  const metadata = metadataOf(body, namespace);
  const asked = { ...body, metadata } as unknown as ReviewBody;
  const causes = kind.hooks.validateCreate?.(asked) ?? [];
  if (causes.length > 0) throw invalid(kind, '', causes);
  const answer = (status: unknown): AnyObject => ({ ...asked, status }) as unknown as AnyObject;
  switch (kind.plural) {
    case 'selfsubjectaccessreviews':
      return answer(decide(parts, user, asked, undefined));
    case 'localsubjectaccessreviews':
      return answer(decide(parts, subjectOf(asked), asked, namespace));
    case 'subjectaccessreviews':
      return answer(decide(parts, subjectOf(asked), asked, undefined));
    case 'selfsubjectrulesreviews': {
      if (!asked.spec?.namespace) throw badRequest('no namespace on request');
      const rules = parts.rbac.rulesFor(user, asked.spec.namespace);
      const status = {
        resourceRules: rules.filter((rule) => rule.resources?.length).map(({ nonResourceURLs: _n, ...rule }) => rule),
        nonResourceRules: rules
          .filter((rule) => rule.nonResourceURLs?.length)
          .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
        incomplete: false,
      };
      // What was asked is not repeated.
      return { apiVersion: body.apiVersion, kind: body.kind, metadata: {}, spec: {}, status } as unknown as AnyObject;
    }
    case 'selfsubjectreviews':
      return {
        ...answer({ userInfo: infoOf(user) }),
        metadata: { creationTimestamp: formatTime(parts.world.clock.now()) },
      } as unknown as AnyObject;
    case 'tokenreviews':
      return answer(await reviewToken(parts, asked));
    default:
      throw badRequest(`unknown review ${kind.plural}`);
  }
}

/** What the server says of an object is not for its sender to say; and where it is, is said by the request. */
function metadataOf({ metadata = {} as AnyObject['metadata'] }: AnyObject, namespace: string | undefined): DraftMeta {
  const {
    uid: _1,
    creationTimestamp: _2,
    deletionTimestamp: _3,
    deletionGracePeriodSeconds: _4,
    selfLink: _5,
    namespace: own,
    ...rest
  } = metadata as DraftMeta & { readonly selfLink?: string };
  if (namespace === undefined) return rest;
  if (own && own !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return { ...rest, namespace };
}

const infoOf = (user: User) => ({
  username: user.name,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});

function subjectOf({ spec }: ReviewBody): User {
  return {
    name: spec?.user ?? '',
    groups: spec?.groups ?? [],
    ...(spec?.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec?.extra === undefined ? {} : { extra: spec.extra }),
  };
}

function decide(
  parts: ReviewParts,
  user: User,
  { spec }: ReviewBody,
  namespace: string | undefined,
): SubjectAccessReviewStatus {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec ?? {};
  const attributes: Attributes = resource
    ? {
        user,
        verb: resource.verb ?? '',
        path: '',
        resource: {
          group: resource.group ?? '',
          version: resource.version ?? '*',
          plural: resource.resource ?? '',
          namespace: namespace ?? (resource.namespace || undefined),
          name: resource.name || undefined,
          subresource: resource.subresource || undefined,
        },
      }
    : { user, verb: path?.verb ?? '', path: path?.path ?? '' };
  const error = resource && evaluationError(resource);
  return { allowed: parts.authorizer.allows(attributes), ...(error === undefined ? {} : { evaluationError: error }) };
}

async function reviewToken({ tokens }: ReviewParts, { spec }: ReviewBody): Promise<unknown> {
  if (!spec?.token) throw new ApiError('BadRequest', 'token is required for TokenReview in authentication');
  try {
    const found = await tokens.authenticate(spec.token, spec.audiences);
    if (!found) return { user: {}, error: '[invalid bearer token]' };
    return { authenticated: true, user: infoOf(found.user), audiences: found.audiences };
  } catch (error) {
    if (!isApiError(error, 'Unauthorized')) throw error;
    return { user: {}, error: '[invalid bearer token]' };
  }
}
