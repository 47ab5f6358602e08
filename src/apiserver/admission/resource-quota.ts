/**
 * ResourceQuota: nothing is made in a namespace beyond what its quotas allow, and what is made is counted at once. The count and the object are one transaction, so that
 * two that come together never both fit; who comes next in a namespace waits for its turn. What goes is counted by a controller.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import { ResourceQuota } from '#api/core/resourcequota.ts';
import { counts, isCounted, missingAmounts, usageOf } from '#api/core/quota-usage.ts';
import type { Quantities } from '#api/core/pod-amounts.ts';
import type { Pod } from '#api/core/pod.ts';
import type { AnyKind } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { addQuantities, compareQuantities, parseQuantity, quantityOf, type Quantity } from '#meta/quantity.ts';
import { forbidden } from '#meta/status.ts';
import type { Operation } from '#store/store.ts';
import type { World } from '#world/world.ts';
import { encode, type Entry } from '../watch/entry.ts';
import type { WatchCache } from '../watch/cache.ts';

/** What a write adds to the quotas of its namespace. Disposed once the write is over, well or not. */
export interface Charge extends Disposable {
  readonly operations: readonly Operation[];
}

export interface ChargeRequest {
  readonly kind: AnyKind;
  readonly object: AnyObject;
  /** Absent for a new object. */
  readonly old: AnyObject | undefined;
  readonly subresource: string | undefined;
}

export interface Quotas {
  /** Throws Forbidden for what does not fit; undefined when no quota is about it. */
  charge(request: ChargeRequest): Promise<Charge | undefined>;
}

/** Kinds whose updates may use more. */
const growing = new Set(['/services', '/persistentvolumeclaims', 'resource.k8s.io/resourceclaims']);

function concerns({ kind, object, old, subresource }: ChargeRequest): boolean {
  if (object.metadata.namespace === undefined) return false;
  if (old === undefined) return subresource === undefined;
  const id = `${kind.group}/${kind.plural}`;
  return id === '/pods' ? subresource === 'resize' : subresource === undefined && growing.has(id);
}

export function quotasOf(world: World, cache: WatchCache): Quotas {
  /** By namespace: the end of the write that is under way. */
  const turns = new Map<string, Promise<void>>();

  const operationsFor = (request: ChargeRequest): Operation[] => {
    const { object } = request;
    const now = world.clock.now();
    const namespace = object.metadata.namespace ?? '';
    const refuse = (why: string): Error =>
      forbidden({ group: request.kind.group, plural: request.kind.plural }, object.metadata.name ?? '', why);
    return cache
      .snapshot(`${cache.prefix}${namespace}/`)
      .flatMap((entry) => chargeOf(cache, entry, { request, now, refuse }));
  };

  return {
    async charge(request) {
      if (!concerns(request)) return undefined;
      const namespace = request.object.metadata.namespace ?? '';
      if (cache.size === 0) return undefined;
      if (cache.page(`${cache.prefix}${namespace}/`, `${cache.prefix}${namespace}/`, 1).entries.length === 0)
        return undefined;
      for (let before = turns.get(namespace); before; before = turns.get(namespace)) await before;
      const turn = Promise.withResolvers<void>();
      turns.set(namespace, turn.promise);
      const release = (): void => {
        turns.delete(namespace);
        turn.resolve();
      };
      try {
        return { operations: operationsFor(request), [Symbol.dispose]: release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

interface Question {
  readonly request: ChargeRequest;
  readonly now: number;
  readonly refuse: (why: string) => Error;
}

function chargeOf(cache: WatchCache, entry: Entry, { request, now, refuse }: Question): Operation[] {
  const { kind, object, old } = request;
  const quota = entry.object as unknown as ResourceQuota;
  const { hard = {}, used = {} } = quota.status ?? {};
  const names = Object.keys(hard);
  if (!isCounted(quota.spec, { kind, object, names })) return [];
  const { name } = quota.metadata;
  const about = names.filter((one) => counts(kind, one)).sort();
  if (kind.group === '' && kind.plural === 'pods') {
    const missing = missingAmounts(object as unknown as Pod, about);
    if (missing !== '') throw refuse(`failed quota: ${name}: must specify ${missing}`);
  }
  // The controller has not counted yet what is there.
  if (about.some((one) => used[one] === undefined))
    throw refuse(`status unknown for quota: ${name}, resources: ${about.join(',')}`);
  const more = difference(usageOf(kind, object, now), old && usageOf(kind, old, now));
  const added = about.filter((one) => (more.get(one)?.nano ?? 0n) !== 0n);
  if (added.length === 0) return [];
  const next = new Map(added.map((one) => [one, addQuantities(amount(used, one), more.get(one) as Quantity)]));
  const exceeded = added.filter(
    (one) =>
      (more.get(one) as Quantity).nano > 0n && compareQuantities(next.get(one) as Quantity, amount(hard, one)) > 0,
  );
  if (exceeded.length > 0) {
    const shown = (of: (one: string) => Quantity): string => exceeded.map((one) => `${one}=${of(one).text}`).join(',');
    throw refuse(
      `exceeded quota: ${name}, requested: ${shown((one) => more.get(one) as Quantity)}, used: ${shown((one) => amount(used, one))}, limited: ${shown((one) => amount(hard, one))}`,
    );
  }
  const counted = { ...used, ...Object.fromEntries([...next].map(([one, { text }]) => [one, text])) };
  const status = { ...quota.status, used: counted };
  const value = encode(ResourceQuota, { ...quota, status } as unknown as AnyObject);
  return [{ op: 'put', key: cache.key(quota.metadata.namespace, name), value, expect: entry.revision }];
}

const zero = quantityOf(0n, 'DecimalSI');
const amount = (texts: Readonly<Record<string, string>>, name: string): Quantity =>
  parseQuantity(texts[name] ?? '0') ?? zero;

function difference(now: Quantities, before: Quantities | undefined): Quantities {
  if (before === undefined) return now;
  const more = new Map<string, Quantity>();
  for (const name of new Set([...now.keys(), ...before.keys()])) {
    const [mine, theirs] = [now.get(name) ?? zero, before.get(name) ?? zero];
    more.set(name, quantityOf(mine.nano - theirs.nano, mine.nano === 0n ? theirs.format : mine.format));
  }
  return more;
}
