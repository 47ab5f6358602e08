/**
 * Node ports of Services, and the port of their health check: a number is given once in the cluster, whatever the protocol, but the ports of one
 * Service may share it. What is taken is read off the stored Services; a number is reserved in memory from its allocation until the write is done.
 */
import { fnv1a32 } from '#base/hash.ts';
import { invalidValue } from '#meta/causes.ts';
import { ApiError, invalid } from '#meta/status.ts';
import type { Service, ServicePort } from '#api/core/service.ts';
import { needsHealthCheck } from '#api/core/service-strategy.ts';

/** The first ports are given out last: they are left for those who ask for a fixed one (KEP-3668). */
const band = { min: 16, max: 128, share: 32 } as const;

export interface PortLedger {
  /** Whether another Service has it. */
  readonly isTaken: (port: number) => boolean;
  readonly take: (port: number) => void;
}

type Spec = Service['spec'];

export const heldPorts = ({ spec }: Service): readonly number[] =>
  [...(spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0), spec.healthCheckNodePort ?? 0].filter(
    (port) => port !== 0,
  );

/** The spec with its ports filled in. Throws Invalid, InternalError. */
export function withNodePorts(
  service: Service,
  old: Service | undefined,
  { range, ledger }: { range: readonly [number, number]; ledger: PortLedger },
): Spec {
  const { spec } = service;
  const own = new Set(old ? heldPorts(old) : []);
  const free = (port: number): boolean => !own.has(port) && !ledger.isTaken(port);
  const wish = (port: number): string | undefined => {
    if (own.has(port)) return undefined;
    const [first, last] = range;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    if (ledger.isTaken(port)) return 'provided port is already allocated';
    own.add(port);
    ledger.take(port);
    return undefined;
  };
  const next = (seed: string): number => {
    const port = search(range, fnv1a32(seed), free);
    if (port === undefined)
      throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a nodePort: range is full');
    own.add(port);
    ledger.take(port);
    return port;
  };
  const ports = spec.ports && withPorts(service, old, { wish, next });
  return withHealthCheck({ ...spec, ...(ports ? { ports } : {}) }, old, { wish, next });
}

interface Choice {
  /** Takes this port; what is wrong with it otherwise. */
  readonly wish: (port: number) => string | undefined;
  readonly next: (seed: string) => number;
}

function withPorts(service: Service, old: Service | undefined, { wish, next }: Choice): readonly ServicePort[] {
  const { spec, metadata } = service;
  const ports = spec.ports ?? [];
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return ports;
  const allocates = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
  /** TCP and UDP of one port of a new Service share their node port. */
  const shared = new Map<number, number>();
  if (!old) for (const { port, nodePort } of ports) if (nodePort && !shared.has(port)) shared.set(port, nodePort);
  return ports.map((one, index) => {
    if (!one.nodePort && !allocates) return one;
    const asked = one.nodePort || shared.get(one.port);
    if (!asked) {
      const nodePort = next(`${metadata.namespace}/${metadata.name}/${one.port}`);
      if (!old) shared.set(one.port, nodePort);
      return { ...one, nodePort };
    }
    const wrong = wish(asked);
    if (wrong !== undefined) {
      throw invalid({ group: '', kind: 'Service' }, metadata.name, [
        invalidValue(`spec.ports[${index}].nodePort`, asked, wrong),
      ]);
    }
    return { ...one, nodePort: asked };
  });
}

function withHealthCheck(spec: Spec, old: Service | undefined, { wish, next }: Choice): Spec {
  if (!needsHealthCheck(spec)) return spec;
  if (old && needsHealthCheck(old.spec)) return spec;
  const asked = spec.healthCheckNodePort;
  if (!asked) return { ...spec, healthCheckNodePort: next(`health/${spec.clusterIP ?? ''}`) };
  const wrong = wish(asked);
  if (wrong !== undefined) {
    throw new ApiError(
      'InternalError',
      `Internal error occurred: failed to allocate requested HealthCheck NodePort ${asked}: ${wrong}`,
    );
  }
  return spec;
}

function search(
  [first, last]: readonly [number, number],
  seed: number,
  free: (port: number) => boolean,
): number | undefined {
  const size = last - first + 1;
  const fixed = size < band.min ? 0 : Math.min(Math.max(Math.floor(size / band.share), band.min), band.max, size);
  for (const [from, length] of [
    [first + fixed, size - fixed],
    [first, fixed],
  ] as const) {
    for (let i = 0; i < length; i++) {
      const port = from + ((seed + i) % length);
      if (free(port)) return port;
    }
  }
  return undefined;
}
