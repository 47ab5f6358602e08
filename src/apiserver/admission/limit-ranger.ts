/**
 * LimitRanger: containers that state nothing get the defaults of their namespace's LimitRanges, and pods, containers and claims outside of the ranges are refused
 * (https://kubernetes.io/docs/concepts/policy/limit-range/). Wording is upstream's.
 */
import type { LimitRange, LimitRangeItem } from '#api/core/limitrange.ts';
import type { PersistentVolumeClaim } from '#api/core/persistentvolumeclaim.ts';
import { podAmounts, quantitiesOf, type Quantities } from '#api/core/pod-amounts.ts';
import type { Pod } from '#api/core/pod.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { compareQuantities, milliValue, quantityValue, type Quantity } from '#meta/quantity.ts';
import { forbidden } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const annotation = 'kubernetes.io/limit-ranger';
type Texts = Readonly<Record<string, string>>;
type Containers = Pod['spec']['containers'];

export function limitRangerAdmission(ranges: WatchCache): AdmissionPlugin {
  const itemsIn = (namespace: string | undefined): readonly (readonly LimitRangeItem[])[] =>
    namespace === undefined
      ? []
      : ranges
          .snapshot(`${ranges.prefix}${namespace}/`)
          .map(({ object }) => (object as unknown as LimitRange).spec?.limits ?? []);
  return {
    name: 'LimitRanger',
    mutate(request) {
      if (!concerns(request, 'Pod')) return request.object;
      let pod = request.object as unknown as Pod;
      for (const items of itemsIn(request.namespace)) pod = withDefaults(pod, items);
      return pod as unknown as AnyObject;
    },
    validate(request) {
      const { object, namespace, kind } = request;
      if (object === undefined) return;
      const isPod = concerns(request, 'Pod');
      if (!isPod && !concerns(request, 'PersistentVolumeClaim')) return;
      for (const items of itemsIn(namespace)) {
        const wrong = isPod
          ? podTroubles(object as unknown as Pod, items)
          : claimTroubles(object as unknown as PersistentVolumeClaim, items);
        if (wrong.length === 0) continue;
        const why = wrong.length === 1 ? (wrong[0] as string) : `[${wrong.join(', ')}]`;
        throw forbidden({ group: kind.group, plural: kind.plural }, object.metadata.name ?? '', why);
      }
    },
  };
}

/** Containers of a pod never change but by a resize. */
function concerns(
  { kind, operation, subresource, old }: AdmissionRequest,
  name: 'Pod' | 'PersistentVolumeClaim',
): boolean {
  if (kind.group !== '' || kind.kind !== name || operation === 'DELETE' || operation === 'CONNECT') return false;
  if (operation === 'UPDATE' && old?.metadata.deletionTimestamp !== undefined) return false;
  if (name === 'Pod') return operation === 'CREATE' ? subresource === undefined : subresource === 'resize';
  return subresource === undefined;
}

function withDefaults(pod: Pod, items: readonly LimitRangeItem[]): Pod {
  const ofContainers = items.filter(({ type }) => type === 'Container');
  const requests: Texts = Object.assign({}, ...ofContainers.map((item) => item.defaultRequest));
  const limits: Texts = Object.assign({}, ...ofContainers.map((item) => item.default));
  const told: string[] = [];
  const filled = (containers: Containers, what: string): Containers =>
    containers.map((container) => {
      const { resources } = container;
      const lacking = (have: Texts | undefined, want: Texts): string[] =>
        Object.keys(want)
          .filter((name) => !Object.hasOwn(have ?? {}, name))
          .sort();
      const newRequests = lacking(resources?.requests, requests);
      const newLimits = lacking(resources?.limits, limits);
      if (newRequests.length + newLimits.length === 0) return container;
      if (newRequests.length > 0) told.push(`${newRequests.join(', ')} request for ${what} ${container.name}`);
      if (newLimits.length > 0) told.push(`${newLimits.join(', ')} limit for ${what} ${container.name}`);
      const merged = {
        ...resources,
        ...(newRequests.length > 0 ? { requests: { ...requests, ...resources?.requests } } : {}),
        ...(newLimits.length > 0 ? { limits: { ...limits, ...resources?.limits } } : {}),
      };
      return { ...container, resources: merged };
    });
  const containers = filled(pod.spec.containers, 'container');
  const initContainers = pod.spec.initContainers && filled(pod.spec.initContainers as Containers, 'init container');
  if (told.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [annotation]: `LimitRanger plugin set: ${told.join('; ')}` };
  const spec = { ...pod.spec, containers, ...(initContainers ? { initContainers } : {}) };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec };
}

interface Amounts {
  readonly requests: Quantities;
  readonly limits: Quantities;
}

function podTroubles({ spec }: Pod, items: readonly LimitRangeItem[]): string[] {
  const wrong: string[] = [];
  for (const item of items) {
    if (item.type === 'Container') {
      for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])])
        wrong.push(
          ...troubles(item, { requests: quantitiesOf(resources?.requests), limits: quantitiesOf(resources?.limits) }),
        );
    } else if (item.type === 'Pod') {
      wrong.push(...troubles(item, { requests: podAmounts(spec, 'requests'), limits: podAmounts(spec, 'limits') }));
    }
  }
  return wrong;
}

function* troubles(item: LimitRangeItem, amounts: Amounts): Generator<string> {
  for (const [name, least] of bounds(item.min))
    yield* below(`minimum ${name} usage per ${item.type}`, name, { least, ...amounts });
  for (const [name, most] of bounds(item.max))
    yield* above(`maximum ${name} usage per ${item.type}`, name, { most, ...amounts });
  for (const [name, ratio] of bounds(item.maxLimitRequestRatio))
    yield* beyond(`${name} max limit to request ratio per ${item.type}`, name, { ratio, ...amounts });
}

const bounds = (texts: Texts | undefined): [string, Quantity][] =>
  [...quantitiesOf(texts)].sort(([a], [b]) => (a < b ? -1 : 1));

function* below(
  what: string,
  name: string,
  { least, requests, limits }: Amounts & { least: Quantity },
): Generator<string> {
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (request === undefined) yield `${what} is ${least.text}.  No request is specified`;
  else if (compareQuantities(request, least) < 0) yield `${what} is ${least.text}, but request is ${request.text}`;
  else if (limit !== undefined && compareQuantities(limit, least) < 0)
    yield `${what} is ${least.text}, but limit is ${limit.text}`;
}

function* above(
  what: string,
  name: string,
  { most, requests, limits }: Amounts & { most: Quantity },
): Generator<string> {
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (limit === undefined) yield `${what} is ${most.text}.  No limit is specified`;
  else if (compareQuantities(limit, most) > 0) yield `${what} is ${most.text}, but limit is ${limit.text}`;
  else if (request !== undefined && compareQuantities(request, most) > 0)
    yield `${what} is ${most.text}, but request is ${request.text}`;
}

function* beyond(
  what: string,
  name: string,
  { ratio, requests, limits }: Amounts & { ratio: Quantity },
): Generator<string> {
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (request === undefined || request.nano === 0n) {
    yield `${what} is ${ratio.text}, but no request is specified or request is 0`;
    return;
  }
  if (limit === undefined || limit.nano === 0n) {
    yield `${what} is ${ratio.text}, but no limit is specified or limit is 0`;
    return;
  }
  // As upstream: in thousandths as long as those are exact.
  const exact = Math.max(milliValue(limit), milliValue(request)) <= Number.MAX_SAFE_INTEGER;
  const observed = exact ? milliValue(limit) / milliValue(request) : quantityValue(limit) / quantityValue(request);
  if (observed > milliValue(ratio) / 1000)
    yield `${what} is ${ratio.text}, but provided ratio is ${observed.toFixed(6)}`;
}

function claimTroubles({ spec }: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const wrong: string[] = [];
  const requests = quantitiesOf(spec.resources?.requests);
  const limits = new Map<string, Quantity>();
  for (const item of items) {
    if (item.type !== 'PersistentVolumeClaim') continue;
    for (const [name, least] of bounds(item.min))
      wrong.push(...below(`minimum ${name} usage per ${item.type}`, name, { least, requests, limits }));
    for (const [name, most] of bounds(item.max)) {
      const request = requests.get(name);
      const what = `maximum ${name} usage per ${item.type} is ${most.text}`;
      if (request === undefined) wrong.push(`${what}.  No request is specified`);
      else if (compareQuantities(request, most) > 0) wrong.push(`${what}, but request is ${request.text}`);
    }
  }
  return wrong;
}
