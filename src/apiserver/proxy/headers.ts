/**
 * Headers on their way through a proxy: what belongs to one connection stops here, what proves who the client is never leaves this server, and the backend is told who asked.
 */
import type { HttpHeaders, HttpRequestHead } from '#world/world.ts';
import { offeredProtocols } from '../authn/websocket-token.ts';

/** RFC 9110 7.6.1, with the old names that Go's ReverseProxy removes too. */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The backend's word on CORS would be taken for this server's. */
const cors = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

const secret = (name: string): boolean =>
  name === 'authorization' || name.startsWith('impersonate-') || name.startsWith('x-remote-') || name.startsWith(':');

type Mutable = Record<string, string | readonly string[] | undefined>;

/** Of an ordinary request. */
export function requestHeaders(
  request: HttpRequestHead & { readonly hasBody: boolean },
  forwardedUri: string,
): HttpHeaders {
  const out = withoutHops(request.headers, secret);
  // An "Expect: 100-continue" was answered already.
  delete out['expect'];
  addForwardedFor(out, request.remoteAddress);
  out['x-forwarded-uri'] = forwardedUri;
  // A body without a length must be framed: else a backend would take it for the next request.
  if (!request.hasBody) delete out['content-length'];
  else if (out['content-length'] === undefined) out['transfer-encoding'] = 'chunked';
  return out;
}

/** Of a request that becomes a pipe: `Connection` and `Upgrade` go on. */
export function upgradeHeaders({ headers, remoteAddress }: HttpRequestHead): HttpHeaders {
  const out: Mutable = {};
  for (const [name, value] of Object.entries(headers))
    if (!secret(name) && !name.startsWith('proxy-')) out[name] = value;
  delete out['content-length'];
  if (out['sec-websocket-protocol'] !== undefined) {
    const offered = offeredProtocols(headers);
    if (offered.length > 0) out['sec-websocket-protocol'] = offered.join(', ');
    else delete out['sec-websocket-protocol'];
  }
  addForwardedFor(out, remoteAddress);
  return out;
}

/** Of an answer. */
export const responseHeaders = (headers: HttpHeaders): Mutable =>
  withoutHops(headers, (name) => cors.has(name) || name.startsWith(':'));

function withoutHops(headers: HttpHeaders, drop: (name: string) => boolean): Mutable {
  const named = new Set(
    [headers['connection'] ?? ''].flat().flatMap((line) => line.split(',').map((each) => each.trim().toLowerCase())),
  );
  const out: Mutable = {};
  for (const [name, value] of Object.entries(headers))
    if (!hopByHop.has(name) && !named.has(name) && !drop(name)) out[name] = value;
  return out;
}

function addForwardedFor(out: Mutable, remoteAddress: string): void {
  // A unix socket has no address.
  if (!remoteAddress) return;
  out['x-forwarded-for'] = [...[out['x-forwarded-for'] ?? []].flat(), remoteAddress].join(', ');
}
