/** Rules of requests and limits: known names, no negative amounts, requests within limits. Wording is upstream's. */
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, labelKey } from '#meta/names.ts';
import { compareQuantities, parseQuantity } from '#meta/quantity.ts';
import { indexed, named, nonNegativeQuantity, type Causes } from '../field-checks.ts';
import type { ResourceRequirements } from './resources.ts';

const containerNames = new Set(['cpu', 'memory', 'ephemeral-storage']);
/** Names without a domain that mean something somewhere, though not all of them in a container. */
const standardNames = new Set([
  ...containerNames,
  ...[
    'requests.cpu',
    'requests.memory',
    'requests.ephemeral-storage',
    'limits.cpu',
    'limits.memory',
    'limits.ephemeral-storage',
  ],
  ...[
    'pods',
    'resourcequotas',
    'services',
    'replicationcontrollers',
    'secrets',
    'configmaps',
    'persistentvolumeclaims',
  ],
  ...['storage', 'requests.storage', 'services.nodeports', 'services.loadbalancers'],
]);
/** Counted in whole things. */
const wholeNames = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

const hugePages = 'hugepages-';
const isHugePages = (name: string): boolean => name.startsWith(hugePages);
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');
/** Resources of device plugins: fully qualified, and not Kubernetes' own. */
const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && labelKey(`requests.${name}`).length === 0;
/** Whether a limit may be above the request. */
export const mayOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name);

/** A resource that a container may name. */
export function* containerResourceName(path: string, name: string): Causes {
  yield* resourceName(path, name);
  if (!name.includes('/')) {
    if (!containerNames.has(name) && !isHugePages(name))
      yield invalidValue(path, name, 'must be a standard resource for containers');
  } else if (!isNative(name) && !isExtended(name))
    yield invalidValue(path, name, "doesn't follow extended resource name standard");
}

const isQuotaHugePages = (name: string): boolean => isHugePages(name) || name.startsWith(`requests.${hugePages}`);

/** A resource that anything may name: a standard one, or a qualified name. */
export function* resourceName(path: string, name: string): Causes {
  const messages = labelKey(name);
  for (const message of messages) yield invalidValue(path, name, message);
  if (messages.length === 0 && !name.includes('/') && !standardNames.has(name) && !isQuotaHugePages(name))
    yield invalidValue(path, name, 'must be a standard resource type or fully qualified');
}

/** Whether a quota counts it by a short name. */
export const isQuotaResource = (name: string): boolean =>
  (standardNames.has(name) && name !== 'storage') || isQuotaHugePages(name);

function* podResourceName(path: string, name: string): Causes {
  const causes = [...resourceName(path, name)];
  yield* causes;
  if (causes.length > 0) return;
  if (name !== 'cpu' && name !== 'memory' && !isHugePages(name))
    yield notSupported(path, name, ['cpu', 'hugepages-', 'memory']);
}

/** An amount of a resource: not negative, and whole where only whole ones exist. */
export function* resourceAmount(path: string, name: string, text: string): Causes {
  yield* nonNegativeQuantity(path, text);
  const quantity = parseQuantity(text);
  if (quantity !== undefined && (wholeNames.has(name) || isExtended(name)) && quantity.nano % 1_000_000_000n !== 0n) {
    yield invalidValue(path, quantity.text, 'must be an integer');
  }
}

function* hugePageSize(path: string, name: string, text: string): Causes {
  if (!isHugePages(name)) return;
  const [size, amount] = [parseQuantity(name.slice(hugePages.length)), parseQuantity(text)];
  if (size === undefined || size.nano <= 0n || amount === undefined) return;
  if (amount.nano < size.nano || amount.nano % size.nano !== 0n) {
    yield invalidValue(path, text, `${text} is not positive integer multiple of ${name}`);
  }
}

function* amounts(
  path: string,
  list: Readonly<Record<string, string>> | undefined,
  nameRule: (path: string, name: string) => Causes,
): Causes {
  for (const [name, text] of Object.entries(list ?? {})) {
    const at = `${path}[${name}]`;
    yield* nameRule(at, name);
    yield* resourceAmount(at, name, text);
    yield* hugePageSize(at, name, text);
  }
}

/** `level`: what may be named differs between a container and a pod as a whole. */
export function* resourceCauses(
  path: string,
  resources: ResourceRequirements | undefined,
  { level, claims }: { readonly level: 'container' | 'pod'; readonly claims: ReadonlySet<string> },
): Causes {
  if (resources === undefined) return;
  const { limits, requests } = resources;
  const nameRule = level === 'container' ? containerResourceName : podResourceName;
  yield* amounts(`${path}.limits`, limits, nameRule);
  yield* amounts(`${path}.requests`, requests, nameRule);
  for (const [name, text] of Object.entries(requests ?? {})) {
    const limitText = limits?.[name];
    const [request, limit] = [parseQuantity(text), limitText === undefined ? undefined : parseQuantity(limitText)];
    if (limitText === undefined) {
      if (!mayOvercommit(name)) yield required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    } else if (request !== undefined && limit !== undefined) {
      const order = compareQuantities(request, limit);
      if (order !== 0 && !mayOvercommit(name))
        yield invalidValue(`${path}.requests`, request.text, `must be equal to ${name} limit of ${limit.text}`);
      else if (order > 0)
        yield invalidValue(
          `${path}.requests`,
          request.text,
          `must be less than or equal to ${name} limit of ${limit.text}`,
        );
    }
  }
  const names = [...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    yield forbiddenField(path, 'HugePages require cpu or memory');
  }
  yield* claimCauses(`${path}.claims`, resources.claims, claims);
}

function* claimCauses(path: string, list: ResourceRequirements['claims'], known: ReadonlySet<string>): Causes {
  const seen = new Set<string>();
  for (const [{ name, request }, at] of indexed(path, list)) {
    if (!name) yield required(at);
    const key = request ? `${name}/${request}` : name;
    if (request) yield* named(dns1123Label, `${at}.request`, request);
    const overlaps =
      seen.has(name) || seen.has(key) || (!request && [...seen].some((other) => other.startsWith(`${name}/`)));
    if (overlaps) yield duplicate(at, seen.has(name) ? name : key);
    seen.add(key);
    if (name && !known.has(name)) {
      const detail = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
      yield {
        reason: 'FieldValueNotFound',
        field: at,
        message: `Not found: "${name}": must be one of the names in pod.spec.resourceClaims${detail}`,
      };
    }
  }
}
