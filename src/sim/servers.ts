/**
 * Several API servers over one etcd, and the way to them: as through the relay of a real cluster, a client's connection leads to one server, and to another when that one is
 * not well. A connection that breaks takes its calls and watches along; what is asked next is asked elsewhere. It must never send a call twice.
 */
import type { ApiServerOptions } from '#apiserver/server.ts';
import { startEndpointLeases } from '#apiserver/bootstrap/endpoint-leases.ts';
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import { openEtcdStore } from '#store/etcd/etcd-store.ts';
import type { Store } from '#store/store.ts';
import { NetworkError, type Millis, type Network, type Random, type World } from '#world/world.ts';
import { startSimEtcd, type SimEtcd } from './etcd/etcd.ts';
import type { Faults } from './faults.ts';
import type { FaultPlan } from './plan.ts';
import { startSimServer, type Process, type SimServer } from './server.ts';
import type { History } from './trace.ts';
import type { SimUniverse } from './world/world.ts';

export interface SimServers extends AsyncDisposable {
  readonly all: readonly SimServer[];
  readonly etcd: SimEtcd;
  /** No client reaches this server for so long, though it reaches the store. */
  isolate(name: string, ms: Millis): void;
  /** Who is not well, or has not come to the newest revision. */
  behind(): readonly string[];
  /** Who hears of it when the process of a server has died. */
  onDeath(listener: (name: string) => void): void;
  /** One client that is asked through any of them. */
  dialled(who: string, clientOf: (server: SimServer) => Client): Client;
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

/** How the relay asks (`#network/api-relay.ts`): a server that does not answer twice is not well. */
const askEveryMs: Millis = 1_000;
const failuresMax = 2;
const isolatedMs: Millis = 10_000;
const clusterIp = '10.96.0.1';

/** A server as the relay knows it. */
interface Reached {
  readonly server: SimServer;
  failures: number;
  isolatedUntil: Millis;
  /** Aborted when the relay drops the connections to it. */
  connections: AbortController;
}

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
  const reached = all.map((server): Reached => ({
    server,
    failures: 0,
    isolatedUntil: 0,
    connections: new AbortController(),
  }));
  const isCut = ({ isolatedUntil }: Reached): boolean => clock.monotonic() < isolatedUntil;
  const isWell = ({ failures, server }: Reached): boolean => failures < failuresMax && server.isUp;
  const find = (name: string): Reached => {
    const found = reached.find(({ server }) => server.name === name);
    if (!found) throw new Error(`there is no server ${name}`);
    return found;
  };
  const isolate = (name: string, ms: Millis): void => void (find(name).isolatedUntil = clock.monotonic() + ms);

  const judge = (each: Reached): void => {
    if (strikes(each.server.name, 'isolated')) isolate(each.server.name, isolatedMs);
    const isFine = each.server.isUp && each.server.complaint === undefined && !isCut(each);
    each.failures = isFine ? 0 : each.failures + 1;
    if (each.failures < failuresMax || !reached.some(isWell)) return;
    each.connections.abort(new NetworkError('ECONNRESET', `${each.server.name} is not well`));
    each.connections = new AbortController();
  };
  let timer = clock.after(askEveryMs, ask);
  function ask(): void {
    for (const each of reached) judge(each);
    timer = clock.after(askEveryMs, ask);
  }

  const dialled = (who: string, clientOf: (server: SimServer) => Client): Client => {
    const clients = new Map(reached.map((each) => [each, clientOf(each.server)]));
    let turn = Math.floor(parts.random.fraction() * reached.length);
    let current: Reached | undefined;
    const dial = (): Reached => {
      if (strikes(who, 'move')) current = undefined;
      if (current && isWell(current)) return current;
      const order = turned(reached, turn++);
      current = order.find((each) => isWell(each)) ?? (order[0] as Reached);
      return current;
    };
    const leave = (each: Reached): void => {
      if (current === each) current = undefined;
    };
    /** `work` on a connection to this server: as long as there is one. */
    const connected = async <T>({ connections }: Reached, work: Promise<T>): Promise<T> => {
      const { promise, reject } = Promise.withResolvers<never>();
      const drop = (): void => reject(connections.signal.reason as Error);
      connections.signal.addEventListener('abort', drop, { once: true });
      try {
        return await Promise.race([work, promise]);
      } finally {
        connections.signal.removeEventListener('abort', drop);
      }
    };
    /** A packet's way to it or back. */
    const passed = async (each: Reached): Promise<void> => {
      while (isCut(each)) await clock.sleep(each.isolatedUntil - clock.monotonic());
    };
    async function call<T>(send: (client: Client) => Promise<T>): Promise<T> {
      const each = dial();
      const asked = (async () => {
        await passed(each);
        const answer = await send(clients.get(each) as Client).then(
          (value) => ({ ok: true as const, value }),
          (error: unknown) => ({ ok: false as const, error }),
        );
        await passed(each);
        if (!answer.ok) throw answer.error;
        return answer.value;
      })();
      try {
        return await connected(each, asked);
      } catch (error) {
        if (error instanceof NetworkError) leave(each);
        throw error;
      }
    }
    async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
      const each = dial();
      const { signal: dropped } = each.connections;
      const signal = AbortSignal.any([options.signal, dropped]);
      try {
        await connected(each, passed(each));
        const events = (clients.get(each) as Client).watch(kind, { ...options, signal });
        for await (const event of events as AsyncIterable<WatchEvent<AnyObject>>) {
          await connected(each, passed(each));
          yield event;
        }
        if (dropped.aborted && !options.signal.aborted) throw dropped.reason;
      } catch (error) {
        if (error instanceof NetworkError) leave(each);
        throw error;
      }
    }
    return {
      get: (kind, name, options) => call((to) => to.get(kind, name, options)),
      list: (kind, options) => call((to) => to.list(kind, options)),
      watch: (kind, options) => watch(kind, options) as never,
      create: (kind, object, options) => call((to) => to.create(kind, object, options)),
      update: (kind, object, options) => call((to) => to.update(kind, object, options)),
      patch: (kind, name, patch, options) => call((to) => to.patch(kind, name, patch, options)),
      delete: (kind, name, options) => call((to) => to.delete(kind, name, options)),
      deleteCollection: (kind, options) => call((to) => to.deleteCollection(kind, options)),
      post: (kind, name, subresource, body, options) => call((to) => to.post(kind, name, subresource, body, options)),
    };
  };

  return {
    all,
    etcd,
    isolate,
    behind: () =>
      reached
        .filter((each) => !isWell(each) || each.server.revision < etcd.store.revision())
        .map(({ server }) => server.name),
    onDeath: (listener) => void listeners.push(listener),
    dialled,
    arm() {
      isArmed = true;
      etcd.arm();
    },
    async [Symbol.asyncDispose]() {
      timer.cancel();
      for (const server of all) await server[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

/** The list, beginning at another place: at a number, or at one that a name's own number says. */
function turned<T>(list: readonly T[], by: number | string): readonly T[] {
  const at = (typeof by === 'number' ? by : Number(/\d+$/.exec(by)?.[0] ?? 1) - 1) % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
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
