/**
 * Cluster IPs: each one that is given out is an IPAddress object, written and deleted in the transaction that writes the Service, so that two servers
 * can never give the same one (KEP-1880). Addresses come from every ServiceCIDR that is ready; a value is reserved in memory from its
 * allocation until that transaction is done. https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
 */
import {
  addressAt,
  addressCount,
  contains,
  formatIp,
  offsetOf,
  parseCidr,
  parseIp,
  type Cidr,
  type Ip,
} from '#base/cidr.ts';
import { fnv1a32 } from '#base/hash.ts';
import { invalidValue } from '#meta/causes.ts';
import { ApiError, invalid } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { formatTime } from '#meta/time.ts';
import type { Service } from '#api/core/service.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import type { ServiceCIDR } from '#api/networking/servicecidr.ts';
import type { Operation } from '#store/store.ts';
import type { World } from '#world/world.ts';
import type { WatchCache } from '../watch/cache.ts';
import { encode } from '../watch/entry.ts';
import { familyOf, isSettled, type Family } from './service-families.ts';

/** Who made the object: only those are released with the Service. */
const managedBy = 'ipallocator.k8s.io';

/** The first addresses of a range are given out last: they are left for those who ask for a fixed one (KEP-3070). */
const band = { min: 16, max: 256, share: 16 } as const;

export interface AddressCaches {
  readonly ranges: WatchCache;
  readonly addresses: WatchCache;
}

export interface Addresses {
  /** The addresses that the Service has from now on, those in `taken` being new. Throws Invalid, InternalError. */
  allocate(service: Service, old: Service | undefined): { clusterIPs: readonly string[]; taken: readonly string[] };
  /** Ends the reservation. */
  release(taken: readonly string[]): void;
  /** Writes of the objects of addresses that the Service got. */
  claims(service: Service, taken: readonly string[]): readonly Operation[];
  /** Deletes the objects of addresses that it gave back. */
  returns(service: Service, addresses: readonly string[]): readonly Operation[];
}

/** The addresses a Service holds: none when it is headless or a name. */
export const heldAddresses = ({ spec }: Service): readonly string[] =>
  spec.type === 'ExternalName' || spec.clusterIP === 'None'
    ? []
    : (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));

export function serviceAddresses(world: World, { ranges, addresses }: AddressCaches): Addresses {
  const reserved = new Set<string>();
  const isFree = (ip: string): boolean => !reserved.has(ip) && !addresses.get(addresses.key(undefined, ip));

  function ready(family: Family): readonly Cidr[] {
    const found: { cidr: Cidr; created: string }[] = [];
    for (const { object } of ranges.values()) {
      const { metadata, spec, status } = object as unknown as ServiceCIDR;
      // Without a condition nobody has judged it: it is used, in case no controller runs.
      const condition = status.conditions?.find(({ type }) => type === 'Ready');
      if (metadata.deletionTimestamp || (condition !== undefined && condition.status !== 'True')) continue;
      for (const text of spec.cidrs) {
        const cidr = parseCidr(text);
        if (cidr && cidr.address.family === (family === 'IPv6' ? 6 : 4))
          found.push({ cidr, created: `${metadata.creationTimestamp}/${metadata.name}` });
      }
    }
    return found.toSorted((a, b) => (a.created < b.created ? -1 : 1)).map(({ cidr }) => cidr);
  }

  function wanted(service: Service, text: string): string {
    const ip = parseIp(text) as Ip;
    const name = formatIp(ip);
    const refuse = (why: string): never => {
      throw invalid({ group: '', kind: 'Service' }, service.metadata.name, [
        invalidValue('spec.clusterIPs', service.spec.clusterIPs ?? [text], `failed to allocate IP ${text}: ${why}`),
      ]);
    };
    const holding = ready(familyOf(text)).find((cidr) => contains(cidr, ip));
    if (!holding) return refuse('the provided network does not match the current range');
    const { first, last } = usable(holding);
    const offset = offsetOf(holding, ip) as bigint;
    if (offset < first || offset > last) {
      const valid = `${formatIp(holding.address)}/${holding.bits}`;
      return refuse(`the provided IP (${text}) is not in the valid range. The range of valid IPs is ${valid}`);
    }
    return isFree(name) ? name : refuse('provided IP is already allocated');
  }

  function next(service: Service, family: Family): string {
    const { namespace, name, uid } = service.metadata;
    // Starts at a place that depends on the Service, so that a name tends to get its old address again.
    const seed = BigInt(fnv1a32(`${namespace}/${name}/${uid}`));
    for (const cidr of ready(family)) {
      const found = search(cidr, seed, isFree);
      if (found !== undefined) return found;
    }
    throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
  }

  return {
    allocate(service, old) {
      const { spec } = service;
      const before = old ? heldAddresses(old) : [];
      if (spec.type === 'ExternalName' || spec.clusterIP === 'None' || isSettled(service, old))
        return { clusterIPs: spec.clusterIPs ?? [], taken: [] };
      const asked = spec.clusterIPs ?? [];
      const taken: string[] = [];
      try {
        const clusterIPs = (spec.ipFamilies ?? []).map((family, index) => {
          const text = asked[index];
          if (text && before.includes(text)) return text;
          const ip = text ? wanted(service, text) : next(service, family);
          reserved.add(ip);
          taken.push(ip);
          return text ? text : ip;
        });
        return { clusterIPs, taken };
      } catch (error) {
        for (const ip of taken) reserved.delete(ip);
        throw error;
      }
    },
    release(taken) {
      for (const ip of taken) reserved.delete(ip);
    },
    claims: (service, taken) => taken.map((ip) => claim(world, addresses, service, ip)),
    returns: (service, given) =>
      given.flatMap((text) => {
        const ip = parseIp(text);
        const entry = ip && addresses.get(addresses.key(undefined, formatIp(ip)));
        return entry && isOf(entry.object as unknown as IPAddress, service)
          ? [{ op: 'delete' as const, key: entry.key, expect: entry.revision }]
          : [];
      }),
  };
}

/** Whether the allocator made this object for this Service. */
export function isOf({ metadata, spec }: IPAddress, service: Service): boolean {
  const { group = '', resource, namespace, name } = spec.parentRef;
  return (
    metadata.labels?.['ipaddress.kubernetes.io/managed-by'] === managedBy &&
    group === '' &&
    resource === 'services' &&
    namespace === service.metadata.namespace &&
    name === service.metadata.name
  );
}

/** The write of the object that stands for an address of a Service. */
export function claim(world: World, addresses: WatchCache, service: Service, ip: string): Operation {
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: ip,
      uid: world.random.uuid(),
      creationTimestamp: formatTime(world.clock.now()),
      labels: {
        'ipaddress.kubernetes.io/ip-family': familyOf(ip),
        'ipaddress.kubernetes.io/managed-by': managedBy,
      },
    },
    spec: {
      parentRef: { resource: 'services', namespace: service.metadata.namespace, name: service.metadata.name },
    },
  } as unknown as AnyObject;
  return { op: 'put', key: addresses.key(undefined, ip), value: encode(IPAddress, object), expect: 0 };
}

/** Offsets of the addresses that may be given: neither the network's own nor, in IPv4, its broadcast address. */
function usable(cidr: Cidr): { first: bigint; last: bigint } {
  const count = addressCount(cidr);
  return { first: 1n, last: cidr.address.family === 4 ? count - 2n : count - 1n };
}

/** The first free address from `seed` on, those for fixed wishes last; at most as many looks as there are taken ones, and one. */
function search(cidr: Cidr, seed: bigint, isFree: (ip: string) => boolean): string | undefined {
  const { first, last } = usable(cidr);
  const size = last - first + 1n;
  if (size <= 0n) return undefined;
  const share = addressCount(cidr) / BigInt(band.share);
  const fixed =
    addressCount(cidr) <= BigInt(band.min)
      ? 0n
      : share < BigInt(band.min)
        ? BigInt(band.min)
        : share > BigInt(band.max)
          ? BigInt(band.max)
          : share;
  for (const [from, length] of [
    [first + fixed, size - fixed],
    [first, fixed],
  ] as const) {
    for (let i = 0n; i < length; i++) {
      const ip = formatIp(addressAt(cidr, from + ((seed + i) % length)) as Ip);
      if (isFree(ip)) return ip;
    }
  }
  return undefined;
}
