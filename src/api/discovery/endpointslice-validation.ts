/** Rules of EndpointSlices beyond their declaration. Wording is upstream's (pkg/apis/discovery/validation; warnings: its registry). */
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, invalidValue, required, tooMany } from '#meta/causes.ts';
import { ipAddress, ipFamily, ipWarnings } from '#meta/ip.ts';
import { dns1123Label, dns1123Subdomain, labelKey, labelValue, type NameCheck } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { indexed, named, nonSpecialAddress, type Causes } from '../field-checks.ts';
import type { Endpoint, EndpointHints, EndpointPort } from './endpointslice.ts';

interface SliceLike {
  readonly metadata: ObjectMeta;
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

const endpointsMax = 1000;
const addressesMax = 100;
const portsMax = 20_000;
const hintsMax = 8;

/** A domain of at least two labels; the dot at its end is not told. */
function* fullyQualified(path: string, text: string): Causes {
  if (text === '') {
    yield required(path);
    return;
  }
  const name = text.replace(/\.$/, '');
  const messages = dns1123Subdomain(name);
  if (messages.length > 0) yield invalidValue(path, name, messages.join(','));
  else if (!name.includes('.'))
    yield invalidValue(path, name, 'should be a domain with at least two segments separated by dots');
  else {
    const label = name.split('.').find((part) => dns1123Label(part).length > 0);
    if (label !== undefined) yield invalidValue(path, label, dns1123Label(label).join(','));
  }
}

/** IPv6 came later than IPv4 and insists on the canonical spelling. */
function* ipCauses(path: string, at: string, { ip, family }: { ip: string; family: 4 | 6 }): Causes {
  const bad = ipAddress(ip, { canonicalOnly: family === 6 });
  for (const message of bad) yield invalidValue(at, ip, message);
  if (bad.length > 0) return;
  if (ipFamily(ip) !== family) yield invalidValue(path, ip, `must be an IPv${family} address`);
  yield* nonSpecialAddress(at, ip);
}

function* hintCauses(path: string, hints: EndpointHints): Causes {
  const rules: readonly (readonly ['forZones' | 'forNodes', NameCheck])[] = [
    ['forZones', labelValue],
    ['forNodes', dns1123Subdomain],
  ];
  for (const [key, rule] of rules) {
    const list = hints[key] ?? [];
    if (list.length > hintsMax) {
      yield tooMany(`${path}.${key}`, list.length, hintsMax);
      return;
    }
    const seen = new Set<string>();
    for (const [{ name = '' }, at] of indexed(`${path}.${key}`, list)) {
      if (seen.has(name)) yield duplicate(`${at}.name`, name);
      seen.add(name);
      yield* named(rule, `${at}.name`, name);
    }
  }
}

function* endpointCauses(at: string, endpoint: Endpoint, type: string): Causes {
  const { addresses = [], hostname, nodeName, hints } = endpoint;
  const path = `${at}.addresses`;
  if (addresses.length === 0) yield required(path);
  if (addresses.length > addressesMax) yield tooMany(path, addresses.length, addressesMax);
  for (const [one, addressAt] of indexed(path, addresses)) {
    if (type === 'FQDN') yield* fullyQualified(addressAt, one);
    else if (type === 'IPv4' || type === 'IPv6')
      yield* ipCauses(path, addressAt, { ip: one, family: type === 'IPv4' ? 4 : 6 });
  }
  yield* named(dns1123Subdomain, `${at}.nodeName`, nodeName);
  yield* named(dns1123Label, `${at}.hostname`, hostname);
  if (hints !== undefined) yield* hintCauses(`${at}.hints`, hints);
}

/** The number of a port is not looked at: who uses a slice must (`isUsablePort`). */
export function* slicePortCauses(ports: readonly EndpointPort[]): Causes {
  if (ports.length > portsMax) {
    yield tooMany('ports', ports.length, portsMax);
    return;
  }
  const names = new Set<string>();
  for (const [one, at] of indexed('ports', ports)) {
    yield* named(dns1123Label, `${at}.name`, one.name || undefined);
    if (names.has(one.name)) yield duplicate(`${at}.name`, one.name);
    names.add(one.name);
    yield* named(labelKey, `${at}.appProtocol`, one.appProtocol);
  }
}

function* endpointsCauses({ addressType, endpoints }: SliceLike): Causes {
  if (endpoints.length > endpointsMax) yield tooMany('endpoints', endpoints.length, endpointsMax);
  else for (const [endpoint, at] of indexed('endpoints', endpoints)) yield* endpointCauses(at, endpoint, addressType);
}

export function* endpointSliceCauses(slice: SliceLike): Causes {
  yield* slicePortCauses(slice.ports);
  yield* endpointsCauses(slice);
}

/** Endpoints that stay as they are are not looked at again. */
export function* changedEndpointCauses(slice: SliceLike, old: SliceLike): Causes {
  if (!deepEqual(slice.endpoints, old.endpoints)) yield* endpointsCauses(slice);
}

const ownControllers = new Set(['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']);

/** Controllers of the cluster write addresses as they should be: theirs are not looked at. */
export function* endpointSliceWarnings(slice: SliceLike, isNew: boolean): Iterable<string> {
  if (isNew && slice.addressType === 'FQDN') yield 'spec.addressType: FQDN endpoints are deprecated';
  if (ownControllers.has(slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return;
  for (const [{ addresses }, at] of indexed('endpoints', slice.endpoints))
    for (const [ip, addressAt] of indexed(`${at}.addresses`, addresses))
      for (const message of ipWarnings(ip)) yield `${addressAt}: ${message}`;
}
