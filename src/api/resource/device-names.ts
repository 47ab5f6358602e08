/**
 * How drivers, pools, devices, attributes and shares are called. Wording is upstream's, which has two: older fields are checked by hand, newer ones by
 * declaration, and the two tell the same faults in other words.
 */
import { invalidValue, required, tooLong, tooLongInCharacters } from '#meta/causes.ts';
import { cIdentifier, dns1123Subdomain, labelKey, longName, longNameOfAnyCase, type NameCheck } from '#meta/names.ts';
import { csiDriverName, named, present, type Causes } from '../field-checks.ts';

const idBytesMax = 32;
const poolBytesMax = 253;
const driverMax = 63;

/** A driver is called as CSI drivers are. */
export function* driverName(path: string, name = ''): Causes {
  yield* present(path, name);
  if (name !== '') yield* csiDriverName(path, name);
}

/** The same, declared: the driver of settings and of results. */
export function* declaredDriverName(path: string, name = ''): Causes {
  yield* present(path, name);
  if (name === '') return;
  yield* named(longNameOfAnyCase, path, name);
  if ([...name].length > driverMax) yield tooLongInCharacters(path, driverMax);
}

export function* poolName(path: string, name = ''): Causes {
  yield* present(path, name);
  if (name === '') return;
  if (Buffer.byteLength(name) > poolBytesMax) yield tooLong(path, poolBytesMax);
  for (const part of name.split('/')) yield* named(dns1123Subdomain, path, part);
}

/** The same, declared: the pool of a result. */
export function* declaredPoolName(path: string, name = ''): Causes {
  yield* present(path, name);
  if (name === '') return;
  if (Buffer.byteLength(name) > poolBytesMax) yield tooLong(path, poolBytesMax);
  for (const [index, part] of name.split('/').entries()) {
    if (part === '') yield invalidValue(path, name, `segment ${index}: must not be empty`);
    else yield* named(prefixed(`segment ${index}: `, longName), path, part);
  }
}

const prefixed =
  (prefix: string, check: NameCheck): NameCheck =>
  (text) =>
    check(text).map((message) => `${prefix}${message}`);

function* identifier(path: string, id: string): Causes {
  if (Buffer.byteLength(id) > idBytesMax) yield tooLong(path, idBytesMax);
  yield* named(cIdentifier, path, id);
}

/** `name`, or `domain/name`. Upstream looks into no name of more parts. */
export function* qualifiedName(path: string, name: string): Causes {
  const [first = '', second, third] = name.split('/');
  if (second === undefined) yield* identifier(path, first);
  else if (third === undefined) {
    if (first === '') yield invalidValue(path, '', 'the domain must not be empty');
    else yield* driverName(path, first);
    if (second === '') yield invalidValue(path, '', 'the name must not be empty');
    else yield* identifier(path, second);
  }
}

/** `domain/name`, declared. */
export function* fullyQualifiedName(path: string, name: string): Causes {
  const [domain = '', id, third] = name.split('/');
  if (id === undefined) {
    yield* identifier(path, domain);
    yield invalidValue(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
  } else if (third === undefined) {
    if (domain === '') yield invalidValue(path, '', 'prefix must not be empty');
    else {
      if (Buffer.byteLength(domain) > driverMax) yield tooLong(path, driverMax);
      yield* named(prefixed('prefix: ', longName), path, domain);
    }
    if (id === '') yield invalidValue(path, '', 'name must not be empty');
    else yield* identifier(path, id);
  }
}

/** Resources of device plugins: qualified by a domain that is not Kubernetes' own, and fit for a quota. */
export function* extendedResourceName(path: string, name: string | undefined): Causes {
  if (name === undefined) return;
  const wrong = (detail: string) => invalidValue(path, name, detail);
  if (!name.includes('/')) yield wrong("a name must be a domain-prefixed path, such as 'example.com/my-prop'");
  else if (name.includes('kubernetes.io/')) yield wrong('must not have "kubernetes.io/" domain');
  if (name.startsWith('requests.')) yield wrong('must not have "requests." prefix');
  for (const message of labelKey(`requests.${name}`)) yield wrong(message);
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The UID of a share. */
export function* shareUid(path: string, uid: string | undefined): Causes {
  if (uid !== undefined && !uuid.test(uid))
    yield invalidValue(path, uid, 'must be a lowercase UUID in 8-4-4-4-12 format');
}

/** JSON of an object, not too long. */
export function* jsonObject(path: string, value: unknown, bytesMax: number): Causes {
  if (value === undefined || value === null) yield required(path);
  else if (Buffer.byteLength(JSON.stringify(value)) > bytesMax) yield tooLong(path, bytesMax);
  else if (typeof value !== 'object' || Array.isArray(value))
    yield invalidValue(path, '<value omitted>', 'must be a valid JSON object');
}
