/** Rules of Endpoints beyond their declaration. Wording is upstream's (ValidateEndpoints). */
import { required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, labelKey } from '#meta/names.ts';
import { address, indexed, named, nonSpecialAddress, port, present, type Causes } from '../field-checks.ts';
import { ipWarnings } from '#meta/ip.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import type { EndpointAddress, EndpointSubset } from './endpoints.ts';

function* addressCauses(path: string, list: readonly EndpointAddress[] | undefined): Causes {
  for (const [{ ip, hostname, nodeName }, at] of indexed(path, list)) {
    yield* address(`${at}.ip`, ip ?? '');
    yield* named(dns1123Label, `${at}.hostname`, hostname || undefined);
    yield* named(dns1123Subdomain, `${at}.nodeName`, nodeName);
    yield* nonSpecialAddress(`${at}.ip`, ip ?? '');
  }
}

export function* endpointsCauses({ subsets }: { readonly subsets?: readonly EndpointSubset[] }): Causes {
  for (const [subset, at] of indexed('subsets', subsets)) {
    const { addresses, notReadyAddresses, ports = [] } = subset;
    if (!addresses?.length && !notReadyAddresses?.length)
      yield required(at, 'must specify `addresses` or `notReadyAddresses`');
    yield* addressCauses(`${at}.addresses`, addresses);
    yield* addressCauses(`${at}.notReadyAddresses`, notReadyAddresses);
    for (const [one, portAt] of indexed(`${at}.ports`, ports)) {
      if (ports.length > 1) yield* present(`${portAt}.name`, one.name);
      yield* named(dns1123Label, `${portAt}.name`, one.name || undefined);
      yield* port(`${portAt}.port`, one.port);
      yield* named(labelKey, `${portAt}.appProtocol`, one.appProtocol);
    }
  }
}

/** The controller of the cluster writes addresses as they should be: its own are not looked at. */
export function* endpointsWarnings({
  metadata,
  subsets,
}: {
  readonly metadata: ObjectMeta;
  readonly subsets?: readonly EndpointSubset[];
}): Iterable<string> {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return;
  for (const [subset, at] of indexed('subsets', subsets))
    for (const key of ['addresses', 'notReadyAddresses'] as const)
      for (const [{ ip }, addressAt] of indexed(`${at}.${key}`, subset[key]))
        for (const message of ipWarnings(ip)) yield `${addressAt}.ip: ${message}`;
}
