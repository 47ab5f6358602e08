/**
 * What an object counts for in a ResourceQuota, and whether a quota is about it at all: the arithmetic that the admission of new objects and the controller that recounts
 * share. Pure. https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { addQuantities, parseQuantity, quantityOf, type Quantity } from '#meta/quantity.ts';
import { parseTime } from '#meta/time.ts';
import type { ResourceClaim } from '../resource/resourceclaim.ts';
import type { PersistentVolumeClaim } from './persistentvolumeclaim.ts';
import { podAmounts, type Quantities } from './pod-amounts.ts';
import { qualityOf } from './pod-quality.ts';
import type { Pod } from './pod.ts';
import type { ResourceQuotaSpec, ScopedResourceSelectorRequirement } from './resourcequota.ts';
import type { Service } from './service.ts';

/** What is read of a kind. */
export interface CountedKind {
  readonly group: string;
  readonly plural: string;
}

const whole = (count: number): Quantity => quantityOf(BigInt(count) * 1_000_000_000n, 'DecimalSI');
const none = parseQuantity('0') as Quantity;

const compute = ['cpu', 'memory', 'ephemeral-storage'];
/** Kinds that a quota may also call by their plain name. */
const plainly = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets']);
const classSuffix = '.storageclass.storage.k8s.io/';
const attributesSuffix = '.volumeattributesclass.storage.k8s.io/';
const devicesSuffix = '.deviceclass.resource.k8s.io/devices';
const betaClass = 'volume.beta.kubernetes.io/storage-class';
/** As many devices as a claim for all of them may get. */
const allDevices = 32;

/** `count/deployments.apps`, `count/pods`. */
const countName = ({ group, plural }: CountedKind): string => `count/${group === '' ? plural : `${plural}.${group}`}`;

const nameOf = ({ group, plural }: CountedKind): string => (group === '' ? plural : `${plural}.${group}`);

/** Whether objects of this kind can count for the resource of this name. */
export function counts(kind: CountedKind, name: string): boolean {
  if (name === countName(kind)) return true;
  switch (nameOf(kind)) {
    case 'pods':
      if (name === 'pods' || compute.includes(name) || name.startsWith('hugepages-')) return true;
      if (name.startsWith('limits.')) return compute.includes(name.slice('limits.'.length));
      if (!name.startsWith('requests.') || name === 'requests.storage') return false;
      return compute.includes(name.slice('requests.'.length)) || /^requests\.(hugepages-|[^/]+\/)/.test(name);
    case 'services':
      return name === 'services' || name === 'services.nodeports' || name === 'services.loadbalancers';
    case 'persistentvolumeclaims':
      return (
        name === 'persistentvolumeclaims' ||
        name === 'requests.storage' ||
        name.includes(classSuffix) ||
        name.includes(attributesSuffix)
      );
    case 'resourceclaims.resource.k8s.io':
      return name.endsWith(devicesSuffix);
    default:
      return kind.group === '' && plainly.has(kind.plural) && name === kind.plural;
  }
}

/** What the object counts for at `now`, by resource. */
export function usageOf(kind: CountedKind, object: AnyObject, now: number): Quantities {
  const usage = new Map<string, Quantity>([[countName(kind), whole(1)]]);
  switch (nameOf(kind)) {
    case 'pods':
      podUsage(usage, object as unknown as Pod, now);
      break;
    case 'services':
      serviceUsage(usage, object as unknown as Service);
      break;
    case 'persistentvolumeclaims':
      claimUsage(usage, object as unknown as PersistentVolumeClaim);
      break;
    case 'resourceclaims.resource.k8s.io':
      deviceUsage(usage, object as unknown as ResourceClaim);
      break;
    default:
      if (kind.group === '' && plainly.has(kind.plural)) usage.set(kind.plural, whole(1));
  }
  return usage;
}

/** A pod that has ended, or that should long be gone, uses nothing but its place in the store. */
function podUsage(usage: Map<string, Quantity>, pod: Pod, now: number): void {
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds !== undefined) {
    if (now > (parseTime(deletionTimestamp) ?? now) + Number(deletionGracePeriodSeconds) * 1000) return;
  }
  usage.set('pods', whole(1));
  for (const [name, amount] of podAmounts(pod.spec, 'requests')) {
    if (compute.includes(name) || name.startsWith('hugepages-')) usage.set(name, amount);
    if (compute.includes(name) || name.startsWith('hugepages-') || name.includes('/'))
      usage.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of podAmounts(pod.spec, 'limits'))
    if (compute.includes(name)) usage.set(`limits.${name}`, amount);
}

function serviceUsage(usage: Map<string, Quantity>, { spec }: Service): void {
  const ports = spec.ports ?? [];
  usage.set('services', whole(1));
  usage.set('services.loadbalancers', whole(spec.type === 'LoadBalancer' ? 1 : 0));
  // A load balancer that needs no node ports counts those that were asked for all the same.
  const without = spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false;
  const nodePorts = without ? ports.filter(({ nodePort }) => nodePort) : ports;
  usage.set(
    'services.nodeports',
    whole(spec.type === 'NodePort' || spec.type === 'LoadBalancer' ? nodePorts.length : 0),
  );
}

function claimUsage(usage: Map<string, Quantity>, { metadata, spec }: PersistentVolumeClaim): void {
  usage.set('persistentvolumeclaims', whole(1));
  const storage = parseQuantity(spec.resources?.requests?.['storage'] ?? '');
  if (storage !== undefined) usage.set('requests.storage', storage);
  const className = metadata.annotations?.[betaClass] ?? spec.storageClassName;
  if (!className) return;
  usage.set(`${className}${classSuffix}persistentvolumeclaims`, whole(1));
  if (storage !== undefined) usage.set(`${className}${classSuffix}requests.storage`, storage);
}

function deviceUsage(usage: Map<string, Quantity>, { spec }: ResourceClaim): void {
  const add = (className: string, count: number): void => {
    const name = `${className}${devicesSuffix}`;
    usage.set(name, addQuantities(usage.get(name) ?? none, whole(count)));
  };
  const countOf = ({ allocationMode, count }: { allocationMode?: string; count?: number | bigint }): number =>
    allocationMode === 'All' ? allDevices : Number(count ?? 1);
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    if (exactly) add(exactly.deviceClassName, countOf(exactly));
    // Of alternatives of one class the dearest may become true.
    const dearest = new Map<string, number>();
    for (const one of firstAvailable)
      dearest.set(one.deviceClassName, Math.max(dearest.get(one.deviceClassName) ?? 0, countOf(one)));
    for (const [className, count] of dearest) add(className, count);
  }
}

/** Whether the quota counts this object: one of its resources is of the kind, and all of its scopes hold. */
export function isCounted(
  spec: ResourceQuotaSpec,
  { kind, object, names }: { kind: CountedKind; object: AnyObject; names: readonly string[] },
): boolean {
  return names.some((name) => counts(kind, name)) && requirementsOf(spec).every((one) => holds(one, kind, object));
}

function requirementsOf({ scopes = [], scopeSelector }: ResourceQuotaSpec): ScopedResourceSelectorRequirement[] {
  const named = scopes.map((scopeName) => ({ scopeName, operator: 'Exists' as const }));
  return [...named, ...(scopeSelector?.matchExpressions ?? [])];
}

function holds(requirement: ScopedResourceSelectorRequirement, kind: CountedKind, object: AnyObject): boolean {
  const { scopeName } = requirement;
  if (scopeName === 'VolumeAttributesClass') {
    if (nameOf(kind) !== 'persistentvolumeclaims') return false;
    const { spec, status } = object as unknown as PersistentVolumeClaim;
    const names = [
      spec.volumeAttributesClassName,
      status?.currentVolumeAttributesClassName,
      status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ].filter((name): name is string => Boolean(name));
    return names.length === 0 ? isAmong(requirement, undefined) : names.some((name) => isAmong(requirement, name));
  }
  // The other scopes are of pods alone.
  if (nameOf(kind) !== 'pods') return false;
  const { spec } = object as unknown as Pod;
  const isTerminating = spec.activeDeadlineSeconds !== undefined && Number(spec.activeDeadlineSeconds) >= 0;
  switch (scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return qualityOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qualityOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return isAmong(requirement, spec.priorityClassName || undefined);
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(spec);
    default:
      return false;
  }
}

function isAmong({ operator, values = [] }: ScopedResourceSelectorRequirement, name: string | undefined): boolean {
  switch (operator) {
    case 'Exists':
      return name !== undefined;
    case 'DoesNotExist':
      return name === undefined;
    case 'In':
      return name !== undefined && values.includes(name);
    case 'NotIn':
      return name === undefined || !values.includes(name);
    default:
      return false;
  }
}

function crossesNamespaces({ affinity }: Pod['spec']): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some((term) => (term?.namespaces?.length ?? 0) > 0 || term?.namespaceSelector !== undefined);
}

const constrained = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];

/** Amounts that a quota makes a pod state, and that it does not: `limits.cpu for: a,b; memory for: b`. Empty when none is missing. */
export function missingAmounts({ spec }: Pod, names: readonly string[]): string {
  const missing = new Map<string, Set<string>>();
  for (const { name: container, resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const name of constrained) {
      if (!names.includes(name)) continue;
      const which = name.startsWith('limits.') ? ('limits' as const) : ('requests' as const);
      const resource = name.replace(/^(limits|requests)\./, '');
      if (resources?.[which]?.[resource] !== undefined || spec.resources?.[which]?.[resource] !== undefined) continue;
      missing.set(name, (missing.get(name) ?? new Set()).add(container));
    }
  }
  return [...missing]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, containers]) => `${name} for: ${[...containers].sort().join(',')}`)
    .join('; ');
}
