/**
 * The service proxy of one node, in the node's network namespace: watches Services and EndpointSlices, and keeps one nftables table equal to the plan.
 * The table is written whole once; after that a change is its own few elements. Changes that come together are one transaction. It must
 * never list the table, and never write while an earlier write is on its way.
 */
import { EndpointSlice } from '#api/discovery/endpointslice.ts';
import { Node } from '#api/core/node.ts';
import { Service } from '#api/core/service.ts';
import { parseCidr, parseIp } from '#base/cidr.ts';
import { deferred } from '#base/deferred.ts';
import type { Client } from '#client/client.ts';
import { keyOf, startView } from '#client/view.ts';
import type { World } from '#world/world.ts';
import { elementsOf, PoolNumbers } from './elements.ts';
import { planService, serviceOf, type NodeFacts, type ServicePlan, type Target } from './plan.ts';
import { TableState } from './state.ts';

export interface ProxyOptions {
  readonly nodeName: string;
  /** Clients within it are pods of this node. */
  readonly podCidr: string;
  /** Where the Service default/kubernetes leads on this node. */
  readonly apiAddress?: Target;
  /** Service addresses that this node answers itself, such as cluster DNS. */
  readonly ownAddresses?: readonly string[];
  readonly table?: string;
}

export interface Proxy extends AsyncDisposable {
  /** Resolves when the kernel has the first whole table. */
  readonly synced: Promise<void>;
  /** Resolves when every change that was seen so far is in the kernel. */
  settled(): Promise<void>;
}

const zoneLabel = 'topology.kubernetes.io/zone';
const retryMsMin = 500;
const retryMsMax = 30_000;
/** 30,000 Services load in 0.7 s; a machine under load may need much longer. */
const applyTimeoutMs = 60_000;

export async function startProxy(world: World, client: Client, options: ProxyOptions): Promise<Proxy> {
  const { nodeName, podCidr, table = 'k8ts', apiAddress } = options;
  if (parseCidr(podCidr)?.address.family !== 4) throw new Error(`${JSON.stringify(podCidr)} is no IPv4 range`);
  if (!/^[a-z][a-z0-9_-]{0,30}$/.test(table)) throw new Error(`${JSON.stringify(table)} is no table's name`);
  if (apiAddress && parseIp(apiAddress.ip)?.family !== 4) throw new Error(`${apiAddress.ip} is no IPv4 address`);

  // Before the views start: nothing may be awaited until their listeners stand, or the first list would pass unheard.
  const conntrack = await world.processes.which('conntrack');
  const services = startView(world, client, Service);
  const slices = startView(world, client, EndpointSlice, {
    indexes: { service: (slice) => [serviceOf(slice)].filter((name) => name !== undefined) },
  });
  const nodes = startView(world, client, Node, { fieldSelector: `metadata.name=${nodeName}` });

  const state = new TableState({ table, podCidr });
  const numbers = new PoolNumbers();
  const plans = new Map<string, ServicePlan>();
  const dirty = new Set<string>();
  const stop = new AbortController();
  const synced = deferred();
  synced.promise.catch(() => undefined);
  let zone = '';
  let running: Promise<void> | undefined;

  const facts = (): NodeFacts => ({
    nodeName,
    zone,
    ownAddresses: new Set(options.ownAddresses),
    ...(apiAddress ? { api: apiAddress } : {}),
  });

  /** Brings the plans of changed Services into the state; answers the UDP endpoints that are gone. */
  const compute = async (): Promise<ReadonlySet<string>> => {
    const now = facts();
    const goneUdp = new Set<string>();
    let since = world.clock.monotonic();
    for (const name of dirty) {
      dirty.delete(name);
      const service = services.get(name);
      const before = plans.get(name);
      const plan = service && planService(service, slices.by('service', name), now);
      const kept = new Set(plan?.pools.map(({ key }) => key));
      for (const ip of udpTargets(before)) goneUdp.add(ip);
      for (const ip of udpTargets(plan)) goneUdp.delete(ip);
      state.set(name, plan && elementsOf(plan, numbers));
      for (const { key } of before?.pools ?? []) if (!kept.has(key)) numbers.free(key);
      if (plan) plans.set(name, plan);
      else plans.delete(name);
      if (world.clock.monotonic() - since < 5) continue;
      await world.clock.yield();
      since = world.clock.monotonic();
    }
    return goneUdp;
  };

  const apply = async (): Promise<void> => {
    const goneUdp = await compute();
    const transaction = state.transaction();
    if (transaction) {
      const { code, stderr } = await world.processes.run(['nft', '-f', '-'], {
        input: transaction.text,
        timeoutMs: applyTimeoutMs,
      });
      if (code !== 0) throw new Error(`nft refused the table: ${stderr.slice(0, 2_000).trim()}`);
      transaction.done();
    }
    synced.resolve();
    if (!conntrack) return;
    // A datagram's "connection" lives on by the client's sending alone: without this it would go to a pod that is gone.
    for (const ip of goneUdp) await world.processes.run([conntrack, '-D', '-p', 'udp', '--dst-nat', ip]);
  };

  const work = async (): Promise<void> => {
    let retryMs = retryMsMin;
    let failed = false;
    // Everything that this turn of the loop brings is one transaction.
    await world.clock.yield();
    while ((dirty.size > 0 || failed || !synced.settled) && !stop.signal.aborted) {
      try {
        await apply();
        failed = false;
        retryMs = retryMsMin;
      } catch (error) {
        failed = true;
        state.forget();
        world.log.error('the service proxy could not apply its table', { error: String(error) });
        await world.clock.sleep(retryMs, { signal: stop.signal }).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, retryMsMax);
      }
    }
  };
  const wake = (): void => {
    if (!services.hasSynced || !slices.hasSynced || !nodes.hasSynced || stop.signal.aborted) return;
    running ??= work().finally(() => {
      running = undefined;
      if (dirty.size > 0) wake();
    });
  };

  services.onChange(({ old, now }) => dirty.add(keyOf((now ?? old) as Service)));
  slices.onChange(({ old, now }) => {
    for (const slice of [old, now]) {
      const name = slice && serviceOf(slice);
      if (name !== undefined) dirty.add(name);
    }
  });
  nodes.onChange(({ now }) => {
    const found = now?.metadata.labels?.[zoneLabel] ?? '';
    if (found === zone) return;
    zone = found;
    for (const service of services.all()) dirty.add(keyOf(service));
  });
  for (const view of [services, slices, nodes]) view.onRevision(() => dirty.size > 0 && wake());
  void Promise.all([services.synced, slices.synced, nodes.synced]).then(wake);

  return {
    synced: synced.promise,
    async settled() {
      await synced.promise;
      while (running) await running;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      synced.reject(new Error('the service proxy was stopped'));
      await Promise.all([services, slices, nodes].map((view) => view[Symbol.asyncDispose]()));
      await running;
    },
  };
}

function* udpTargets(plan: ServicePlan | undefined): Iterable<string> {
  for (const { entries, cluster, local } of plan?.pools ?? []) {
    if (!entries.some(({ protocol }) => protocol === 'UDP')) continue;
    for (const { ip } of cluster.targets) yield ip;
    for (const { ip } of local.targets) yield ip;
  }
}
