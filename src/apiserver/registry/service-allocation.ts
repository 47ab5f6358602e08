/**
 * What a Service gets that is unique in the cluster: IP families, addresses and ports, in upstream's order. Each part stands in a file of its own; this
 * one puts them together for the write path and follows which ports the stored Services hold.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { parseCidr } from '#base/cidr.ts';
import type { Service } from '#api/core/service.ts';
import type { World } from '#world/world.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { PortClaims } from './port-claims.ts';
import { heldPorts, withNodePorts } from './node-ports.ts';
import type { Allocator } from './resource.ts';
import { heldAddresses, serviceAddresses, type AddressCaches } from './service-addresses.ts';
import { withFamilies, type Family } from './service-families.ts';

export interface ServiceRanges {
  /** `10.96.0.0/12`, or one range of each family, `10.96.0.0/12,fd00:1::/112`: the first is the cluster's default family. */
  readonly clusterIps: string;
  /** First and last node port. */
  readonly nodePorts: readonly [number, number];
}

/** The ranges that Services are configured with, as the ServiceCIDR `kubernetes` lists them. Throws when one is no CIDR. */
export const rangesOf = ({ clusterIps }: Pick<ServiceRanges, 'clusterIps'>): readonly string[] =>
  clusterIps.split(',').map((text) => {
    if (!parseCidr(text)) throw new Error(`the service range ${text} is not a CIDR`);
    return text;
  });

export function serviceAllocator(
  world: World,
  { claims, ...caches }: AddressCaches & { readonly services: WatchCache; readonly claims: PortClaims },
  ranges: ServiceRanges,
): Allocator {
  const families = rangesOf(ranges).map((text): Family => (text.includes(':') ? 'IPv6' : 'IPv4'));
  const addresses = serviceAddresses(world, caches);
  const ports = followedPorts(caches.services);

  return {
    allocate(object, previous) {
      const old = previous as unknown as Service | undefined;
      const service = withFamilies(object as unknown as Service, old, families);
      const key = caches.services.key(service.metadata.namespace, service.metadata.name);
      const { clusterIPs, taken } = addresses.allocate(service, old);
      const mine: number[] = [];
      const release = (): void => {
        addresses.release(taken);
        ports.release(mine);
      };
      try {
        const [clusterIP] = clusterIPs;
        const addressed = {
          ...service,
          spec: { ...service.spec, ...(clusterIP === undefined ? {} : { clusterIP, clusterIPs }) },
        } as Service;
        const spec = withNodePorts(addressed, old, {
          range: ranges.nodePorts,
          ledger: {
            isTaken: (port) => ports.isTaken(port, key) || claims.isTaken(port, service),
            take: (port) => {
              ports.reserve(port);
              mine.push(port);
            },
          },
        });
        const done = { ...addressed, spec } as Service;
        const kept = heldAddresses(done);
        const given = old ? heldAddresses(old).filter((ip) => !kept.includes(ip)) : [];
        const keptPorts = heldPorts(done);
        const givenPorts = old ? heldPorts(old).filter((port) => !keptPorts.includes(port)) : [];
        return {
          object: done as unknown as AnyObject,
          operations: [
            ...addresses.claims(done, taken),
            ...addresses.returns(done, given),
            ...claims.claims(done, mine),
            ...claims.returns(done, givenPorts),
          ],
          release,
        };
      } catch (error) {
        release();
        throw error;
      }
    },
    released: (object) => {
      const service = object as unknown as Service;
      return [...addresses.returns(service, heldAddresses(service)), ...claims.returns(service, heldPorts(service))];
    },
  };
}

/** Ports by the Service that holds them, kept current by the cache, and those that are being written. */
function followedPorts(services: WatchCache): {
  isTaken(port: number, key: string): boolean;
  reserve(port: number): void;
  release(ports: readonly number[]): void;
} {
  const reserved = new Set<number>();
  const taken = new Map<number, string>();
  const follow = (key: string, service: Service | undefined, previous: Service | undefined): void => {
    for (const port of previous ? heldPorts(previous) : []) if (taken.get(port) === key) taken.delete(port);
    for (const port of service ? heldPorts(service) : []) taken.set(port, key);
  };
  for (const entry of services.values()) follow(entry.key, entry.object as unknown as Service, undefined);
  services.observe(({ entry, deleted, previous }) =>
    follow(
      entry.key,
      deleted ? undefined : (entry.object as unknown as Service),
      previous?.object as unknown as Service | undefined,
    ),
  );
  return {
    isTaken: (port, key) => reserved.has(port) || (taken.has(port) && taken.get(port) !== key),
    reserve: (port) => void reserved.add(port),
    release: (ports) => ports.forEach((port) => reserved.delete(port)),
  };
}
