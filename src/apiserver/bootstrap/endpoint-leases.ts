/**
 * The endpoints of the Service `kubernetes` where several API servers serve one cluster: each keeps a lease of its own in the store, and all publish the addresses whose
 * leases are alive, as upstream's reconciler of that name does. A server that dies leaves the endpoints when its lease has not been renewed for its time to live, by the
 * clock of those who are left. Loaded only where there are several.
 */
import type { Revision, StoreEvent } from '#store/store.ts';
import type { Millis } from '#world/world.ts';
import type { Api } from '../api.ts';
import { publishApi, untilAgreed } from './bootstrap.ts';

const prefix = '/registry/masterleases/';
/** Upstream's times. */
const ttlMsDefault: Millis = 15_000;
const renewMsDefault: Millis = 10_000;
/** Leases that ended at one instant are seen to together. */
const pauseMsMin: Millis = 50;

export interface EndpointLeasesOptions {
  /** The first address of the service range. */
  readonly clusterIp: string;
  readonly own: { readonly ip: string; readonly port: number };
  readonly ttlMs?: Millis;
  readonly renewMs?: Millis;
}

interface Lease {
  readonly revision: Revision;
  readonly seenAt: Millis;
}

/** Resolves when this server is among the endpoints; on disposal it leaves them. */
export async function startEndpointLeases(api: Api, options: EndpointLeasesOptions): Promise<AsyncDisposable> {
  const { own, clusterIp, ttlMs = ttlMsDefault, renewMs = renewMsDefault } = options;
  const { store, world } = api;
  const { clock } = world;
  const key = `${prefix}${own.ip}`;
  const leases = new Map<string, Lease>();
  const stop = new AbortController();
  let renewals = 0;

  const apply = ({ type, entry }: Pick<StoreEvent, 'type' | 'entry'>): void => {
    const ip = entry.key.slice(prefix.length);
    if (type === 'delete') leases.delete(ip);
    else leases.set(ip, { revision: entry.modRevision, seenAt: clock.monotonic() });
  };
  const { entries, revision } = await store.range(prefix);
  // One that is not renewed from now on goes after its time.
  for (const entry of entries) apply({ type: 'put', entry });
  const subscription = await store.watch(prefix, revision, (events) => events.forEach(apply));

  const renew = async (): Promise<void> => {
    const value = Buffer.from(JSON.stringify({ ...own, renewals: ++renewals }));
    const put = (): ReturnType<typeof store.txn> =>
      store.txn([{ op: 'put', key, value, expect: leases.get(own.ip)?.revision ?? 0 }]);
    // Another server took us for dead meanwhile: then what it did is known now.
    if (!(await put()).ok) await put();
  };
  const publish = (): Promise<void> => {
    const ips = [...leases.keys()].toSorted();
    return untilAgreed(() => publishApi(api, { clusterIp, endpoints: ips.map((ip) => ({ ip, port: own.port })) }));
  };
  const bury = async (): Promise<void> => {
    for (const [ip, lease] of leases) {
      if (ip === own.ip || clock.monotonic() - lease.seenAt < ttlMs) continue;
      world.log.info('an API server is gone from the endpoints', { ip });
      await store.txn([{ op: 'delete', key: `${prefix}${ip}`, expect: lease.revision }]);
    }
  };
  /** Until a lease of others ends, or ours is to be renewed. */
  const pause = (renewedAt: Millis): Millis => {
    const ends = [...leases].flatMap(([ip, { seenAt }]) => (ip === own.ip ? [] : [seenAt + ttlMs]));
    return Math.max(pauseMsMin, Math.min(renewedAt + renewMs, ...ends) - clock.monotonic());
  };

  const run = async (): Promise<void> => {
    let renewedAt = clock.monotonic();
    while (!stop.signal.aborted) {
      await clock.sleep(pause(renewedAt), { signal: stop.signal }).catch(() => undefined); // Stopped: seen below.
      if (stop.signal.aborted) return;
      try {
        if (clock.monotonic() - renewedAt >= renewMs) {
          renewedAt = clock.monotonic();
          await renew();
        }
        await bury();
        await publish();
      } catch (error) {
        // The store is away: others take this server for dead, until it can renew again.
        world.log.warn('the endpoints of the API are not kept', { error: (error as Error).message });
      }
    }
  };

  await renew();
  await publish();
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      try {
        const lease = leases.get(own.ip);
        if (lease) await store.txn([{ op: 'delete', key, expect: lease.revision }]);
        await publish();
      } catch (error) {
        world.log.debug('this server could not leave the endpoints', { error: (error as Error).message });
      }
      subscription[Symbol.dispose]();
    },
  };
}
