/**
 * Carries out what probes and lifecycle hooks share: run a command in the container, send an HTTP request, open a TCP connection, sleep. An answer is a value:
 * a failing check is no exception.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { LifecycleHandler, ProbeHandler } from '#api/core/probe.ts';
import type { Pod } from '#api/core/pod.ts';
import { NetworkError, type HttpHeaders, type Millis, type World } from '#world/world.ts';
import type { ContainerRuntime } from './container-runtime.ts';

export interface HandlerTarget {
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIp: string;
  readonly timeoutMs: Millis;
  readonly signal: AbortSignal;
}

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Of a probe's output only this much is kept for the event. */
const outputMax = 10 * 1024;

/** Runs the handler; its message is worded like upstream's. */
export async function runHandler(
  world: World,
  runtime: ContainerRuntime,
  handler: Partial<ProbeHandler & LifecycleHandler>,
  target: HandlerTarget,
): Promise<Outcome> {
  try {
    if (handler.exec) return await runCommand(runtime, handler.exec.command ?? [], target);
    if (handler.httpGet) return await sendRequest(world, handler.httpGet, target);
    if (handler.tcpSocket) return await openConnection(world, handler.tcpSocket, target);
    if (handler.sleep) {
      await world.clock.sleep(handler.sleep.seconds * 1000, { signal: target.signal });
      return { ok: true };
    }
    if (handler.grpc) return { ok: false, message: 'gRPC probes are not supported by this kubelet' };
    return { ok: false, message: 'missing handler' };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

async function runCommand(
  runtime: ContainerRuntime,
  command: readonly string[],
  { containerId, timeoutMs }: HandlerTarget,
): Promise<Outcome> {
  const session = await runtime.exec(containerId, { command, stdin: false, tty: false, timeoutMs });
  let output = '';
  const collect = (chunk: Buffer): void => {
    if (output.length < outputMax) output += chunk.toString('utf8');
  };
  session.stdout.on('data', collect);
  session.stderr?.on('data', collect);
  const code = await session.exited;
  return code === 0
    ? { ok: true }
    : { ok: false, message: output.trim() || `command ${JSON.stringify(command)} exited with ${code}` };
}

/** A port's number, or undefined when the container has none of that name. */
export function portNumber(port: number | string, container: ContainerSpec): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named) return named.containerPort;
  const number = Number(port);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

async function sendRequest(
  world: World,
  action: NonNullable<ProbeHandler['httpGet']>,
  { container, podIp, timeoutMs, signal }: HandlerTarget,
): Promise<Outcome> {
  const port = portNumber(action.port, container);
  if (port === undefined) return { ok: false, message: `invalid port number: ${action.port}` };
  const host = action.host || podIp;
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const path = action.path.startsWith('/') ? action.path : `/${action.path}`;
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.37', accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const deadline = new AbortController();
  const timer = world.clock.after(timeoutMs, () => deadline.abort(), { unref: true });
  try {
    const response = await world.network.request({
      method: 'GET',
      url,
      headers: headers satisfies HttpHeaders,
      protocol: 'http/1.1',
      tls: { insecure: true },
      timeoutMs,
      signal: AbortSignal.any([signal, deadline.signal]),
    });
    response.body.resume().on('error', () => undefined);
    return response.status >= 200 && response.status < 400
      ? { ok: true }
      : { ok: false, message: `HTTP probe failed with statuscode: ${response.status}` };
  } catch (error) {
    if (deadline.signal.aborted || (error instanceof NetworkError && error.code === 'ETIMEDOUT')) {
      return {
        ok: false,
        message: `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      };
    }
    const reason =
      error instanceof NetworkError && error.code === 'ECONNREFUSED'
        ? `dial tcp ${host}:${port}: connect: connection refused`
        : (error as Error).message;
    return { ok: false, message: `Get "${url}": ${reason}` };
  } finally {
    timer.cancel();
  }
}

async function openConnection(
  world: World,
  action: NonNullable<ProbeHandler['tcpSocket']>,
  { container, podIp, timeoutMs, signal }: HandlerTarget,
): Promise<Outcome> {
  const port = portNumber(action.port, container);
  if (port === undefined) return { ok: false, message: `invalid port number: ${action.port}` };
  const host = action.host || podIp;
  try {
    const socket = await world.network.dialTcp({ host, port }, { timeoutMs, signal });
    socket.on('error', () => undefined);
    socket.destroy();
    return { ok: true };
  } catch (error) {
    const reason =
      error instanceof NetworkError && error.code === 'ECONNREFUSED'
        ? 'connect: connection refused'
        : error instanceof NetworkError && error.code === 'ETIMEDOUT'
          ? 'i/o timeout'
          : (error as Error).message;
    return { ok: false, message: `dial tcp ${host}:${port}: ${reason}` };
  }
}
