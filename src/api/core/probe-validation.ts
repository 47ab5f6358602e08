/** Rules of probes and lifecycle hooks: exactly one handler, whose fields make sense. Wording is upstream's. */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { httpHeaderName } from '#meta/names.ts';
import { named, nonNegative, port, portNumberOrName, type Causes } from '../field-checks.ts';
import type { ExecAction, GRPCAction, HTTPGetAction, Lifecycle, Probe, SleepAction, TCPSocketAction } from './probe.ts';

interface Handlers {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
}

function* httpGet(path: string, action: HTTPGetAction): Causes {
  yield* portNumberOrName(`${path}.port`, action.port);
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS')
    yield notSupported(`${path}.scheme`, action.scheme, ['HTTP', 'HTTPS']);
  for (const { name } of action.httpHeaders ?? []) yield* named(httpHeaderName, `${path}.httpHeaders`, name);
}

function* sleep(path: string, { seconds }: SleepAction, grace: number): Causes {
  if (seconds < 0 || seconds > grace) {
    yield invalidValue(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`);
  }
}

function* handler(path: string, handlers: Handlers, grace: number): Causes {
  const checks = {
    exec: (at: string) => (handlers.exec?.command?.length ? [] : [required(`${at}.command`)]),
    httpGet: (at: string) => (handlers.httpGet ? httpGet(at, handlers.httpGet) : []),
    tcpSocket: (at: string) => portNumberOrName(`${at}.port`, handlers.tcpSocket?.port ?? 0),
    grpc: (at: string) => port(`${at}.port`, handlers.grpc?.port ?? 0),
    sleep: (at: string) => (handlers.sleep ? sleep(at, handlers.sleep, grace) : []),
  } satisfies Record<keyof Handlers, (at: string) => Causes>;
  let found = false;
  for (const [name, check] of Object.entries(checks)) {
    if (handlers[name as keyof Handlers] === undefined) continue;
    if (found) yield forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type');
    else yield* check(`${path}.${name}`);
    found = true;
  }
  if (!found) yield required(path, 'must specify a handler type');
}

type Purpose = 'liveness' | 'readiness' | 'startup';

function* probe(
  path: string,
  value: Probe,
  { purpose, grace }: { readonly purpose: Purpose; readonly grace: number },
): Causes {
  yield* handler(path, value, grace);
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    yield* nonNegative(`${path}.${key}`, value[key]);
  }
  const own = value.terminationGracePeriodSeconds;
  if (own !== undefined && own <= 0)
    yield invalidValue(`${path}.terminationGracePeriodSeconds`, own, 'must be greater than 0');
  if (purpose === 'readiness') {
    if (own !== undefined)
      yield invalidValue(`${path}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes');
  } else if (value.successThreshold !== 1)
    yield invalidValue(`${path}.successThreshold`, value.successThreshold, 'must be 1');
}

interface Watched {
  readonly lifecycle?: Lifecycle;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

/** Hooks and probes of a container that runs as long as the pod. */
export function* probeCauses(path: string, container: Watched, grace: number): Causes {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  if (lifecycle?.postStart) yield* handler(`${path}.lifecycle.postStart`, lifecycle.postStart, grace);
  if (lifecycle?.preStop) yield* handler(`${path}.lifecycle.preStop`, lifecycle.preStop, grace);
  if (livenessProbe) yield* probe(`${path}.livenessProbe`, livenessProbe, { purpose: 'liveness', grace });
  if (readinessProbe) yield* probe(`${path}.readinessProbe`, readinessProbe, { purpose: 'readiness', grace });
  if (startupProbe) yield* probe(`${path}.startupProbe`, startupProbe, { purpose: 'startup', grace });
}

/** None of them for a container that runs once, before the others. */
export function* noProbeCauses(path: string, container: Watched): Causes {
  for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[key] !== undefined)
      yield forbiddenField(`${path}.${key}`, 'may not be set for init containers without restartPolicy=Always');
  }
}
