/** Rules of EndpointSlices beyond their declaration. Wording is upstream's (pkg/apis/discovery/validation). */
import { duplicate, invalidValue, required, tooMany } from '#meta/causes.ts';
import { ipFamily } from '#meta/ip.ts';
import { dns1123Label, dns1123Subdomain, labelKey } from '#meta/names.ts';
import { address, indexed, named, nonSpecialAddress, port, type Causes } from '../field-checks.ts';
import type { Endpoint, EndpointPort } from './endpointslice.ts';

const endpointsMax = 1000;
const addressesMax = 100;
const portsMax = 20_000;
const hintsMax = 8;

function* fullyQualified(path: string, name: string): Causes {
  if (name === '') {
    yield required(path);
    return;
  }
  const messages = dns1123Subdomain(name.replace(/\.$/, ''));
  for (const message of messages) yield invalidValue(path, name, message);
  if (messages.length === 0 && !name.replace(/\.$/, '').includes('.')) {
    yield invalidValue(path, name, 'should be a domain with at least two segments separated by dots');
  }
}

function* endpointCauses(at: string, endpoint: Endpoint, type: string): Causes {
  const { addresses = [], hostname, nodeName, hints } = endpoint;
  if (addresses.length > addressesMax) yield tooMany(`${at}.addresses`, addresses.length, addressesMax);
  for (const [one, addressAt] of indexed(`${at}.addresses`, addresses)) {
    if (type === 'FQDN') {
      yield* fullyQualified(addressAt, one);
      continue;
    }
    const bad = [...address(addressAt, one)];
    yield* bad;
    if (bad.length > 0) continue;
    if (`IPv${ipFamily(one)}` !== type && (type === 'IPv4' || type === 'IPv6'))
      yield invalidValue(addressAt, one, `must be a valid ${type} address`);
    yield* nonSpecialAddress(addressAt, one);
  }
  yield* named(dns1123Subdomain, `${at}.nodeName`, nodeName);
  yield* named(dns1123Label, `${at}.hostname`, hostname);
  for (const key of ['forZones', 'forNodes'] as const) {
    const list = hints?.[key] ?? [];
    if (list.length > hintsMax) yield tooMany(`${at}.hints.${key}`, list.length, hintsMax);
    const seen = new Set<string>();
    for (const [{ name }, hintAt] of indexed(`${at}.hints.${key}`, list)) {
      if (seen.has(name)) yield duplicate(`${hintAt}.name`, name);
      seen.add(name);
    }
  }
}

export function* endpointSliceCauses(slice: {
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}): Causes {
  const { addressType, endpoints, ports } = slice;
  if (endpoints.length > endpointsMax) yield tooMany('endpoints', endpoints.length, endpointsMax);
  else for (const [endpoint, at] of indexed('endpoints', endpoints)) yield* endpointCauses(at, endpoint, addressType);
  if (ports.length > portsMax) yield tooMany('ports', ports.length, portsMax);
  const names = new Set<string>();
  for (const [one, at] of indexed('ports', ports)) {
    yield* named(dns1123Label, `${at}.name`, one.name || undefined);
    if (names.has(one.name)) yield duplicate(`${at}.name`, one.name);
    names.add(one.name);
    yield* port(`${at}.port`, one.port);
    yield* named(labelKey, `${at}.appProtocol`, one.appProtocol);
  }
}
