/**
 * Puts Services and IPAddress objects together again at the start: a store written by an older version has no objects, and a restored backup may have too
 * many. While the server runs, one transaction writes both, so only somebody who deletes an object by hand parts them; that is put right at once.
 */
import { formatIp, parseIp } from '#base/cidr.ts';
import type { Service } from '#api/core/service.ts';
import { Service as ServiceKind } from '#api/core/service.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import { StoreFull, StoreUnavailable, type Operation } from '#store/store.ts';
import type { Millis } from '#world/world.ts';
import type { Api } from '../api.ts';
import { claim, heldAddresses, isOf } from './service-addresses.ts';

/** Writes in one transaction: fewer than the 128 that etcd takes by default. */
const batchMax = 100;
/** A store that is full or out of reach is asked again. */
const retryMs: Millis = 5_000;

/** Another server that starts repairs the same. */
const triesMax = 16;

/** Repairs what is there now. */
export async function repairAddresses(api: Api): Promise<void> {
  for (let tries = 1; ; tries++) {
    const conflict = await repairOnce(api);
    if (conflict === undefined) return;
    if (tries === triesMax) throw new Error(`the addresses of Services could not be repaired: ${conflict} changed`);
  }
}

/** The key that somebody else wrote meanwhile, if there is one. */
async function repairOnce(api: Api): Promise<string | undefined> {
  const [services, addresses] = [api.cache(ServiceKind), api.cache(IPAddress)];
  const operations: Operation[] = [];
  const held = new Map<string, Service>();
  for (const { object } of services.values()) {
    const service = object as unknown as Service;
    for (const text of heldAddresses(service)) {
      const ip = parseIp(text);
      // Of two that hold one address the first keeps its object; the other must be made anew, which nobody can do for its owner.
      if (ip && !held.has(formatIp(ip))) held.set(formatIp(ip), service);
    }
  }
  for (const [ip, service] of held)
    if (!addresses.get(addresses.key(undefined, ip))) operations.push(claim(api.world, addresses, service, ip));
  for (const entry of addresses.values()) {
    const address = entry.object as unknown as IPAddress;
    const { namespace = '', name } = address.spec.parentRef;
    const named = { metadata: { namespace, name } } as Service;
    if (!isOf(address, named)) continue;
    const owner = held.get(entry.name);
    if (owner?.metadata.namespace !== namespace || owner.metadata.name !== name)
      operations.push({ op: 'delete', key: entry.key, expect: entry.revision });
  }
  for (let at = 0; at < operations.length; at += batchMax) {
    const result = await api.store.txn(operations.slice(at, at + batchMax));
    if (!result.ok) return result.conflict.key;
  }
  return undefined;
}

/** Repairs whenever an object of an address in use was deleted by hand, until disposed. */
export function startAddressRepair(api: Api): AsyncDisposable {
  const [services, addresses] = [api.cache(ServiceKind), api.cache(IPAddress)];
  let running: Promise<void> = Promise.resolve();
  const stop = new AbortController();
  const observer = addresses.observe(({ entry, deleted }) => {
    if (!deleted || stop.signal.aborted) return;
    const { namespace, name } = (entry.object as unknown as IPAddress).spec.parentRef;
    running = running.then(async () => {
      while (!stop.signal.aborted) {
        const now = services.get(services.key(namespace, name))?.object as unknown as Service | undefined;
        if (!now || !heldAddresses(now).includes(entry.name) || addresses.get(entry.key)) return;
        try {
          // Lost to another writer: then the object is there again, or the Service is gone.
          await api.store.txn([claim(api.world, addresses, now, entry.name)]);
        } catch (error) {
          // A store that fails stops the whole process by its own `failed`.
          if (!(error instanceof StoreFull || error instanceof StoreUnavailable)) return;
          api.world.log.warn('an address in use has no object yet', { address: entry.name, error: error.message });
          await api.world.clock.sleep(retryMs, { signal: stop.signal }).catch(() => undefined);
        }
      }
    });
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      observer[Symbol.dispose]();
      await running;
    },
  };
}
