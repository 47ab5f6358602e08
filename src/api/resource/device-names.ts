/** How drivers, pools, devices, attributes and shares are called. Wording is upstream's. */
import { invalidValue, required, tooLong } from '#meta/causes.ts';
import { cIdentifier, dns1123Subdomain, labelKey } from '#meta/names.ts';
import { csiDriverName, named, type Causes } from '../field-checks.ts';

const idBytesMax = 32;
const poolBytesMax = 253;

/** A driver is called as CSI drivers are. */
export function* driverName(path: string, name: string | undefined): Causes {
  if (name) yield* csiDriverName(path, name);
}

export function* poolName(path: string, name: string | undefined): Causes {
  if (!name) return;
  if (Buffer.byteLength(name) > poolBytesMax) yield tooLong(path, poolBytesMax);
  for (const part of name.split('/')) yield* named(dns1123Subdomain, path, part);
}

function* identifier(path: string, id: string): Causes {
  if (Buffer.byteLength(id) > idBytesMax) yield tooLong(path, idBytesMax);
  yield* named(cIdentifier, path, id);
}

/** `name`, or `domain/name`. */
export function* qualifiedName(path: string, name: string): Causes {
  const parts = name.split('/');
  const [first = '', second = ''] = parts;
  if (parts.length === 1) {
    yield* identifier(path, first);
    return;
  }
  if (parts.length > 2) {
    yield invalidValue(path, name, 'must not contain more than one slash');
    return;
  }
  if (first === '') yield invalidValue(path, '', 'the domain must not be empty');
  else yield* driverName(path, first);
  if (second === '') yield invalidValue(path, '', 'the name must not be empty');
  else yield* identifier(path, second);
}

/** `domain/name`. */
export function* fullyQualifiedName(path: string, name: string): Causes {
  yield* qualifiedName(path, name);
  if (!name.includes('/'))
    yield invalidValue(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
}

/** Resources of device plugins: fully qualified, and not Kubernetes' own. */
export const isExtendedResource = (name: string): boolean =>
  name.includes('/') &&
  !name.includes('kubernetes.io/') &&
  !name.startsWith('requests.') &&
  labelKey(`requests.${name}`).length === 0;

const normalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const anyUuid =
  /^(?:(?:urn:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\{[0-9a-f-]{36}\}|[0-9a-f]{32})$/i;

/** The UID of a share. */
export function* shareUid(path: string, uid: string | undefined): Causes {
  if (uid === undefined || normalUuid.test(uid)) return;
  const known = [32, 36, 38, 45].includes(uid.length);
  yield invalidValue(
    path,
    uid,
    anyUuid.test(uid)
      ? 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
      : `error validating uid: ${known ? 'invalid UUID format' : `invalid UUID length: ${uid.length}`}`,
  );
}

/** JSON of an object, not too long. */
export function* jsonObject(path: string, value: unknown, bytesMax: number): Causes {
  if (value === undefined || value === null) yield required(path);
  else if (Buffer.byteLength(JSON.stringify(value)) > bytesMax) yield tooLong(path, bytesMax);
  else if (typeof value !== 'object' || Array.isArray(value))
    yield invalidValue(path, '<value omitted>', 'must be a valid JSON object');
}
