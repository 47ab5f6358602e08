/**
 * Paths that are no resources: health, metrics, version, discovery, OpenAPI, the keys of tokens.
 */
import { ApiError } from '#meta/status.ts';
import { notServed } from '../api.ts';
import type { HttpExchange, HttpHeaders } from '#world/world.ts';
import type { Document } from '../discovery/documents.ts';
import type { Route } from '../route.ts';
import type { Outcome } from '../metrics/requests.ts';
import type { Edge } from './edge.ts';
import { discoveryBytes, typeOf } from './encode.ts';
import { formOf } from './negotiate.ts';
import { one } from './options.ts';
import { jsonType, send } from './respond.ts';

/** Answers it, or throws NotFound. */
export async function serveDocument(edge: Edge, exchange: HttpExchange, way: Route): Promise<Outcome> {
  const fine = { code: 200 };
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const { path, query } = way;
  const health = edge.health(path, query);
  if (health) {
    exchange.respond(
      health.code,
      { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      health.text,
    );
    return { code: health.code };
  }
  if (path === '/metrics' || path === '/metrics/slis') {
    const { type, text } = path === '/metrics' ? await edge.metrics.render() : await edge.metrics.renderIndicators();
    void send(exchange, 200, {}, text, type);
    return fine;
  }
  const page = edge.zPages(path, one(exchange.headers['accept']) ?? '');
  if (page) {
    void send(exchange, 200, { 'x-content-type-options': 'nosniff' }, page.text, page.type);
    return fine;
  }
  const { tokens } = edge.api.policy;
  if (path === '/.well-known/openid-configuration') {
    void send(
      exchange,
      200,
      {},
      JSON.stringify({
        issuer: tokens.issuer,
        jwks_uri: `${tokens.issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      }),
    );
    return fine;
  }
  if (path === '/openid/v1/jwks') {
    void send(exchange, 200, {}, JSON.stringify(await tokens.jwks()), 'application/jwk-set+json');
    return fine;
  }
  const document = edge.documents(path, one(exchange.headers['accept']) ?? '', query);
  if (!document) {
    if (path === '/') {
      void send(exchange, 200, {}, JSON.stringify({ paths: edge.paths }));
      return fine;
    }
    if (path === '/api' || path.startsWith('/api/') || path.startsWith('/apis/')) throw notServed();
    void send(
      exchange,
      404,
      { 'x-content-type-options': 'nosniff' },
      '404 page not found\n',
      'text/plain; charset=utf-8',
    );
    return { code: 404 };
  }
  const cached = cachingOf(edge, way, document.etag);
  if ('location' in cached) {
    exchange.respond(301, cached);
    return { code: 301 };
  }
  const headers = { etag: document.etag, vary: 'Accept', ...cached };
  if (matches(one(exchange.headers['if-none-match']), document.etag)) {
    exchange.respond(304, headers);
    return { code: 304 };
  }
  const { bytes, type } = inForm(exchange, path, document);
  void send(exchange, 200, headers, bytes, type);
  return fine;
}

/** True when the client has this very document: one of its tags, weak or not. */
const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  (header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag));

const yearMs = 365 * 24 * 3600 * 1000;

/**
 * A document whose URL carries its hash can be kept for ever; one with an old hash has moved. Everything else is asked for again.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/2896-openapi-v3
 */
function cachingOf({ api }: Edge, { path, query }: Route, etag: string): HttpHeaders {
  const asked = query.get('hash');
  if (!path.startsWith('/openapi/v3/') || asked === null) return { 'cache-control': 'no-cache, private' };
  const hash = etag.slice(1, -1);
  if (asked !== hash) return { location: `${path}?hash=${hash}` };
  const expires = new Date(api.world.clock.now() + yearMs).toUTCString();
  return { 'cache-control': 'public, immutable', expires };
}

/** Discovery in the encoding that was asked for; what has one form only (OpenAPI, the version) keeps it. */
function inForm(
  exchange: Pick<HttpExchange, 'headers'>,
  path: string,
  { bytes, type }: Pick<Document, 'bytes' | 'type'>,
): { bytes: Buffer; type: string } {
  if (type !== jsonType || !/^\/apis?(?:\/|$)/.test(path)) return { bytes, type };
  const form = formOf(one(exchange.headers['accept']), 'document');
  if (form.encoding === 'json') return { bytes, type };
  const document = JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>;
  return { bytes: discoveryBytes(document, form), type: typeOf(form) };
}
