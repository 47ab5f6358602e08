/**
 * Kinds that are only asked, never stored: may this user, who am I, is this token good
 * (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
 */
import { ApiError, badRequest, isApiError } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
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
    readonly resourceAttributes?: {
      namespace?: string;
      verb?: string;
      group?: string;
      version?: string;
      resource?: string;
      subresource?: string;
      name?: string;
    };
    readonly nonResourceAttributes?: { path?: string; verb?: string };
    readonly user?: string;
    readonly groups?: readonly string[];
    readonly uid?: string;
    readonly extra?: Record<string, readonly string[]>;
    readonly namespace?: string;
    readonly token?: string;
    readonly audiences?: readonly string[];
  };
}

/** Answers a review; `plural` says which. */
export async function review(
  parts: ReviewParts,
  plural: string,
  { user, namespace, body }: { user: User; namespace: string | undefined; body: AnyObject },
): Promise<AnyObject> {
  const asked = body as unknown as ReviewBody;
  const answer = (status: unknown): AnyObject =>
    ({ ...body, metadata: body.metadata ?? {}, status }) as unknown as AnyObject;
  switch (plural) {
    case 'selfsubjectaccessreviews':
      return answer(decide(parts, user, asked, undefined));
    case 'localsubjectaccessreviews':
      if (asked.spec?.resourceAttributes?.namespace !== namespace)
        throw badRequest('spec.resourceAttributes.namespace must match the namespace of the request');
      return answer(decide(parts, subjectOf(asked), asked, namespace));
    case 'subjectaccessreviews':
      return answer(decide(parts, subjectOf(asked), asked, undefined));
    case 'selfsubjectrulesreviews': {
      if (!asked.spec?.namespace) throw badRequest('no namespace on request');
      const rules = parts.rbac.rulesFor(user, asked.spec.namespace);
      return answer({
        resourceRules: rules.filter((rule) => rule.resources?.length).map(({ nonResourceURLs: _n, ...rule }) => rule),
        nonResourceRules: rules
          .filter((rule) => rule.nonResourceURLs?.length)
          .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
        incomplete: false,
      });
    }
    case 'selfsubjectreviews':
      return {
        ...answer({ userInfo: infoOf(user) }),
        metadata: { creationTimestamp: formatTime(parts.world.clock.now()) },
      } as unknown as AnyObject;
    case 'tokenreviews':
      return answer(await reviewToken(parts, asked));
    default:
      throw badRequest(`unknown review ${plural}`);
  }
}

const infoOf = (user: User) => ({
  username: user.name,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});

function subjectOf({ spec }: ReviewBody): User {
  if (!spec?.user && !spec?.groups?.length) throw badRequest('at least one of user or group must be specified');
  return {
    name: spec.user ?? '',
    groups: spec.groups ?? [],
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.extra === undefined ? {} : { extra: spec.extra }),
  };
}

function decide(
  parts: ReviewParts,
  user: User,
  { spec }: ReviewBody,
  namespace: string | undefined,
): { allowed: boolean; reason?: string } {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec ?? {};
  if ((resource === undefined) === (path === undefined)) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
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
  return { allowed: parts.authorizer.allows(attributes) };
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
