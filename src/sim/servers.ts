/**
 * Several API servers over one etcd, as control planes have them: each is a process on a machine of its own, with the product's client of etcd, its own caches and its own
 * endpoint. How they are reached is the relay's matter, how they reach etcd is etcd's.
 */
import type { ApiServerOptions } from '#apiserver/server.ts';
import { startEndpointLeases } from '#apiserver/bootstrap/endpoint-leases.ts';
import { openEtcdStore } from '#store/etcd/etcd-store.ts';
import type { Store } from '#store/store.ts';
import { NetworkError, type Network, type Random, type World } from '#world/world.ts';
import { startSimEtcd, type SimEtcd } from './etcd/etcd.ts';
import type { Faults } from './faults.ts';
import type { FaultPlan } from './plan.ts';
import { startRelay, type SimRelay } from './relay.ts';
import { startSimServer, type Process, type SimServer } from './server.ts';
import type { History } from './trace.ts';
import type { SimUniverse } from './world/world.ts';

export interface SimServers extends AsyncDisposable, Pick<SimRelay, 'dialled' | 'isolate'> {
  readonly all: readonly SimServer[];
  readonly etcd: SimEtcd;
  /** Who is not well, or has not come to the newest revision. */
  behind(): readonly string[];
  /** Who hears of it when the process of a server has died. */
  onDeath(listener: (name: string) => void): void;
  /** From now on faults may strike. */
  arm(): void;
}

export interface SimServersParts {
  readonly universe: SimUniverse;
  readonly seed: number | string;
  readonly count: number;
  readonly random: Random;
  readonly options: Omit<ApiServerOptions, 'store'>;
  readonly history: History;
  readonly breach: (text: string) => void;
  readonly plan: FaultPlan;
  readonly faults: Faults;
  readonly defect: {
    readonly store?: (store: Store, server: string) => Store;
    readonly etcd?: (network: Network, server: string) => Network;
  };
}

/** The first address of the service range. */
const clusterIp = '10.96.0.1';

export async function startSimServers(parts: SimServersParts): Promise<SimServers> {
  const { universe, plan, faults, defect } = parts;
  const { time } = universe;
  const { clock } = time;
  const etcd = await startSimEtcd(universe, parts);
  await parts.history.follow(etcd.store);
  const listeners: ((name: string) => void)[] = [];
  let isArmed = false;
  const strikes = (who: string, fault: keyof Faults): boolean => isArmed && plan.strikes(who, fault, faults[fault]);

  /** Etcd as one process finds it, which may die before a write leaves it, and before it hears what became of it. */
  const open = async (name: string, world: World, { signal, die, reached, reads }: Process): Promise<Store> => {
    const plain = etcd.networkOf(name, world.network);
    const network = defect.etcd?.(plain, name) ?? plain;
    const dies = async (isWrite: boolean): Promise<void> => {
      if (isWrite && !signal.aborted && strikes(name, 'crash')) die();
      if (signal.aborted) throw new NetworkError('ECONNRESET', `${name} died`);
    };
    const request: Network['request'] = async (asked) => {
      const isWrite = asked.url.endsWith('/Txn');
      await dies(isWrite);
      const response = await network.request(asked);
      await dies(isWrite);
      return response;
    };
    const store = await openEtcdStore(
      { ...world, network: { ...network, request } },
      { servers: turned(etcd.servers, name) },
    );
    const end = (): void => void store[Symbol.asyncDispose]();
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    if (!signal.aborted) {
      reached(store.revision());
      await store.watch('', store.revision(), (_events, revision) => reached(revision));
    }
    const object: Store = {
      ...asObject(store),
      watch: (prefix, after, onEvents) => reads(store.watch(prefix, after, onEvents)),
    };
    return defect.store?.(object, name) ?? object;
  };

  const start = async (name: string, index: number): Promise<SimServer> => {
    const world = universe.machine(name);
    return startSimServer({
      name,
      world,
      time,
      random: parts.random,
      options: parts.options,
      breach: parts.breach,
      open: (process) => open(name, world, process),
      beside: ({ api }) => startEndpointLeases(api, { clusterIp, own: { ip: `192.0.2.${200 + index}`, port: 6443 } }),
      onDeath: () => listeners.forEach((listener) => listener(name)),
    });
  };
  const all = await Promise.all(
    Array.from({ length: parts.count }, (_, index) => start(`server-${index + 1}`, index + 1)),
  );
  const relay = startRelay(clock, all, { random: parts.random, strikes });

  return {
    all,
    etcd,
    dialled: relay.dialled,
    isolate: relay.isolate,
    behind: () =>
      all.filter((each) => !relay.isWell(each) || each.revision < etcd.store.revision()).map(({ name }) => name),
    onDeath: (listener) => void listeners.push(listener),
    arm() {
      isArmed = true;
      etcd.arm();
    },
    async [Symbol.asyncDispose]() {
      relay[Symbol.dispose]();
      for (const server of all) await server[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

/** The members, beginning with the one beside the server of this name. */
function turned<T>(members: readonly T[], name: string): readonly T[] {
  const at = (Number(/\d+$/.exec(name)?.[0] ?? 1) - 1) % members.length;
  return [...members.slice(at), ...members.slice(0, at)];
}

/** The same store as an object whose parts can be replaced one by one. */
const asObject = (store: Store): Store => ({
  get: (key, options) => store.get(key, options),
  range: (prefix, options) => store.range(prefix, options),
  txn: (operations) => store.txn(operations),
  watch: (prefix, after, onEvents) => store.watch(prefix, after, onEvents),
  compact: (revision) => store.compact(revision),
  revision: () => store.revision(),
  sync: () => store.sync(),
  compactRevision: () => store.compactRevision(),
  sizeBytes: () => store.sizeBytes(),
  failed: store.failed,
  shared: true,
  ...(store.checks ? { checks: store.checks } : {}),
  [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
});
