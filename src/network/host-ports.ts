/**
 * Node ports on the host's own 127.0.0.1: nodes are namespaces that only this host knows, so `curl localhost:30080` gets an open door here. It
 * listens for what the Services ask for and passes bytes on to that port of a node that is ready; which pod answers is the node's business. It must
 * never listen on any other address: what a cluster on a laptop serves is not the network's.
 */
import { Node } from '#api/core/node.ts';
import { Service } from '#api/core/service.ts';
import type { Client } from '#client/client.ts';
import { startView } from '#client/view.ts';
import { eventRecorder } from '#runtime/events.ts';
import type { World } from '#world/world.ts';
import { tcpDoor, udpDoor } from './host-port-doors.ts';

export interface HostPortsOptions {
  /** First and last node port of the cluster. */
  readonly nodePorts: readonly [number, number];
}

export interface HostPorts extends AsyncDisposable {
  /** Node ports that cannot be reached at the host, and why. */
  problems(): readonly HostPortProblem[];
}

export interface HostPortProblem {
  readonly service: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly message: string;
}

interface Wanted {
  readonly service: Service;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

const host = '127.0.0.1';
const retryMs = 2_000;

/** Runs in the host's network namespace. */
export async function startHostPorts(world: World, client: Client, options: HostPortsOptions): Promise<HostPorts> {
  const services = startView(world, client, Service);
  const nodes = startView(world, client, Node);
  const events = eventRecorder(world, client, { component: 'k8ts-host-ports' });
  const open = new Map<string, AsyncDisposable>();
  const problems = new Map<string, HostPortProblem>();
  const stop = new AbortController();
  let turn = 0;
  let running: Promise<void> | undefined;
  let again = false;

  /** Addresses of ready nodes, beginning with another one every time. */
  const targets = (): readonly string[] => {
    const ready = [...nodes.all()].flatMap(addressOfReady);
    const from = ready.length > 0 ? turn++ % ready.length : 0;
    return [...ready.slice(from), ...ready.slice(0, from)];
  };

  const fail = (key: string, { service, port, protocol }: Wanted, error: unknown): void => {
    const message = `node port ${port}/${protocol} cannot be opened on ${host}: ${reasonOf(error)}`;
    const name = `${service.metadata.namespace}/${service.metadata.name}`;
    if (problems.get(key)?.message !== message) {
      world.log.warn(message, { service: name });
      events.record(service, 'Warning', 'HostPortUnavailable', message);
    }
    problems.set(key, { service: name, port, protocol, message });
  };

  const settle = async (): Promise<void> => {
    const wanted = wantedPorts(services.all(), options.nodePorts);
    for (const key of problems.keys()) if (!wanted.has(key)) problems.delete(key);
    for (const [key, door] of open) {
      if (wanted.has(key)) continue;
      open.delete(key);
      await door[Symbol.asyncDispose]();
    }
    for (const [key, want] of wanted) {
      if (open.has(key) || stop.signal.aborted) continue;
      try {
        const make = want.protocol === 'TCP' ? tcpDoor : udpDoor;
        open.set(key, await make(world, { host, port: want.port, targets }));
        problems.delete(key);
      } catch (error) {
        fail(key, want, error);
      }
    }
  };

  const wake = (): void => {
    if (!services.hasSynced || stop.signal.aborted) return;
    again = true;
    running ??= (async () => {
      while (again) {
        again = false;
        await settle();
      }
      running = undefined;
    })();
  };
  const retry = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await world.clock.sleep(retryMs, { signal: stop.signal }).catch(() => undefined);
      if (problems.size > 0) wake();
    }
  };

  services.onRevision(wake);
  await Promise.all([services.synced, nodes.synced]);
  wake();
  await running;
  const retrying = retry();
  return {
    problems: () => [...problems.values()],
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([services[Symbol.asyncDispose](), nodes[Symbol.asyncDispose](), retrying, running]);
      await Promise.all([...open.values()].map((door) => door[Symbol.asyncDispose]()));
      open.clear();
    },
  };
}

function wantedPorts(services: Iterable<Service>, [first, last]: readonly [number, number]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const service of services) {
    if (service.spec.type !== 'NodePort' && service.spec.type !== 'LoadBalancer') continue;
    for (const { nodePort: port = 0, protocol } of service.spec.ports ?? []) {
      if (port < first || port > last || protocol === 'SCTP') continue;
      wanted.set(`${protocol}:${port}`, { service, port, protocol });
    }
  }
  return wanted;
}

function addressOfReady({ status }: Node): readonly string[] {
  if (!status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')) return [];
  const address = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  return address === undefined ? [] : [address];
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code === 'EADDRINUSE' ? 'another program on this host uses it' : (message ?? String(error));
}
