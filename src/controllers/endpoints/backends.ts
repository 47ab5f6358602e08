/**
 * Which pods stand behind a Service, on which ports, in which state: what EndpointSlices and Endpoints are both made of. Pure.
 */
import type { Pod } from '#api/core/pod.ts';
import type { Service } from '#api/core/service.ts';
import { isReady } from '../pod-facts.ts';

export interface Backend {
  readonly pod: Pod;
  readonly address: string;
  /** Gets traffic. */
  readonly ready: boolean;
  /** Passes its readiness, going or not. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

export interface BackendPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol?: string;
}

/** The pods of a Service that have an address and are not finished, in the order of their names. */
export function backendsOf(service: Service, pods: readonly Pod[]): readonly Backend[] {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  return pods
    .filter((pod) => pod.status?.podIP && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed')
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((pod) => {
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const serving = isReady(pod);
      return {
        pod,
        address: pod.status?.podIP ?? '',
        serving,
        terminating,
        ready: publishAll || (serving && !terminating),
      };
    });
}

/** A Service's ports as one pod has them; a named target port that the pod does not know is left out. */
export function portsOf(service: Service, pod: Pod): readonly BackendPort[] {
  const ports: BackendPort[] = [];
  for (const port of service.spec.ports ?? []) {
    const number = targetPort(port.targetPort ?? port.port, port.protocol ?? 'TCP', pod);
    if (number === undefined) continue;
    ports.push({
      name: port.name ?? '',
      port: number,
      protocol: (port.protocol ?? 'TCP') as BackendPort['protocol'],
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    });
  }
  return ports;
}

function targetPort(target: number | string, protocol: string, pod: Pod): number | undefined {
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const port of container.ports ?? [])
      if (port.name === target && (port.protocol ?? 'TCP') === protocol) return port.containerPort;
  }
  return undefined;
}
