/**
 * Cluster IPs and node ports of Services: each is given once in the cluster. What is taken is read off the stored Services, so there is no second truth to
 * repair; a value is reserved in memory from the allocation until the write is done.
 * Ranges and wording: https://kubernetes.io/docs/reference/networking/virtual-ips/.
 */
import { addressAt, addressCount, contains, formatIp, parseCidr, parseIp, type Cidr } from '#base/cidr.ts';
import { invalid, type Cause } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Service } from '#api/core/service.ts';
import { fnv1a32 } from '#base/hash.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { Allocator } from './resource.ts';

export interface ServiceRanges {
  /** `10.96.0.0/12`. */
  readonly clusterIps: string;
  /** First and last node port. */
  readonly nodePorts: readonly [number, number];
}

/** The first addresses of the range are given out last: upstream keeps them for those who ask for a fixed one. */
const staticBandMax = 256;
const staticBandMin = 16;

export function serviceAllocator(services: WatchCache, ranges: ServiceRanges): Allocator {
  const range = parseCidr(ranges.clusterIps);
  if (!range || range.address.family !== 4)
    throw new Error(`the service range ${ranges.clusterIps} is not an IPv4 CIDR`);
  const reserved = new Set<string>();
  /** Taken addresses and ports by the Services that hold them, kept current by the cache. */
  const taken = new Map<string, string>();
  const follow = (key: string, service: Service | undefined, previous: Service | undefined): void => {
    for (const value of previous ? holdings(previous) : []) if (taken.get(value) === key) taken.delete(value);
    for (const value of service ? holdings(service) : []) taken.set(value, key);
  };
  for (const entry of services.values()) follow(entry.key, entry.object as unknown as Service, undefined);
  services.observe((event) =>
    follow(
      event.entry.key,
      event.deleted ? undefined : (event.entry.object as unknown as Service),
      event.previous?.object as unknown as Service | undefined,
    ),
  );

  return {
    allocate(object, old) {
      const service = object as unknown as Service;
      const key = services.key(service.metadata.namespace, service.metadata.name);
      const mine: string[] = [];
      const isTaken = (value: string): boolean => reserved.has(value) || (taken.has(value) && taken.get(value) !== key);
      const take = (value: string): void => {
        reserved.add(value);
        mine.push(value);
      };
      const release = (): void => mine.forEach((value) => reserved.delete(value));
      try {
        const withIp = allocateIp(service, old as unknown as Service | undefined, { range, ranges, isTaken, take });
        const spec = allocatePorts(withIp, old as unknown as Service | undefined, { ranges, isTaken, take });
        return { object: { ...object, spec } as AnyObject, release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

function holdings(service: Service): string[] {
  const { clusterIP, ports, healthCheckNodePort } = service.spec;
  const held: string[] = [];
  if (clusterIP && clusterIP !== 'None') held.push(`ip/${clusterIP}`);
  for (const port of ports ?? []) if (port.nodePort) held.push(`port/${port.protocol}/${port.nodePort}`);
  if (healthCheckNodePort) held.push(`port/TCP/${healthCheckNodePort}`);
  return held;
}

interface Ledger {
  readonly isTaken: (value: string) => boolean;
  readonly take: (value: string) => void;
}

type Spec = Service['spec'];

function refuse(service: Service, ...causes: Cause[]): never {
  throw invalid({ group: '', kind: 'Service' }, service.metadata.name, causes);
}

const bad = (field: string, value: string, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${value}: ${why}`,
});

function allocateIp(
  service: Service,
  old: Service | undefined,
  { range, ranges, isTaken, take }: Ledger & { range: Cidr; ranges: ServiceRanges },
): Spec {
  const { spec } = service;
  if (spec.type === 'ExternalName') {
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _f, ipFamilyPolicy: _p, ...rest } = spec;
    return rest as Spec;
  }
  const families = {
    ipFamilies: spec.ipFamilies ?? ['IPv4'],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
  } as Partial<Spec>;
  if (spec.ipFamilies?.includes('IPv6') || spec.ipFamilyPolicy === 'RequireDualStack') {
    refuse(service, bad('spec.ipFamilies', JSON.stringify(spec.ipFamilies ?? []), 'not configured on this cluster'));
  }
  const wanted = spec.clusterIP || spec.clusterIPs?.[0] || old?.spec.clusterIP;
  if (wanted === 'None') return { ...spec, ...families, clusterIP: 'None', clusterIPs: ['None'] } as Spec;
  if (wanted) {
    if (wanted !== old?.spec.clusterIP) {
      const ip = parseIp(wanted);
      const inRange = ip !== undefined && contains(range, ip);
      if (!inRange) {
        refuse(
          service,
          bad(
            'spec.clusterIPs',
            `["${wanted}"]`,
            `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${ranges.clusterIps}`,
          ),
        );
      }
      if (isTaken(`ip/${wanted}`)) {
        refuse(
          service,
          bad('spec.clusterIPs', `["${wanted}"]`, `failed to allocate IP ${wanted}: provided IP is already allocated`),
        );
      }
      take(`ip/${wanted}`);
    }
    return { ...spec, ...families, clusterIP: wanted, clusterIPs: [wanted] } as Spec;
  }
  const ip = freeIp(service, range, isTaken);
  take(`ip/${ip}`);
  return { ...spec, ...families, clusterIP: ip, clusterIPs: [ip] } as Spec;
}

/** Starts at a place that depends on the Service, so that a name tends to get its old address again. */
function freeIp(service: Service, range: Cidr, isTaken: (value: string) => boolean): string {
  const usable = Number(addressCount(range)) - 2;
  const band = Math.min(Math.max(staticBandMin, Math.floor(usable / 16)), staticBandMax, usable);
  const upper = usable - band;
  const seed = fnv1a32(`${service.metadata.namespace}/${service.metadata.name}/${service.metadata.uid}`);
  const at = (index: number): string =>
    formatIp(addressAt(range, index + 1) as NonNullable<ReturnType<typeof addressAt>>);
  for (let i = 0; i < upper; i++) {
    const ip = at(band + ((seed + i) % upper));
    if (!isTaken(`ip/${ip}`)) return ip;
  }
  for (let i = band - 1; i >= 0; i--) if (!isTaken(`ip/${at(i)}`)) return at(i);
  return refuse(service, {
    reason: 'InternalError',
    field: 'spec.clusterIPs',
    message: 'failed to allocate a serviceIP: range is full',
  });
}

function allocatePorts(
  spec: Spec,
  old: Service | undefined,
  { ranges, isTaken, take }: Ledger & { ranges: ServiceRanges },
): Spec {
  const wants =
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  if (!wants) {
    if (spec.type === 'LoadBalancer') return spec;
    // What was a node port before the type changed is given back unless the client asks for it by name.
    const had = new Set((old?.spec.ports ?? []).map((port) => port.nodePort));
    return {
      ...spec,
      ports: (spec.ports ?? []).map(({ nodePort, ...port }) =>
        nodePort && !had.has(nodePort) ? { ...port, nodePort } : port,
      ),
    } as Spec;
  }
  const [first, last] = ranges.nodePorts;
  const name = { metadata: { name: old?.metadata.name ?? '' } } as Service;
  const kept = new Map<string, number>();
  for (const port of old?.spec.ports ?? []) if (port.nodePort) kept.set(`${port.protocol}/${port.port}`, port.nodePort);
  const own = new Set((old?.spec.ports ?? []).map((port) => `port/${port.protocol}/${port.nodePort}`));
  /** TCP and UDP of one port number may share a node port within a Service. */
  const chosen = new Set<string>();
  const ports = (spec.ports ?? []).map((port, index) => {
    const value = (number: number): string => `port/${port.protocol}/${number}`;
    const asked = port.nodePort || kept.get(`${port.protocol}/${port.port}`);
    if (asked) {
      if (!own.has(value(asked))) {
        const path = `spec.ports[${index}].nodePort`;
        if (asked < first || asked > last) {
          refuse(
            name,
            bad(
              path,
              String(asked),
              `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
            ),
          );
        }
        if (isTaken(value(asked)) || chosen.has(value(asked)))
          refuse(name, bad(path, String(asked), 'provided port is already allocated'));
        take(value(asked));
      }
      chosen.add(value(asked));
      return { ...port, nodePort: asked };
    }
    const size = last - first + 1;
    const start = fnv1a32(`${index}/${port.port}/${spec.clusterIP ?? ''}`) % size;
    for (let i = 0; i < size; i++) {
      const number = first + ((start + i) % size);
      if (isTaken(value(number)) || chosen.has(value(number))) continue;
      take(value(number));
      chosen.add(value(number));
      return { ...port, nodePort: number };
    }
    return refuse(name, {
      reason: 'InternalError',
      field: `spec.ports[${index}].nodePort`,
      message: 'failed to allocate a nodePort: range is full',
    });
  });
  return { ...spec, ports } as Spec;
}
