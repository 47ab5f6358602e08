/**
 * The first stages of a request: what its path means, who asks, and whether they may.
 */
import { ApiError, isApiError } from '#meta/status.ts';
import type { HttpRequestHead } from '#world/world.ts';
import type { Api } from '../api.ts';
import type { Attributes } from '../attributes.ts';
import { authenticate, impersonate } from '../authn/authenticate.ts';
import { route, type Route } from '../route.ts';
import type { User } from '../user.ts';
import { latest } from '../watch/fresh.ts';

/** Throws BadRequest for a path that cannot be read. */
export function routed(request: HttpRequestHead): Route {
  try {
    return route(request.method, request.url);
  } catch (cause) {
    if (cause instanceof URIError)
      throw new ApiError('BadRequest', 'the path of the request is not properly encoded', { cause });
    throw cause;
  }
}

/** Who asks for this, after it was allowed. Throws Unauthorized and Forbidden. */
export async function admitted(api: Api, request: HttpRequestHead, way: Route): Promise<User> {
  const { store } = api;
  const known = store.revision();
  try {
    return await admittedNow(api, request, way);
  } catch (error) {
    // What gives the right may have been written through another server a moment ago.
    if (!isApiError(error, 'Unauthorized', 'Forbidden') || !mayBeNew(request)) throw error;
    await latest(store);
    if (store.revision() === known) throw error;
    return admittedNow(api, request, way);
  }
}

/** Only who has shown a certificate or a token is worth a question to the store. */
const mayBeNew = ({ peer, headers }: HttpRequestHead): boolean =>
  peer !== undefined || headers['authorization'] !== undefined;

async function admittedNow(api: Api, request: HttpRequestHead, way: Route): Promise<User> {
  const { authorizer, tokens } = api.policy;
  const known = await authenticate(request, way.path, tokens);
  const user = impersonate(known, request.headers, (attributes) => authorizer.check(attributes));
  authorizer.check(attributesOf(way, user));
  return user;
}

function attributesOf(way: Route, user: User): Attributes {
  if (!way.resource) return { user, verb: way.verb, path: way.path };
  const { group, version, plural, namespace, name, subresource } = way.resource;
  // A watch of one object by field selector may be allowed by name, as upstream does.
  const selected = name ?? nameSelector(way);
  return {
    user,
    verb: way.verb,
    path: way.path,
    resource: {
      group,
      version,
      plural,
      name: selected,
      subresource,
      namespace: plural === 'namespaces' && group === '' ? (name ?? namespace) : namespace,
    },
  };
}

function nameSelector({ verb, query }: Route): string | undefined {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return undefined;
  return /(?:^|,)metadata\.name==?([^,!=]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')?.[1];
}
