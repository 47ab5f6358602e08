/**
 * Small pieces that the kinds' validations are written with: they turn the rules of `meta/names.ts` into causes at a path. A validation is
 * a generator of causes, so that all of them reach the client at once. Nothing here may know a kind.
 */
import { invalidValue, required, tooLong } from '#meta/causes.ts';
import { canonicalIp, ipAddress } from '#meta/ip.ts';
import { dns1123Subdomain, inRange, portName, portNumber, type NameCheck } from '#meta/names.ts';
import { parseQuantity } from '#meta/quantity.ts';
import type { Cause } from '#meta/status.ts';

export type Causes = Iterable<Cause>;

/** One cause for each message of the rule. A missing value is no fault here: `required` is the declaration's business. */
export function* named(check: NameCheck, path: string, value: string | undefined): Causes {
  if (value === undefined) return;
  for (const message of check(value)) yield invalidValue(path, value, message);
}

/** Required when empty, else as `named`. */
export function* requiredNamed(check: NameCheck, path: string, value: string | undefined): Causes {
  if (value === undefined || value === '') yield required(path);
  else yield* named(check, path, value);
}

export function* present(path: string, value: string | undefined): Causes {
  if (value === undefined || value === '') yield required(path);
}

export function* nonNegative(path: string, value: number | undefined): Causes {
  if (value !== undefined && value < 0) yield invalidValue(path, value, 'must be greater than or equal to 0');
}

export function* positive(path: string, value: number | undefined): Causes {
  if (value !== undefined && value <= 0) yield invalidValue(path, value, 'must be greater than zero');
}

export function* between(path: string, value: number | undefined, [min, max]: readonly [number, number]): Causes {
  if (value === undefined) return;
  for (const message of inRange(value, min, max)) yield invalidValue(path, value, message);
}

export function* port(path: string, value: number | undefined): Causes {
  if (value === undefined) return;
  for (const message of portNumber(value)) yield invalidValue(path, value, message);
}

export function* portNumberOrName(path: string, value: number | string | undefined): Causes {
  if (typeof value === 'number') yield* port(path, value);
  else yield* named(portName, path, value);
}

export function* address(path: string, value: string | undefined): Causes {
  if (value === undefined) return;
  for (const message of ipAddress(value)) yield invalidValue(path, value, message);
}

/** `path[0]`, `path[1]` … with the items. */
export function* indexed<T>(path: string, list: readonly T[] | undefined): Iterable<readonly [T, string, number]> {
  for (const [index, item] of (list ?? []).entries()) yield [item, `${path}[${index}]`, index];
}

/** User and group IDs. */
export function* id(path: string, value: number | undefined): Causes {
  yield* between(path, value, [0, 2_147_483_647]);
}

/** A path that may not leave its directory: relative, without `..` as one of its parts. */
export function* localDescendingPath(path: string, value: string): Causes {
  if (value.startsWith('/')) yield invalidValue(path, value, 'must be a relative path');
  yield* noBacksteps(path, value);
}

export function* noBacksteps(path: string, value: string): Causes {
  if (value.split('/').includes('..')) yield invalidValue(path, value, "must not contain '..'");
}

/** As `localDescendingPath`, and the name may not begin with `..` either: the kubelet keeps such names for itself. */
export function* localNonReservedPath(path: string, value: string): Causes {
  yield* localDescendingPath(path, value);
  if (value.startsWith('..') && !value.startsWith('../')) yield invalidValue(path, value, "must not start with '..'");
}

export function* nonNegativeQuantity(path: string, text: string): Causes {
  const quantity = parseQuantity(text);
  if (quantity !== undefined && quantity.nano < 0n)
    yield invalidValue(path, quantity.text, 'must be greater than or equal to 0');
}

/** `example.com/name`: a domain, a slash and a path. */
export function* domainPrefixedPath(path: string, value: string): Causes {
  if (value === '') {
    yield required(path);
    return;
  }
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) {
    yield invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
    return;
  }
  const domain = value.slice(0, slash);
  for (const message of dns1123Subdomain(domain)) yield invalidValue(path, domain, message);
  const rest = value.slice(slash + 1);
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(rest))
    yield invalidValue(path, rest, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
}

/** Addresses that no endpoint can have: unspecified, loopback and link-local ones. */
export function* nonSpecialAddress(path: string, value: string): Causes {
  const ip = canonicalIp(value)?.toLowerCase();
  if (ip === undefined) {
    yield invalidValue(path, value, 'must be a valid IP address');
    return;
  }
  if (ip === '0.0.0.0' || ip === '::') yield invalidValue(path, value, `may not be unspecified (${value})`);
  if (ip.startsWith('127.') || ip === '::1')
    yield invalidValue(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (ip.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(ip)) {
    yield invalidValue(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (ip.startsWith('224.0.0.') || /^ff[0-9a-f]2:/.test(ip)) {
    yield invalidValue(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
}

const csiDriverNameMax = 63;

/** The name of a storage driver: a domain in letters of any case. */
export function* csiDriverName(path: string, name: string | undefined): Causes {
  if (name === undefined) return;
  if (Buffer.byteLength(name) > csiDriverNameMax) yield tooLong(path, csiDriverNameMax);
  for (const message of dns1123Subdomain(name.toLowerCase())) yield invalidValue(path, name, message);
}
