/**
 * The first stage: what a URL means. Paths are those of https://kubernetes.io/docs/reference/using-api/api-concepts/. It knows no kinds: whether a
 * resource exists is decided later, so that a forbidden user cannot probe.
 */

export interface Route {
  /** RBAC's verb: get, list, watch, create, update, patch, delete, deletecollection; the HTTP method in lower case for other paths. */
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly resource?: ResourceRoute;
}

export interface ResourceRoute {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource: the path behind `…/proxy/`. */
  readonly rest: string | undefined;
  /** The path itself asks for a watch. */
  readonly watched?: boolean;
}

const noQuery = new URLSearchParams();

/** Parses method and URL. Throws URIError for a path that is not properly encoded. */
export function route(method: string, url: string): Route {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? noQuery : new URLSearchParams(url.slice(mark + 1));
  const resource = resourceOf(path);
  if (!resource) return { verb: method.toLowerCase(), path, query };
  return { verb: verbOf(method, resource, query), path, query, resource };
}

function resourceOf(path: string): ResourceRoute | undefined {
  const parts = path.split('/');
  let at: number;
  let group = '';
  let version: string | undefined;
  if (parts[1] === 'api') {
    version = parts[2];
    at = 3;
  } else if (parts[1] === 'apis') {
    group = parts[2] ?? '';
    version = parts[3];
    at = 4;
  } else return undefined;
  // The deprecated form of ?watch=true, which old clients still use.
  const watched = parts[at] === 'watch' && Boolean(parts[at + 1]);
  if (watched) at++;
  if (!version || parts[at] === undefined || parts[at] === '') return undefined;
  let namespace: string | undefined;
  if (
    parts[at] === 'namespaces' &&
    parts[at + 1] &&
    parts[at + 2] &&
    !namespaceSubresources.has(parts[at + 2] as string)
  ) {
    namespace = decodeURIComponent(parts[at + 1] as string);
    at += 2;
  }
  const plural = parts[at] as string;
  const name = parts[at + 1] ? decodeURIComponent(parts[at + 1] as string) : undefined;
  const subresource = parts[at + 2] || undefined;
  const rest = parts.length > at + 3 ? parts.slice(at + 3).join('/') : undefined;
  return { group: decodeURIComponent(group), version, namespace, plural, name, subresource, rest, watched };
}

/** `/api/v1/namespaces/x/status` is the namespace's own status, not a resource `status` in it. */
const namespaceSubresources = new Set(['status', 'finalize']);

function verbOf(method: string, resource: ResourceRoute, query: URLSearchParams): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return resource.name === undefined ? 'deletecollection' : 'delete';
    case 'GET':
    case 'HEAD': {
      if (resource.watched) return 'watch';
      const watch = query.get('watch');
      if (watch === 'true' || watch === '1' || watch === '')
        return resource.name === undefined || !resource.subresource ? 'watch' : 'get';
      return resource.name === undefined ? 'list' : 'get';
    }
    default:
      return method.toLowerCase();
  }
}
