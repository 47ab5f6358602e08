/**
 * Who is asking: a client certificate of the cluster's CA (CN is the user, O the groups), or a bearer token. Anonymous requests reach
 * only health and version. Impersonation is a second step, with its own permissions
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
 */
import { ApiError } from '#meta/status.ts';
import type { HttpHeaders, HttpRequestHead } from '#world/world.ts';
import type { Attributes } from '../attributes.ts';
import { anonymous, type User } from '../user.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { webSocketToken } from './websocket-token.ts';

/** Paths that answer without a name. */
const open = new Set(['/healthz', '/livez', '/readyz', '/version', '/version/']);

/** Throws Unauthorized. */
export async function authenticate(
  request: HttpRequestHead,
  path: string,
  tokens: ServiceAccountTokens,
): Promise<User> {
  const { peer, headers } = request;
  if (peer) {
    if (!peer.commonName) throw unauthorized();
    return { name: peer.commonName, groups: [...new Set([...peer.organizations, 'system:authenticated'])] };
  }
  const token = bearerOf(headers);
  if (token !== undefined) {
    const found = await tokens.authenticate(token);
    if (!found) throw unauthorized();
    return found.user;
  }
  if (open.has(path)) return anonymous;
  throw unauthorized();
}

function impersonates(headers: HttpHeaders): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true;
  return false;
}

/** Keys are percent-encoded; what is not properly encoded is meant as it stands, as upstream takes it. */
function decodedKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    if (cause instanceof URIError) return text;
    throw cause;
  }
}

const unauthorized = (): ApiError => new ApiError('Unauthorized', 'Unauthorized');

/** `Authorization: Bearer …`, or the WebSocket subprotocol that browsers use instead of a header. */
function bearerOf(headers: HttpHeaders): string | undefined {
  const header = one(headers['authorization']);
  if (header !== undefined) {
    const match = /^Bearer +(\S+) *$/i.exec(header);
    return match?.[1] ?? '';
  }
  return webSocketToken(headers);
}

const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
/** A header that came several times: HTTP/1.1 and HTTP/2 stacks join its values by a comma and a space. */
const many = (value: string | readonly string[] | undefined): readonly string[] =>
  (value === undefined ? [] : typeof value === 'string' ? [value] : value).flatMap((each) => each.split(', '));

/**
 * The user that `Impersonate-*` headers ask to be, after every part of it was allowed; the user itself without such headers.
 * Throws Forbidden, or BadRequest for groups without a user.
 */
export function impersonate(user: User, headers: HttpHeaders, authorize: (attributes: Attributes) => void): User {
  if (!impersonates(headers)) return user;
  const name = one(headers['impersonate-user']);
  const uid = one(headers['impersonate-uid']);
  const groups = many(headers['impersonate-group']);
  const extra = Object.entries(headers).filter(([header]) => header.startsWith('impersonate-extra-'));
  if (name === undefined) {
    if (uid === undefined && groups.length === 0 && extra.length === 0) return user;
    throw new ApiError('BadRequest', `requested ${JSON.stringify({ uid, groups })} without impersonating a user name`);
  }
  const may = (
    group: string,
    plural: string,
    resourceName: string,
    rest: { namespace?: string; subresource?: string } = {},
  ): void =>
    authorize({
      user,
      verb: 'impersonate',
      path: '',
      resource: {
        group,
        version: 'v1',
        plural,
        namespace: rest.namespace,
        name: resourceName,
        subresource: rest.subresource,
      },
    });
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  const implied: string[] = [];
  if (account) {
    may('', 'serviceaccounts', account[2] as string, { namespace: account[1] as string });
    if (groups.length === 0) implied.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  } else may('', 'users', name);
  for (const group of groups) may('', 'groups', group);
  if (uid !== undefined) may('authentication.k8s.io', 'uids', uid);
  // Keys are the client's: one called `__proto__` is a key like any other.
  const extras = new Map<string, readonly string[]>();
  for (const [header, value] of extra) {
    const key = decodedKey(header.slice('impersonate-extra-'.length));
    for (const each of many(value)) may('authentication.k8s.io', 'userextras', each, { subresource: key });
    extras.set(key, [...(extras.get(key) ?? []), ...many(value)]);
  }
  const state = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  return {
    name,
    groups: [...new Set([...groups, ...implied, state])],
    ...(uid === undefined ? {} : { uid }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extras) }),
  };
}
