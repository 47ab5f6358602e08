/**
 * Paths that are no resources: health, metrics, version, discovery, OpenAPI, the keys of tokens.
 */
import { ApiError } from '#meta/status.ts';
import type { HttpExchange } from '#world/world.ts';
import type { Route } from '../route.ts';
import type { Edge, Seen } from './edge.ts';
import { one } from './options.ts';
import { send } from './respond.ts';

/** Answers it, or throws NotFound. */
export async function serveDocument(edge: Edge, exchange: HttpExchange, way: Route): Promise<Seen> {
  const seen = { verb: exchange.method, resource: '', code: 200 };
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
    return { ...seen, code: health.code };
  }
  if (path === '/metrics' || path === '/metrics/slis') {
    const { type, text } = await edge.metrics.render();
    send(exchange, 200, {}, text, type);
    return seen;
  }
  const { tokens } = edge.api.policy;
  if (path === '/.well-known/openid-configuration') {
    send(
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
    return seen;
  }
  if (path === '/openid/v1/jwks') {
    send(exchange, 200, {}, JSON.stringify(await tokens.jwks()), 'application/jwk-set+json');
    return seen;
  }
  const document = edge.documents(path, one(exchange.headers['accept']) ?? '', query);
  if (!document) {
    if (path === '/') {
      send(
        exchange,
        200,
        {},
        JSON.stringify({
          paths: [
            '/api',
            '/api/v1',
            '/apis',
            '/healthz',
            '/livez',
            '/metrics',
            '/openapi/v2',
            '/openapi/v3',
            '/readyz',
            '/version',
          ],
        }),
      );
      return seen;
    }
    throw new ApiError('NotFound', 'the server could not find the requested resource');
  }
  if (exchange.headers['if-none-match'] === document.etag) {
    exchange.respond(304, { etag: document.etag });
    return { ...seen, code: 304 };
  }
  send(
    exchange,
    200,
    { etag: document.etag, vary: 'Accept', 'cache-control': 'public' },
    document.bytes,
    document.type,
  );
  return seen;
}
