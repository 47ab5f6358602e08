/**
 * The requests that the API server hands on to a kubelet: logs, exec, attach, port-forward. It checks what can be checked here, finds the pod's node, and
 * passes bytes through unchanged; the kubelet speaks the streaming protocols
 * (https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/#api-server-to-kubelet).
 */
import { ApiError, badRequest } from '#meta/status.ts';
import type { Pod } from '#api/core/pod.ts';
import { dialError, hostPort } from '#world/dial-error.ts';
import {
  NetworkError,
  type HttpClientRequest,
  type HttpExchange,
  type HttpHeaders,
  type HttpUpgrade,
} from '#world/world.ts';
import { offeredProtocols } from '../authn/websocket-token.ts';
import { dialTimeoutMs, kubeletOf, podOf, type KubeletAccess } from './access.ts';
import { readLogOptions } from './log-options.ts';
import { responseHead, splice } from './pipe.ts';

export interface PodTarget {
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

const containerOptions = ['stdin', 'stdout', 'stderr', 'tty', 'command'];

/** GET pods/log. */
export async function podLog(access: KubeletAccess, exchange: HttpExchange, target: PodTarget): Promise<void> {
  const pod = podOf(access, target.namespace, target.name);
  const options = readLogOptions(target.query, target.name);
  const container = containerOf(pod, options.container);
  if (!pod.spec.nodeName) {
    // Upstream answers an unscheduled pod's log with nothing.
    exchange.respond(200, { 'content-type': 'text/plain' }, '');
    return;
  }
  const request = kubeletRequest(access, pod, {
    method: 'GET',
    path: `/containerLogs/${target.namespace}/${target.name}/${container}`,
    query: options.query,
    insecure: options.insecure,
  });
  const response = await access.world.network
    .request({ ...request, signal: exchange.signal, timeoutMs: dialTimeoutMs })
    .catch((cause: unknown) => {
      throw failure(cause, `Get "${request.url}": `, request.url);
    });
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

/** An upgrade request for exec, attach or portforward: the kubelet's answer and all bytes after it pass through. */
export async function podStream(
  access: KubeletAccess,
  upgrade: HttpUpgrade,
  target: PodTarget & { readonly subresource: 'exec' | 'attach' | 'portforward' },
): Promise<void> {
  const { subresource, namespace, name, query } = target;
  const pod = podOf(access, namespace, name);
  if (!pod.spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
    throw badRequest(`cannot ${subresource} into a container in a completed pod; current phase is ${pod.status.phase}`);
  }
  let path = `/portForward/${namespace}/${name}`;
  let rest = ports(query);
  if (subresource !== 'portforward') {
    const container = containerOf(pod, query.get('container'));
    if (subresource === 'exec' && query.getAll('command').every((word) => word === ''))
      throw badRequest('you must specify at least 1 command for the container');
    path = `/${subresource}/${namespace}/${name}/${container}`;
    rest = streamOptions(query);
  }
  const request = kubeletRequest(access, pod, {
    method: upgrade.method,
    path,
    query: rest,
    headers: passedOn(upgrade.headers),
  });
  const answer = await access.world.network.upgrade(request).catch((cause: unknown) => {
    throw failure(cause, 'error dialing backend: ', request.url);
  });
  if ('body' in answer) {
    const text = (await answer.bytes(64 * 1024)).toString('utf8').trim();
    throw new ApiError(
      answer.status === 404 ? 'NotFound' : answer.status === 400 ? 'BadRequest' : 'InternalError',
      text || `the kubelet answered ${answer.status}`,
      { code: answer.status },
    );
  }
  upgrade.socket.write(responseHead(101, answer.headers));
  await splice(upgrade, answer);
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

interface KubeletCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers?: HttpHeaders;
  /** The kubelet's certificate is not looked at: the reader asked for that. */
  readonly insecure?: boolean;
}

function kubeletRequest(access: KubeletAccess, pod: Pod, call: KubeletCall): HttpClientRequest {
  const { host, port } = kubeletOf(access, pod.spec.nodeName ?? '');
  const { ca, identity } = access;
  const text = call.query.toString();
  return {
    method: call.method,
    url: `https://${hostPort(host, port)}${call.path}${text ? `?${text}` : ''}`,
    headers: call.headers ?? {},
    tls: call.insecure ? { insecure: true, identity } : { ca, identity },
    timeoutMs: dialTimeoutMs,
  };
}

/** What upstream answers when a kubelet cannot be reached. */
const failure = (cause: unknown, what: string, url: string): unknown =>
  cause instanceof NetworkError
    ? new ApiError('Unknown', `${what}${dialError(cause, new URL(url).host)}`, { code: 500, cause })
    : cause;

/** `ports=80,443&ports=8080`, each as the kubelet's `port`. Throws BadRequest. */
function ports(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const text of query.getAll('ports').flatMap((each) => each.split(','))) {
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
      throw badRequest(`cannot convert to []int32: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    kept.append('port', text);
  }
  return kept;
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
function passedOn(headers: HttpHeaders): HttpHeaders {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => streamHeaders.has(name)));
  if (kept['sec-websocket-protocol'] !== undefined)
    kept['sec-websocket-protocol'] = offeredProtocols(headers).join(', ');
  return kept;
}
