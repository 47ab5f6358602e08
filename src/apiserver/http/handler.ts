/**
 * One request from arrival to answer, as a list of stages: route → authenticate → impersonate → authorize → decode → the API → respond. Upgrades (exec,
 * attach, port-forward, WebSocket watches) take the same way up to authorization and then become a pipe.
 */
import { ApiError, toStatus } from '#meta/status.ts';
import type { AnyKind } from '#client/client.ts';
import type { HttpExchange, HttpHandlers, HttpUpgrade } from '#world/world.ts';
import { idOf, notServed } from '../api.ts';
import { podLog } from '../proxy/kubelet.ts';
import type { Outcome } from '../metrics/requests.ts';
import type { Route } from '../route.ts';
import { latest } from '../watch/fresh.ts';
import { admitted, routed } from './admit.ts';
import { callOf, checkScope } from './call.ts';
import { isConnect, openConnect, serveConnect } from './connect.ts';
import { serveDocument } from './document.ts';
import type { Edge, Seen } from './edge.ts';
import { documentBytes, typeOf } from './encode.ts';
import { formOf, type Purpose } from './negotiate.ts';
import { fieldValidation, managerOf, one, warningHeaders, watchOptions } from './options.ts';
import { fail, readable, respond, send } from './respond.ts';
import { includeObjectOf, type Shaping } from './shape.ts';
import { plainSubject, subjectOf } from './subject.ts';
import { bodySink, isWebSocket, webSocketSink } from './watch-sinks.ts';
import { streamWatch } from './watch-stream.ts';

/** The handlers of the API's port. */
export function apiHandlers(edge: Edge): HttpHandlers {
  const kinds = new Map<string, AnyKind>();
  for (const kind of edge.api.kinds) kinds.set(idOf(kind), kind);
  return {
    request(exchange) {
      const done = edge.metrics.started(exchange.method);
      const warnings: string[] = [];
      const seen: Seen = { subject: plainSubject(exchange.method) };
      serve(edge, kinds, exchange, { warnings, seen }).then(
        (outcome) => done(seen.subject, outcome),
        (error: unknown) => {
          const { code } = toStatus(error);
          // What a client is told with a reason (no endpoint, not reached yet) is no failure of the server's.
          if (code >= 500 && !(error instanceof ApiError && error.reason !== 'InternalError'))
            edge.api.world.log.error('a request failed', {
              method: exchange.method,
              path: exchange.url.split('?')[0],
              error: describe(error),
            });
          fail(exchange, error, warningHeaders(warnings));
          done(seen.subject, { code });
        },
      );
    },
    upgrade(upgrade) {
      open(edge, kinds, upgrade).catch((error: unknown) => {
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

async function serve(
  edge: Edge,
  kinds: ReadonlyMap<string, AnyKind>,
  exchange: HttpExchange,
  { warnings, seen }: { readonly warnings: string[]; readonly seen: Seen },
): Promise<Outcome> {
  const way = routed(exchange);
  const user = await admitted(edge.api, exchange, way);
  using _seat = edge.flow.enter(way, user);
  if (!way.resource) return serveDocument(edge, exchange, way);
  const { resource } = way;
  const kind = kinds.get(idOf(resource));
  if (!kind) {
    if (way.verb === 'list' && idOf(resource) === customResources) return serveNoCustomResources(edge, exchange);
    throw notServed();
  }
  if (kind.deprecated !== undefined && resource.subresource === undefined) warnings.push(kind.deprecated);
  seen.subject = subjectOf(way, kind, one(exchange.headers['content-type']));
  if (isConnect(resource) || resource.subresource === 'log') await latest(edge.api.store);
  if (kind.plural === 'pods' && kind.group === '' && resource.subresource === 'log') {
    using _running = edge.metrics.longRunning(seen.subject);
    await podLog(edge.kubelets, exchange, {
      namespace: resource.namespace ?? '',
      name: resource.name ?? '',
      query: way.query,
    });
    return { code: 200 };
  }
  if (isConnect(resource)) {
    using _running = edge.metrics.longRunning(seen.subject);
    return { code: await serveConnect(edge, exchange, resource) };
  }
  const shaping = shapingOf(exchange, way);
  const call = await callOf(exchange, way, kind);
  checkScope(call, way.verb);
  if (way.verb === 'watch') {
    const options = { ...call.options, ...watchOptions(way) };
    const { namespace } = call;
    using _running = edge.metrics.longRunning(seen.subject);
    const counted = edge.metrics.watchEvents(kind);
    await streamWatch(edge.api.resource(kind), { namespace, options, shaping, counted }, () =>
      bodySink(exchange, shaping.form.encoding, warningHeaders(warnings)),
    );
    return { code: 200 };
  }
  const answer = await edge.api.call(call.call, {
    user,
    fieldManager: call.options.fieldManager ?? managerOf(exchange.headers),
    fieldValidation: fieldValidation(way),
    warnings,
    ...(call.duplicates.length > 0 ? { duplicates: call.duplicates } : {}),
  });
  const bytes = await respond(exchange, answer, shaping, warningHeaders(warnings));
  return { code: 'code' in answer ? answer.code : 200, bytes };
}

/** What form the answer is to have. Throws NotAcceptable. */
function shapingOf(request: Pick<HttpExchange, 'headers'>, { verb, query }: Route): Shaping {
  const purpose: Purpose = verb === 'watch' ? 'watch' : 'resource';
  const form = formOf(one(request.headers['accept']), purpose);
  return {
    form: verb === 'watch' ? form : readable(form, request, query),
    includeObject: form.as === 'Table' ? includeObjectOf(query) : 'Metadata',
  };
}

/**
 * There are no custom resources yet, and their list says so: kubectl asks for it to tell an unknown kind from one whose definition is young.
 */
const customResources = 'apiextensions.k8s.io/v1/customresourcedefinitions';

function serveNoCustomResources({ api }: Edge, exchange: HttpExchange): Outcome {
  const metadata = { resourceVersion: String(api.store.revision()) };
  const list = { kind: 'CustomResourceDefinitionList', apiVersion: 'apiextensions.k8s.io/v1', metadata, items: [] };
  const form = formOf(one(exchange.headers['accept']), 'document');
  void send(exchange, 200, {}, documentBytes(list, form), typeOf(form));
  return { code: 200 };
}

async function open(edge: Edge, kinds: ReadonlyMap<string, AnyKind>, upgrade: HttpUpgrade): Promise<void> {
  // An upgrade is refused on the socket itself: a client that goes away meanwhile is no error of ours.
  upgrade.socket.on('error', () => upgrade.socket.destroy());
  const way = routed(upgrade);
  const { resource } = way;
  if (way.verb === 'watch' && resource && isWebSocket(upgrade)) return openWatch(edge, kinds, upgrade, way);
  const kind = resource && kinds.get(idOf(resource));
  using _running = kind ? edge.metrics.longRunning(subjectOf(way, kind)) : undefined;
  await latest(edge.api.store);
  await openConnect(edge, upgrade, way);
  return undefined;
}

/** A watch over WebSocket. */
async function openWatch(
  edge: Edge,
  kinds: ReadonlyMap<string, AnyKind>,
  upgrade: HttpUpgrade,
  way: Route,
): Promise<void> {
  await admitted(edge.api, upgrade, way);
  const kind = way.resource && kinds.get(idOf(way.resource));
  if (!kind) throw notServed();
  const shaping = shapingOf(upgrade, way);
  // A handshake has no body.
  const call = await callOf({ headers: upgrade.headers, body: () => Promise.resolve(Buffer.alloc(0)) }, way, kind);
  checkScope(call, way.verb);
  const options = { ...call.options, ...watchOptions(way) };
  const { namespace } = call;
  const subject = subjectOf(way, kind);
  const done = edge.metrics.started(upgrade.method);
  using _running = edge.metrics.longRunning(subject);
  const counted = edge.metrics.watchEvents(kind);
  try {
    await streamWatch(edge.api.resource(kind), { namespace, options, shaping, counted }, () =>
      webSocketSink(upgrade, shaping.form.encoding),
    );
    done(subject, { code: 101 });
  } catch (error) {
    done(subject, { code: toStatus(error).code });
    throw error;
  }
}
