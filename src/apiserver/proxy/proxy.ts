/**
 * pods/proxy, services/proxy and nodes/proxy: the request goes on to what the name stands for, the answer comes back, both as streams
 * (https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/). Bodies are never held; nothing is retried that a backend may have seen.
 */
import { posix } from 'node:path';
import { pipeline, type Transform } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { ApiError, badRequest } from '#meta/status.ts';
import type { HttpClientResponse, HttpExchange, HttpUpgrade } from '#world/world.ts';
import type { ResourceRoute } from '../route.ts';
import { unreachable, type KubeletAccess } from './access.ts';
import { requestHeaders, responseHeaders, upgradeHeaders } from './headers.ts';
import { LinkRewriter, rewrittenUrl, type Links } from './links.ts';
import { locate, type Location } from './location.ts';
import { responseHead, splice } from './pipe.ts';

const proxied = new Set(['pods', 'services', 'nodes']);

/** True for a path that leads through this server. */
export const isProxy = ({ group, plural, subresource, name }: ResourceRoute): boolean =>
  subresource === 'proxy' && group === '' && proxied.has(plural) && name !== undefined;

/** What upstream connects; other methods are not allowed. */
const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

interface Way {
  readonly location: Location;
  /** Path and query at the backend, encoded. */
  readonly target: string;
  readonly links: Links;
}

/** An ordinary request; answers the code that was sent. Throws what stands in the way before the backend has answered. */
export async function proxyRequest(
  access: KubeletAccess,
  exchange: HttpExchange,
  resource: ResourceRoute,
): Promise<number> {
  if (!methods.has(exchange.method))
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const location = locate(access, targetOf(resource));
  const [path = '', query] = split(exchange.url);
  if (resource.rest === undefined && (exchange.method === 'GET' || exchange.method === 'HEAD')) {
    // Relative links of a page need the slash (https://issue.k8s.io/4958).
    exchange.respond(301, { location: `${path}/${query}` });
    return 301;
  }
  const { target, links } = wayOf(exchange, resource, location);
  const uri = posix.join(links.prefix, split(target)[0]);
  const response = await access.world.network
    .request({
      method: exchange.method,
      url: `${location.scheme}://${location.host}${target}`,
      headers: requestHeaders(exchange, uri),
      ...(exchange.hasBody ? { body: exchange.bodyStream } : {}),
      ...location.how,
      signal: exchange.signal,
    })
    .catch((cause: unknown) => {
      throw unreachable(cause);
    });
  await answer(exchange, response, links);
  return response.status;
}

/** Resolves when all is sent, or the client or the backend went away. */
async function answer(exchange: HttpExchange, response: HttpClientResponse, links: Links): Promise<void> {
  const headers = responseHeaders(response.headers);
  const rewrite = (url: string): string => rewrittenUrl(url, links);
  const { location } = headers;
  const stages: Transform[] = [];
  if (typeof location === 'string' && location !== '') headers['location'] = rewrite(location);
  else if (isHtml(headers['content-type'])) {
    const recoded = recoders(headers['content-encoding']);
    if (recoded) {
      delete headers['content-length'];
      if (exchange.method !== 'HEAD') stages.push(...recoded.before, new LinkRewriter(rewrite), ...recoded.after);
    }
  }
  const out = exchange.stream(response.status, headers);
  // An answer that breaks off must not look whole: the client's stream is destroyed with it.
  await new Promise<void>((resolve) => pipeline([response.body, ...stages, out.writable], () => resolve()));
}

const isHtml = (type: unknown): boolean =>
  typeof type === 'string' && type.split(';')[0]?.trim().toLowerCase() === 'text/html';

/** What unpacks and packs a body again; undefined for an encoding that is not understood: then links stay as they are. */
function recoders(encoding: unknown): { before: readonly Transform[]; after: readonly Transform[] } | undefined {
  switch (encoding) {
    case undefined:
    case '':
      return { before: [], after: [] };
    case 'gzip':
      return { before: [createGunzip()], after: [createGzip()] };
    default:
      return undefined;
  }
}

/** A request that asks for another protocol: its bytes pass both ways until either side ends. */
export async function proxyUpgrade(
  access: KubeletAccess,
  upgrade: HttpUpgrade,
  resource: ResourceRoute,
): Promise<number> {
  const { headers } = upgrade;
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    throw badRequest('a request for an upgrade must not have a body');
  const location = locate(access, targetOf(resource));
  const { target } = wayOf(upgrade, resource, location);
  const gone = new AbortController();
  const onClose = (): void => gone.abort(new Error('the client went away'));
  upgrade.socket.once('close', onClose);
  const response = await access.world.network
    .upgrade({
      method: upgrade.method,
      url: `${location.scheme}://${location.host}${target}`,
      headers: upgradeHeaders(upgrade),
      ...location.how,
      signal: gone.signal,
    })
    .catch((cause: unknown) => {
      const error = unreachable(cause);
      throw error instanceof ApiError && error !== cause
        ? new ApiError('Unknown', `error dialing backend: ${(cause as Error).message}`, { code: 500, cause })
        : error;
    })
    .finally(() => upgrade.socket.off('close', onClose));
  if ('body' in response) {
    if (response.status < 400) {
      response.body.destroy();
      throw new ApiError('Unknown', `invalid upgrade response: status code ${response.status}`, { code: 500 });
    }
    // The backend's refusal, as it is; the connection ends with it.
    upgrade.socket.write(responseHead(response.status, { ...responseHeaders(response.headers), connection: 'close' }));
    pipeline(response.body, upgrade.socket, () => undefined);
    return response.status;
  }
  upgrade.socket.write(responseHead(101, response.headers));
  await splice(upgrade, response);
  return 101;
}

const targetOf = ({ plural, namespace, name = '' }: ResourceRoute): Parameters<typeof locate>[1] => ({
  plural,
  namespace,
  id: name,
});

function wayOf(request: Pick<HttpUpgrade, 'url' | 'headers'>, resource: ResourceRoute, location: Location): Way {
  const [path, query] = split(request.url);
  const rest = resource.rest ?? '';
  // What follows `…/proxy` in the client's own writing.
  const prefix = resource.rest === undefined ? path : path.slice(0, path.length - rest.length - 1);
  const asked = request.headers['host'];
  return {
    location,
    target: `${cleanPath(rest)}${query}`,
    links: { prefix, backend: location.host, asked: typeof asked === 'string' ? asked : '' },
  };
}

/** A path without `.`, `..` and empty parts, encoded as Go encodes a path; a slash at the end stays. Throws BadRequest. */
function cleanPath(rest: string): string {
  let plain: string;
  try {
    plain = posix.join('/', decodeURIComponent(rest));
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw new ApiError('BadRequest', 'the path of the request is not properly encoded', { cause });
  }
  return encodeURIComponent(plain)
    .replaceAll(/%(?:2F|24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent)
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Path and query; the query begins with its mark. */
function split(url: string): readonly [path: string, query: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark)];
}
