/**
 * One request from arrival to answer, as a list of stages: route → authenticate → impersonate → authorize → decode → the API → respond. Upgrades (exec,
 * attach, port-forward) take the same way up to authorization and then become a pipe.
 */
import { ApiError, badRequest, notFound, toStatus } from '#meta/status.ts';
import type { AnyKind, ApiCall, DeleteOptions, ListOptions } from '#client/client.ts';
import { kindOf } from '#api/kinds.ts';
import type { Verb } from '#schema/kind.ts';
import { decode } from '#schema/decode.ts';
import { deleteOptions as deleteOptionsType } from '#schema/meta-types.ts';
import type { StructType } from '#schema/type.ts';
import type { HttpExchange, HttpHandlers, HttpHeaders, HttpRequestHead, HttpUpgrade } from '#world/world.ts';
import { idOf, notServed, type Api } from '../api.ts';
import type { Attributes } from '../attributes.ts';
import { authenticate, impersonate } from '../authn/authenticate.ts';
import type { Flow } from '../flow/in-flight.ts';
import type { Documents } from '../discovery/documents.ts';
import type { Health } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import { podLog, podStream, type KubeletAccess } from '../proxy/kubelet.ts';
import { route, type Route, type ResourceRoute } from '../route.ts';
import type { User } from '../user.ts';
import { bodyOf, patchTypeOf } from './body.ts';
import { formOf } from './negotiate.ts';
import { fail, respond, send } from './respond.ts';
import { streamWatch } from './watch-stream.ts';

export interface Edge {
  readonly api: Api;
  readonly documents: Documents;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly kubelets: KubeletAccess;
  readonly flow: Flow;
}

/** The handlers of the API's port. */
export function apiHandlers(edge: Edge): HttpHandlers {
  const kinds = new Map<string, AnyKind>();
  for (const kind of edge.api.kinds) kinds.set(idOf(kind), kind);
  return {
    request(exchange) {
      const done = edge.metrics.started();
      const warnings: string[] = [];
      serve(edge, kinds, exchange, warnings).then(
        (seen) => done(seen),
        (error: unknown) => {
          const { code } = toStatus(error);
          if (code >= 500)
            edge.api.world.log.error('a request failed', {
              method: exchange.method,
              path: exchange.url.split('?')[0],
              error: describe(error),
            });
          fail(exchange, error, warningHeaders(warnings));
          done({ verb: exchange.method, resource: '', code });
        },
      );
    },
    upgrade(upgrade) {
      open(edge, upgrade).catch((error: unknown) => {
        const status = toStatus(error);
        const body = JSON.stringify(status);
        upgrade.socket.end(
          `HTTP/1.1 ${status.code} ${status.reason ?? ''}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        );
      });
    },
  };
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

interface Seen {
  readonly verb: string;
  readonly resource: string;
  readonly code: number;
}

function routed(request: HttpRequestHead): Route {
  try {
    return route(request.method, request.url);
  } catch (cause) {
    if (cause instanceof URIError)
      throw new ApiError('BadRequest', 'the path of the request is not properly encoded', { cause });
    throw cause;
  }
}

/** Who asks for this, after it was allowed. */
async function admitted({ api }: Edge, request: HttpRequestHead, way: Route): Promise<User> {
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

async function serve(
  edge: Edge,
  kinds: ReadonlyMap<string, AnyKind>,
  exchange: HttpExchange,
  warnings: string[],
): Promise<Seen> {
  const way = routed(exchange);
  const user = await admitted(edge, exchange, way);
  using _seat = edge.flow.enter(way, user);
  if (!way.resource) return serveDocument(edge, exchange, way);
  const { resource } = way;
  const kind = kinds.get(idOf(resource));
  if (!kind) {
    if (way.verb === 'list' && idOf(resource) === customResources) return serveNoCustomResources(edge, exchange);
    throw new ApiError('NotFound', 'the server could not find the requested resource');
  }
  const seen = { verb: way.verb.toUpperCase(), resource: resource.plural, code: 200 };
  if (kind.plural === 'pods' && kind.group === '' && resource.subresource === 'log') {
    await podLog(edge.kubelets, exchange, {
      namespace: resource.namespace ?? '',
      name: resource.name ?? '',
      query: way.query,
    });
    return seen;
  }
  const form = formOf(one(exchange.headers['accept']));
  const includeObject = way.query.get('includeObject') ?? 'Metadata';
  const call = await callOf(exchange, way, kind);
  checkScope(call, way.verb);
  if (way.verb === 'watch') {
    const options = { ...call.options, ...watchOptions(way) };
    await streamWatch(exchange, edge.api.resource(kind), {
      namespace: call.namespace,
      options,
      form,
      headers: {},
      includeObject,
    });
    return seen;
  }
  const answer = await edge.api.call(call.call, {
    user,
    fieldManager: call.options.fieldManager ?? managerOf(exchange.headers),
    fieldValidation: fieldValidation(way),
    warnings,
    ...(call.duplicates.length > 0 ? { duplicates: call.duplicates } : {}),
  });
  respond(exchange, answer, { form, headers: warningHeaders(warnings), includeObject });
  return { ...seen, code: 'code' in answer ? answer.code : 200 };
}

const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];

interface ReadCall {
  readonly call: ApiCall;
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly options: ApiCall['options'];
  readonly duplicates: readonly string[];
}

/**
 * There are no custom resources yet, and their list says so: kubectl asks for it to tell an unknown kind from one whose definition is young.
 */
const customResources = 'apiextensions.k8s.io/v1/customresourcedefinitions';

function serveNoCustomResources({ api }: Edge, exchange: HttpExchange): Seen {
  const metadata = { resourceVersion: String(api.store.revision()) };
  const list = { kind: 'CustomResourceDefinitionList', apiVersion: 'apiextensions.k8s.io/v1', metadata, items: [] };
  send(exchange, 200, {}, JSON.stringify(list));
  return { verb: 'LIST', resource: 'customresourcedefinitions', code: 200 };
}

/** Throws for a path that names a namespace where there is none, or none where there must be one. */
function checkScope(call: ReadCall, verb: string): void {
  const { kind, namespace, name } = call;
  if (kind.scope === 'Cluster') {
    if (namespace !== undefined) throw notServed(call);
    return;
  }
  if (namespace !== undefined) return;
  if (name !== undefined) throw notServed(call);
  // Over all namespaces there is only reading.
  if (verb !== 'list' && verb !== 'watch')
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

const verbs = new Set<string>(['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']);

async function callOf(exchange: HttpExchange, way: Route, kind: AnyKind): Promise<ReadCall> {
  const resource = way.resource as ResourceRoute;
  if (!verbs.has(way.verb))
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  let options: ApiCall['options'] = way.query.size === 0 ? {} : { ...listOptions(way), ...writeOptions(way) };
  const patchType = way.verb === 'patch' ? patchTypeOf(exchange) : undefined;
  const writes =
    way.verb === 'create' || way.verb === 'update' || way.verb === 'patch' || way.verb.startsWith('delete');
  const body = writes ? await bodyOf(exchange, schemaOf) : undefined;
  if (patchType) options = { ...options, patchType };
  if (way.verb.startsWith('delete')) options = { ...options, ...deleteOptions(way, body?.value) };
  else if (writes && body === undefined) throw badRequest('the request needs a body');
  // A subresource like `pods/x/eviction` is POSTed; a POST to a name alone is not.
  if (way.verb === 'create' && resource.name !== undefined && resource.subresource === undefined) {
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
  if (way.verb === 'patch' && patchType === 'apply' && !options.fieldManager) {
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      {
        details: {
          group: 'meta.k8s.io',
          kind: 'PatchOptions',
          causes: [
            {
              reason: 'FieldValueRequired',
              field: 'fieldManager',
              message: 'Required value: is required for apply patch',
            },
          ],
        },
      },
    );
  }
  const { namespace, name, subresource } = resource;
  const selected = way.verb === 'watch' && name !== undefined ? { fieldSelector: `metadata.name=${name}` } : {};
  const call: ApiCall = {
    verb: way.verb as Verb,
    kind,
    namespace,
    name,
    subresource,
    body: body?.value,
    options: { ...options, ...selected },
  };
  return { call, kind, namespace, name, subresource, options: call.options, duplicates: body?.duplicates ?? [] };
}

/** The struct of a protobuf body: any kind of this API, or the options of a delete. */
function schemaOf(apiVersion: string, kindName: string): StructType | undefined {
  if (kindName === 'DeleteOptions') return deleteOptionsType;
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  return kindOf(group, version, kindName)?.schema;
}

function listOptions({ query }: Route): ListOptions {
  const limit = query.get('limit');
  if (limit !== null && !/^\d{1,9}$/.test(limit))
    throw badRequest(`strconv.ParseInt: parsing "${limit}": invalid syntax`);
  const match = query.get('resourceVersionMatch');
  if (match && match !== 'NotOlderThan' && match !== 'Exact') {
    throw new ApiError(
      'Invalid',
      `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`,
    );
  }
  const text = (name: string): string | undefined => query.get(name) || undefined;
  return compact({
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    limit: limit ? Number(limit) : undefined,
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: (match || undefined) as ListOptions['resourceVersionMatch'],
  });
}

function watchOptions({ query }: Route): { bookmarks?: boolean; sendInitialEvents?: boolean; timeoutSeconds?: number } {
  const seconds = query.get('timeoutSeconds');
  if (seconds && !/^\d{1,9}$/.test(seconds))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(seconds)}: invalid syntax`);
  return compact({
    bookmarks: flag(query, 'allowWatchBookmarks'),
    sendInitialEvents: query.has('sendInitialEvents') ? flag(query, 'sendInitialEvents') : undefined,
    timeoutSeconds: seconds ? Number(seconds) : undefined,
  });
}

function writeOptions({ query }: Route): { dryRun?: boolean; fieldManager?: string; force?: boolean } {
  const dryRun = query.getAll('dryRun').filter(Boolean);
  if (dryRun.some((value) => value !== 'All')) {
    throw new ApiError(
      'Invalid',
      `CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ${JSON.stringify(dryRun[0])}: supported values: "All"`,
    );
  }
  const manager = query.get('fieldManager') ?? undefined;
  if (manager !== undefined && (manager.length > 128 || /[^\x20-\x7e]/.test(manager))) {
    throw new ApiError(
      'Invalid',
      `fieldManager: Invalid value: ${JSON.stringify(manager)}: must be at most 128 printable characters`,
    );
  }
  return compact({ dryRun: dryRun.length > 0, fieldManager: manager || undefined, force: flag(query, 'force') });
}

/** Query parameters, and over them the DeleteOptions in the body. */
function deleteOptions({ query }: Route, body: unknown): DeleteOptions {
  const sent = decodedOptions(body);
  const inQuery = query.get('gracePeriodSeconds');
  if (inQuery && !/^-?\d{1,18}$/.test(inQuery))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(inQuery)}: invalid syntax`);
  const grace = sent.gracePeriodSeconds ?? (inQuery ? Number(inQuery) : undefined);
  let policy = sent.propagationPolicy || query.get('propagationPolicy') || undefined;
  const orphans =
    sent.orphanDependents ?? (query.has('orphanDependents') ? flag(query, 'orphanDependents') : undefined);
  if (policy !== undefined && orphans !== undefined)
    throw badOptions('orphanDependents: Invalid value: orphanDependents and deletionPropagation cannot be both set');
  if (policy === undefined && orphans !== undefined) policy = orphans ? 'Orphan' : 'Background';
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    throw badOptions(
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    );
  }
  const other = sent.dryRun?.find((value) => value !== 'All');
  if (other !== undefined)
    throw badOptions(`dryRun: Unsupported value: ${JSON.stringify(other)}: supported values: "All"`);
  return compact({
    gracePeriodSeconds: grace,
    propagationPolicy: policy,
    preconditions: sent.preconditions,
    dryRun: sent.dryRun?.length ? true : undefined,
  });
}

const badOptions = (why: string): ApiError =>
  new ApiError('Invalid', `DeleteOptions.meta.k8s.io "" is invalid: ${why}`);

interface SentDeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly preconditions?: NonNullable<DeleteOptions['preconditions']>;
  readonly dryRun?: readonly string[];
  readonly orphanDependents?: boolean;
}

function decodedOptions(body: unknown): SentDeleteOptions {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('DeleteOptions must be an object');
  return decode<SentDeleteOptions>(deleteOptionsType, body, { strict: 'Ignore' }).object;
}

const flag = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value === 'true' || value === '1' || value === 'True';
};

function compact<T extends object>(options: T): { [K in keyof T]: NonNullable<T[K]> } {
  for (const key of Object.keys(options))
    if ((options as Record<string, unknown>)[key] === undefined) delete (options as Record<string, unknown>)[key];
  return options as never;
}

function fieldValidation({ query }: Route): 'Strict' | 'Warn' | 'Ignore' {
  const value = query.get('fieldValidation');
  if (!value) return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw new ApiError(
    'Invalid',
    `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** A writer without a name is named after its program: `kubectl/v1.36` writes as `kubectl`. */
const managerOf = (headers: HttpHeaders): string =>
  (one(headers['user-agent'])?.split('/')[0] || 'unknown').slice(0, 128);

/** RFC 7234 Warning headers, upstream's form. Long ones are cut. */
function warningHeaders(warnings: readonly string[]): HttpHeaders {
  if (warnings.length === 0) return {};
  const safe = (text: string): string =>
    text
      .replaceAll(/[\r\n\t]/g, ' ')
      .replaceAll(/["\\]/g, String.raw`\$&`)
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, 4096);
  return { warning: [...new Set(warnings)].slice(0, 64).map((text) => `299 - "${safe(text)}"`) };
}

async function serveDocument(edge: Edge, exchange: HttpExchange, way: Route): Promise<Seen> {
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

const streams = new Set(['exec', 'attach', 'portforward']);

async function open(edge: Edge, upgrade: HttpUpgrade): Promise<void> {
  // An upgrade is refused on the socket itself: a client that goes away meanwhile is no error of ours.
  upgrade.socket.on('error', () => upgrade.socket.destroy());
  const way = routed(upgrade);
  const { resource } = way;
  if (resource?.plural !== 'pods' || resource.group !== '' || !streams.has(resource.subresource ?? ''))
    throw badRequest('this path cannot be upgraded');
  // Streaming is creation, whatever the method, so that read-only users cannot exec (upstream since 1.35).
  await admitted(edge, upgrade, { ...way, verb: 'create' });
  if (!resource.name || !resource.namespace) throw notFound({ group: '', plural: 'pods' }, resource.name ?? '');
  await podStream(edge.kubelets, upgrade, {
    namespace: resource.namespace,
    name: resource.name,
    query: way.query,
    subresource: resource.subresource as 'exec' | 'attach' | 'portforward',
  });
}
