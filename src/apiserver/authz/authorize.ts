/**
 * May they? The node authorizer is asked first, then RBAC; the first yes counts, no opinion means no.
 */
import { ApiError } from '#meta/status.ts';
import type { Attributes } from '../attributes.ts';
import type { NodeAuthorizer } from './node.ts';
import type { Rbac } from './rbac.ts';

export interface Authorizer {
  allows(attributes: Attributes): boolean;
  /** Throws Forbidden in upstream's words. */
  check(attributes: Attributes): void;
}

export function authorizer(rbac: Rbac, nodes: NodeAuthorizer): Authorizer {
  const allows = (attributes: Attributes): boolean => nodes.allows(attributes) || rbac.allows(attributes);
  return {
    allows,
    check(attributes) {
      if (!allows(attributes)) throw refusal(attributes);
    },
  };
}

function refusal({ user, verb, resource, path }: Attributes): ApiError {
  if (!resource) {
    return new ApiError('Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, { details: {} });
  }
  const { group, plural, namespace, name, subresource } = resource;
  const what = subresource ? `${plural}/${subresource}` : plural;
  const qualified = group ? `${plural}.${group}` : plural;
  const where = namespace ? ` in the namespace "${namespace}"` : ' at the cluster scope';
  return new ApiError(
    'Forbidden',
    `${qualified}${name ? ` "${name}"` : ''} is forbidden: User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}"${where}`,
    { details: { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: plural } },
  );
}
