/**
 * The requests that the API server hands on to a kubelet: logs, exec, attach, port-forward. It checks what can be checked here, finds the pod's node, and
 * passes bytes through unchanged; the kubelet speaks the streaming protocols
 * (https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/#api-server-to-kubelet).
 */
import type { Duplex } from 'node:stream';
import { ApiError, badRequest, conflict, notFound } from '#meta/status.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import {
  NetworkError,
  type HttpClientRequest,
  type HttpExchange,
  type HttpHeaders,
  type HttpUpgrade,
  type TlsIdentity,
  type World,
} from '#world/world.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface KubeletAccess {
  readonly world: World;
  readonly pods: WatchCache;
  readonly nodes: WatchCache;
  /** The API server's own client certificate, `kube-apiserver-kubelet-client`, and the CA of kubelets' serving certificates. */
  readonly identity: TlsIdentity;
  readonly ca: string;
}

export interface PodTarget {
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

const dialTimeoutMs = 10_000;
const containerOptions = ['stdin', 'stdout', 'stderr', 'tty', 'command'];
const logOptions = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
];

/** GET pods/log. */
export async function podLog(access: KubeletAccess, exchange: HttpExchange, target: PodTarget): Promise<void> {
  const pod = podOf(access, target);
  checkLogQuery(target, pod);
  const container = containerOf(pod, target.query.get('container'));
  if (!pod.spec.nodeName) {
    // Upstream answers an unscheduled pod's log with nothing.
    exchange.respond(200, { 'content-type': 'text/plain' }, '');
    return;
  }
  const query = only(target.query, logOptions);
  const request = await kubeletRequest(
    access,
    pod,
    'GET',
    `/containerLogs/${target.namespace}/${target.name}/${container}`,
    query,
  );
  const response = await reached(
    pod,
    access.world.network.request({ ...request, signal: exchange.signal, timeoutMs: dialTimeoutMs }),
  );
  if (response.status !== 200) {
    const text = (await response.bytes(64 * 1024)).toString('utf8').trim();
    if (response.status === 404) throw new ApiError('NotFound', text);
    throw new ApiError(response.status === 400 ? 'BadRequest' : 'InternalError', text, { code: response.status });
  }
  const out = exchange.stream(200, { 'content-type': 'text/plain' });
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      if (!out.write(chunk)) await out.drained();
      if (exchange.signal.aborted) return;
    }
    out.end();
  } catch (error) {
    if (!exchange.signal.aborted) {
      access.world.log.info('a log stream broke', { pod: `${target.namespace}/${target.name}`, error: String(error) });
      out.end();
    }
  } finally {
    response.body.destroy();
  }
}

function checkLogQuery({ query, name }: PodTarget, _pod: Pod): void {
  const wrong = (field: string, why: string): ApiError =>
    new ApiError('Invalid', `PodLogOptions.v1 "${name}" is invalid: ${field}: ${why}`, {
      details: { name, kind: 'PodLogOptions', causes: [{ reason: 'FieldValueInvalid', field, message: why }] },
    });
  for (const field of ['tailLines', 'sinceSeconds', 'limitBytes']) {
    const text = query.get(field);
    if (text === null) continue;
    if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
    const least = field === 'tailLines' ? 0 : 1;
    if (Number(text) < least)
      throw wrong(field, `Invalid value: ${text}: must be greater than ${least === 0 ? 'or equal to 0' : '0'}`);
  }
  if (query.has('sinceSeconds') && query.has('sinceTime')) {
    throw wrong('sinceSeconds', 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
}

/** An upgrade request for exec, attach or portforward: the kubelet's answer and all bytes after it pass through. */
export async function podStream(
  access: KubeletAccess,
  upgrade: HttpUpgrade,
  target: PodTarget & { readonly subresource: 'exec' | 'attach' | 'portforward' },
): Promise<void> {
  const { subresource, namespace, name, query } = target;
  const pod = podOf(access, target);
  if (!pod.spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
    throw badRequest(`cannot ${subresource} into a container in a completed pod; current phase is ${pod.status.phase}`);
  }
  let path = `/portForward/${namespace}/${name}`;
  let rest = only(query, ['ports', 'port']);
  if (subresource !== 'portforward') {
    const container = containerOf(pod, query.get('container'));
    if (subresource === 'exec' && query.getAll('command').every((word) => word === ''))
      throw badRequest('you must specify at least 1 command for the container');
    path = `/${subresource}/${namespace}/${name}/${container}`;
    rest = streamOptions(query);
  }
  const request = await kubeletRequest(access, pod, upgrade.method, path, rest, passedOn(upgrade.headers));
  const answer = await reached(pod, access.world.network.upgrade(request));
  if ('body' in answer) {
    const text = (await answer.bytes(64 * 1024)).toString('utf8').trim();
    throw new ApiError(
      answer.status === 404 ? 'NotFound' : answer.status === 400 ? 'BadRequest' : 'InternalError',
      text || `the kubelet answered ${answer.status}`,
      { code: answer.status },
    );
  }
  upgrade.socket.write(responseHead(answer.headers));
  if (answer.head.length > 0) upgrade.socket.write(answer.head);
  if (upgrade.head.length > 0) answer.socket.write(upgrade.head);
  splice(upgrade.socket, answer.socket);
}

/** Joins two sockets until either ends. */
export function splice(a: Duplex, b: Duplex): void {
  const end = (): void => {
    a.destroy();
    b.destroy();
  };
  for (const socket of [a, b]) socket.on('error', end).on('close', end);
  a.pipe(b);
  b.pipe(a);
}

function podOf(access: KubeletAccess, { namespace, name }: PodTarget): Pod {
  const entry = access.pods.get(access.pods.key(namespace, name));
  if (!entry) throw notFound({ group: '', plural: 'pods' }, name);
  return entry.object as unknown as Pod;
}

function containerOf(pod: Pod, asked: string | null): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const all = [...containers, ...initContainers, ...ephemeralContainers].map((container) => container.name);
  const name = pod.metadata.name;
  if (!asked) {
    if (containers.length === 1 && containers[0]) return containers[0].name;
    const choice = `choose one of: [${containers.map((container) => container.name).join(' ')}]`;
    const inits =
      initContainers.length > 0
        ? ` or one of the init containers: [${initContainers.map((container) => container.name).join(' ')}]`
        : '';
    throw badRequest(`a container name must be specified for pod ${name}, ${choice}${inits}`);
  }
  if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
  return asked;
}

async function kubeletRequest(
  { nodes, identity, ca }: KubeletAccess,
  pod: Pod,
  method: string,
  path: string,
  query: URLSearchParams,
  headers: HttpHeaders = {},
): Promise<HttpClientRequest> {
  const nodeName = pod.spec.nodeName ?? '';
  const node = nodes.get(nodes.key(undefined, nodeName))?.object as unknown as Node | undefined;
  if (!node)
    throw new ApiError(
      'InternalError',
      `Internal error occurred: node "${nodeName}" of pod ${pod.metadata.name} is not there`,
    );
  const address = node.status?.addresses?.find((each) => each.type === 'InternalIP')?.address;
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!address || !port)
    throw conflict({ group: '', plural: 'nodes' }, nodeName, 'the kubelet has not told where it listens');
  const text = query.toString();
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    method,
    url: `https://${host}:${port}${path}${text ? `?${text}` : ''}`,
    headers,
    tls: { ca, identity },
    timeoutMs: dialTimeoutMs,
  };
}

async function reached<T>(pod: Pod, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (!(cause instanceof NetworkError)) throw cause;
    throw new ApiError(
      'InternalError',
      `Internal error occurred: error sending request to the kubelet of node ${pod.spec.nodeName}: ${cause.message}`,
      { cause },
    );
  }
}

function only(query: URLSearchParams, names: readonly string[]): URLSearchParams {
  const kept = new URLSearchParams();
  for (const [name, value] of query) if (names.includes(name)) kept.append(name, value);
  return kept;
}

/** The kubelet's own names: input, output, error. */
function streamOptions(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  const names: Readonly<Record<string, string>> = {
    stdin: 'input',
    stdout: 'output',
    stderr: 'error',
    tty: 'tty',
    command: 'command',
  };
  for (const [name, value] of only(query, containerOptions)) {
    if (name === 'command') kept.append('command', value);
    else if (value === 'true' || value === '1') kept.append(names[name] as string, '1');
  }
  return kept;
}

const streamHeaders = new Set([
  'connection',
  'upgrade',
  'x-stream-protocol-version',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
]);

/** Credentials stay here: the kubelet knows the API server, not its clients. */
const passedOn = (headers: HttpHeaders): HttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => streamHeaders.has(name)));

function responseHead(headers: HttpHeaders): string {
  const lines = ['HTTP/1.1 101 Switching Protocols'];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) lines.push(`${name}: ${each}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
