/**
 * The kubelet's own API: logs, exec, attach, port-forward, health and stats. Only the API server may ask, by its client certificate: nobody else has business
 * here (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/).
 */
import { ApiError, badRequest, isApiError, notFound } from '#meta/status.ts';
import { parseTime } from '#meta/time.ts';
import type { Pod } from '#api/core/pod.ts';
import type {
  HttpExchange,
  HttpRequestHead,
  HttpResponseStream,
  HttpServer,
  HttpUpgrade,
  TlsIdentity,
  World,
} from '#world/world.ts';
import type { Container, ContainerRuntime } from '../container-runtime.ts';
import { readLog } from '../logs.ts';
import { labels } from '../pod-state.ts';
import { dialFromNode } from './dial.ts';
import { portForward } from './port-forward.ts';
import { failureStatus, joinSession, remoteOptions } from './remote-command.ts';
import { isSpdy, spdyStreams } from './spdy-streams.ts';
import { isWebSocket } from './channels.ts';
import { webSocketStreams } from './websocket.ts';

export interface KubeletApi {
  readonly runtime: ContainerRuntime;
  find(namespace: string, name: string): Pod | undefined;
  pods(): readonly Pod[];
}

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly clientCa: string;
}

/** Who the API server is to kubelets. */
const apiServerName = 'kube-apiserver-kubelet-client';

const streaming = new WeakMap<HttpExchange, HttpResponseStream>();

export function serveKubelet(
  world: World,
  api: KubeletApi,
  { host, port, tls, clientCa }: KubeletServerOptions,
): Promise<HttpServer> {
  return world.network.serveHttp(
    { listen: { host, port }, tls: { ...tls, clientCa } },
    {
      request(exchange) {
        answer(world, api, exchange).catch((error: unknown) => {
          const code = isApiError(error) ? error.code : 500;
          if (code >= 500)
            world.log.warn('a kubelet request failed', {
              path: exchange.url.split('?')[0],
              error: (error as Error).message,
            });
          // Once the answer streams there is no other way to tell than its end.
          if (streaming.has(exchange)) streaming.get(exchange)?.end();
          else exchange.respond(code, { 'content-type': 'text/plain; charset=utf-8' }, (error as Error).message);
        });
      },
      upgrade(upgrade) {
        upgrade.socket.on('error', () => upgrade.socket.destroy());
        stream(world, api, upgrade, host).catch((error: unknown) => {
          const message = (error as Error).message;
          const code = isApiError(error) ? error.code : 400;
          world.log.info('a stream could not be opened', { path: upgrade.url.split('?')[0], error: message });
          if (upgrade.socket.writable) {
            upgrade.socket.end(
              `HTTP/1.1 ${code} Error\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(message)}\r\nconnection: close\r\n\r\n${message}`,
            );
          }
        });
      },
    },
  );
}

function authorize({ peer }: HttpRequestHead): void {
  if (!peer) throw new ApiError('Unauthorized', 'Unauthorized');
  if (peer.commonName !== apiServerName && !peer.organizations.includes('system:masters'))
    throw new ApiError('Forbidden', 'Forbidden');
}

function parse(url: string): { readonly parts: readonly string[]; readonly query: URLSearchParams } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return {
    parts: path.split('/').slice(1).map(decodeURIComponent),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

async function answer(world: World, api: KubeletApi, exchange: HttpExchange): Promise<void> {
  authorize(exchange);
  const { parts, query } = parse(exchange.url);
  switch (parts[0]) {
    case 'healthz':
      exchange.respond(200, { 'content-type': 'text/plain' }, 'ok');
      return;
    case 'pods':
      exchange.respond(
        200,
        { 'content-type': 'application/json' },
        JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: api.pods() }),
      );
      return;
    case 'containerLogs':
      await logs(world, api, exchange, {
        namespace: parts[1] ?? '',
        pod: parts[2] ?? '',
        container: parts[3] ?? '',
        query,
      });
      return;
    case 'stats':
      exchange.respond(
        200,
        { 'content-type': 'application/json' },
        JSON.stringify({ pods: await api.runtime.stats() }),
      );
      return;
    default:
      throw new ApiError('NotFound', '404 page not found');
  }
}

async function runOf(api: KubeletApi, pod: Pod, container: string): Promise<readonly Container[]> {
  const all = await api.runtime.containers();
  return all
    .filter((each) => each.labels[labels.podUid] === pod.metadata.uid && each.name === container)
    .toSorted((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt);
}

function podOf(api: KubeletApi, namespace: string, name: string): Pod {
  const pod = api.find(namespace, name);
  if (!pod) throw notFound({ group: '', plural: 'pods' }, name);
  return pod;
}

async function logs(
  world: World,
  api: KubeletApi,
  exchange: HttpExchange,
  {
    namespace,
    pod: podName,
    container,
    query,
  }: { namespace: string; pod: string; container: string; query: URLSearchParams },
): Promise<void> {
  const pod = podOf(api, namespace, podName);
  const runs = await runOf(api, pod, container);
  const previous = query.get('previous') === 'true';
  const status = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === container);
  // The status tells which run is the present one and which the last: a container that waits for its restart shows its dead one.
  const ended = status?.lastState?.terminated?.containerID;
  const run = previous ? runs.find(({ id }) => ended?.endsWith(`//${id}`)) : runs[0];
  if (!run) {
    if (previous) throw badRequest(`previous terminated container "${container}" in pod "${podName}" not found`);
    throw badRequest(
      `container "${container}" in pod "${podName}" is waiting to start: ${waitingReason(status?.state.waiting?.reason)}`,
    );
  }
  const number = (name: string): number | undefined => (query.has(name) ? Number(query.get(name)) : undefined);
  const tailLines = number('tailLines');
  const limitBytes = number('limitBytes');
  const sinceSeconds = number('sinceSeconds');
  const sinceMs =
    sinceSeconds === undefined ? parseTime(query.get('sinceTime') ?? '') : world.clock.now() - sinceSeconds * 1000;
  let alive = true;
  const look = async (): Promise<void> => {
    alive = (await runOf(api, pod, container)).some(({ id, state }) => id === run.id && state !== 'exited');
  };
  const subscription = api.runtime.onChange(() => void look());
  await look();
  try {
    const out = exchange.stream(200, { 'content-type': 'text/plain' });
    streaming.set(exchange, out);
    const options = {
      follow: query.get('follow') === 'true',
      timestamps: query.get('timestamps') === 'true',
      alive: () => alive,
      signal: exchange.signal,
      stream: (query.get('stream') ?? 'All') as 'All',
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(limitBytes === undefined ? {} : { limitBytes }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    };
    for await (const chunk of readLog(world, run.logPath, options)) {
      if (!out.write(chunk)) await out.drained();
      if (exchange.signal.aborted) return;
    }
    out.end();
  } finally {
    subscription[Symbol.dispose]();
  }
}

function waitingReason(reason: string | undefined): string {
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image';
  if (reason === 'ErrImagePull') return "image can't be pulled";
  return reason ?? 'ContainerCreating';
}

async function stream(world: World, api: KubeletApi, upgrade: HttpUpgrade, own: string): Promise<void> {
  authorize(upgrade);
  const { parts, query } = parse(upgrade.url);
  const [action, namespace = '', name = '', container = ''] = parts;
  if (action === 'dial') {
    await dialFromNode(world, upgrade, api.runtime, { ip: namespace, port: name, own });
    return;
  }
  const pod = podOf(api, namespace, name);
  if (action === 'portForward') {
    const sandbox = (await api.runtime.sandboxes()).find(
      (each) => each.pod.uid === pod.metadata.uid && each.state === 'ready',
    );
    if (!sandbox)
      throw badRequest(
        `unable to forward port because pod is not running. Current status=${pod.status?.phase ?? 'Unknown'}`,
      );
    await portForward(upgrade, api.runtime, { sandboxId: sandbox.id, ports: query.getAll('port') });
    return;
  }
  if (action !== 'exec' && action !== 'attach') throw new ApiError('NotFound', '404 page not found');
  const run = (await runOf(api, pod, container))[0];
  if (run?.state !== 'running')
    throw new ApiError('InternalError', `unable to upgrade connection: container not found ("${container}")`, {
      code: 500,
    });
  const options = remoteOptions(query);
  if (!isWebSocket(upgrade) && !isSpdy(upgrade)) throw badRequest('unable to upgrade: WebSocket or SPDY/3.1 is needed');
  const streams = isWebSocket(upgrade) ? await webSocketStreams(upgrade, options) : await spdyStreams(upgrade, options);
  try {
    const session =
      action === 'exec'
        ? await api.runtime.exec(run.id, { command: query.getAll('command'), stdin: options.stdin, tty: options.tty })
        : await api.runtime.attach(run.id, { stdin: options.stdin, tty: options.tty });
    await joinSession(session, streams);
  } catch (error) {
    world.log.info('a remote command failed', { action, container: run.id, error: (error as Error).message });
    await streams.finish(failureStatus((error as Error).message));
  }
}
