/**
 * The etcd of a simulated cluster: three members over one log, served by our own etcd API on a simulated wire, so that API servers reach it with the product's own client.
 * That members agree is taken for granted; how they are reached is not. A server may be cut off, its requests come too late or not at all, answers are lost after the work was
 * done, watches stall, break or fall silent; members stop, and the whole is without a leader now and then, when a write may be lost, done, or done later.
 */
import { Readable } from 'node:stream';
import { startEtcdServer, type EtcdServer } from '#store/etcd-server/server.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { NetworkError, type HttpClientRequest, type HttpExchange, type Millis, type Network } from '#world/world.ts';
import type { Faults } from '../faults.ts';
import type { FaultPlan } from '../plan.ts';
import { seededRandom } from '../world/random.ts';
import { exchangeOver, type Exchange, type Way } from '../world/http.ts';
import type { SimUniverse } from '../world/world.ts';

export interface SimEtcd extends AsyncDisposable {
  /** What all members have agreed on: the truth. */
  readonly store: Store;
  /** Where the members are. */
  readonly servers: readonly string[];
  /** The network as the machine of this name has it: with etcd in it. */
  networkOf(name: string, network: Network): Network;
  /** Nothing passes between this machine and any member for so long. */
  cut(name: string, ms: Millis): void;
  /** What this machine watches comes so much later. */
  stall(name: string, ms: Millis): void;
  /** Nobody leads for so long: nothing is written or read. */
  loseLeader(ms: Millis): void;
  /** A member is not there for so long. */
  stop(member: number, ms: Millis): void;
  /** From now on faults may strike. */
  arm(): void;
}

const membersCount = 3;
const cutMs: Millis = 20_000;
const stallMs: Millis = 3_000;
/** A client gives a write two seconds, a read seven. */
const lateMs = { min: 2_100, max: 8_000 } as const;
const electionMs = { min: 1_000, max: 3_000 } as const;
const stoppedMs: Millis = 4_000;
const delayMsDefault: Millis = 1;

interface Open {
  readonly from: string;
  readonly member: number;
  readonly exchange: Exchange;
}

export async function startSimEtcd(
  universe: SimUniverse,
  { seed, plan, faults }: { readonly seed: number | string; readonly plan: FaultPlan; readonly faults: Faults },
): Promise<SimEtcd> {
  const { clock } = universe.time;
  const random = seededRandom(`${seed}/etcd`);
  const store = memoryStore();
  const servers = Array.from({ length: membersCount }, (_, index) => `http://192.0.3.${index + 1}:2379`);
  const server: EtcdServer = await startEtcdServer(universe.machine('etcd'), store, {
    identity: { clusterId: 0xc1n, memberId: 0x3en, name: 'etcd', clientUrls: servers },
  });
  /** Until when: machines are cut off, their watches stall, members are stopped, nobody leads. */
  const cutUntil = new Map<string, Millis>();
  const stalledUntil = new Map<string, Millis>();
  const stoppedUntil = servers.map((): Millis => 0);
  let leaderlessUntil: Millis = 0;
  const streams = new Set<Open>();
  let isArmed = false;
  const now = (): Millis => clock.monotonic();
  const strikes = (who: string, fault: keyof Faults): boolean => isArmed && plan.strikes(who, fault, faults[fault]);
  const between = ({ min, max }: { readonly min: Millis; readonly max: Millis }): Millis =>
    min + random.fraction() * (max - min);
  const pause = (): Promise<void> => clock.sleep(random.fraction() * (faults.storeDelayMsMax ?? delayMsDefault));
  const wait = async (until: () => Millis): Promise<void> => {
    while (now() < until()) await clock.sleep(until() - now());
  };
  const healed = (from: string): Promise<void> => wait(() => cutUntil.get(from) ?? 0);
  const reset = (what: string): NetworkError => new NetworkError('ECONNRESET', `${what} was lost`);

  const loseLeader = (ms: Millis): void => {
    leaderlessUntil = Math.max(leaderlessUntil, now() + ms);
    // Clients ask members that have no leader to say so.
    for (const { exchange } of streams) exchange.finish(unavailable('etcdserver: no leader'));
  };
  const stop = (member: number, ms: Millis): void => {
    stoppedUntil[member] = now() + ms;
    for (const open of streams) if (open.member === member) open.exchange.reset(reset('the member'));
  };
  const cut = (from: string, ms: Millis): void => void cutUntil.set(from, now() + ms);

  const wayOf = (from: string, member: number, isStream: boolean): Way => {
    let isFirst = true;
    let isMute = false;
    return {
      async there() {
        const opens = isFirst;
        isFirst = false;
        if (opens && strikes(from, 'storeCut')) cut(from, cutMs);
        if (opens && strikes(`etcd-${member + 1}`, 'memberStops')) stop(member, stoppedMs);
        await pause();
        await healed(from);
        if (!isStream && strikes(from, 'storeLoseRequest')) throw reset('the request');
        if (!isStream && strikes(from, 'storeLate')) await clock.sleep(between(lateMs));
        if (opens && now() < (stoppedUntil[member] ?? 0))
          throw new NetworkError('ECONNREFUSED', `connect ECONNREFUSED ${servers[member]}`);
      },
      async back() {
        // What happens to a packet is decided when it leaves: those before it are on their way.
        const breaks = isStream ? strikes(from, 'storeBreak') : strikes(from, 'storeLoseReply');
        if (isStream && strikes(from, 'storeStall')) stalledUntil.set(from, now() + stallMs);
        isMute ||= isStream && strikes(from, 'storeMute');
        if (isMute) await new Promise(() => {});
        await pause();
        if (breaks) throw reset(isStream ? 'the stream' : 'the answer');
        if (isStream) await wait(() => stalledUntil.get(from) ?? 0);
        await healed(from);
      },
    };
  };

  const refuse = (exchange: HttpExchange, why: string): void =>
    exchange.respond(200, { 'content-type': 'application/grpc', ...unavailable(why) });
  /** What becomes of a write that was on its way when its leader went: nobody who sent it can know. */
  const fate = (exchange: HttpExchange): void => {
    const silent: HttpExchange = { ...exchange, respond: () => undefined };
    const dice = random.fraction();
    if (dice < 1 / 3) server.handle(silent);
    else if (dice < 2 / 3) void wait(() => leaderlessUntil).then(() => server.handle(silent));
    refuse(exchange, 'etcdserver: request timed out, possibly due to previous leader failure');
  };
  const handle = (exchange: HttpExchange): void => {
    const isWrite = exchange.url === '/etcdserverpb.KV/Txn';
    if (now() < leaderlessUntil) {
      if (isWrite || exchange.url.includes('Watch') || random.fraction() < 1 / 2)
        refuse(exchange, 'etcdserver: no leader');
      else void wait(() => leaderlessUntil).then(() => server.handle(exchange));
    } else if (isWrite && strikes('etcd', 'leaderLost')) {
      loseLeader(between(electionMs));
      fate(exchange);
    } else server.handle(exchange);
  };

  const request = (from: string, asked: HttpClientRequest): ReturnType<Network['request']> => {
    asked.signal?.throwIfAborted();
    const member = servers.indexOf(new URL(asked.url).origin);
    const isStream = asked.body instanceof Readable;
    const exchange = exchangeOver(clock, asked, { way: wayOf(from, member, isStream), handle });
    if (isStream) {
      const open = { from, member, exchange };
      streams.add(open);
      void exchange.over.then(() => streams.delete(open));
    }
    return exchange.response;
  };

  return {
    store,
    servers,
    networkOf: (name, network) => ({
      ...network,
      request: async (asked) =>
        servers.includes(new URL(asked.url).origin) ? request(name, asked) : network.request(asked),
    }),
    cut,
    stall: (name, ms) => void stalledUntil.set(name, now() + ms),
    loseLeader,
    stop,
    arm: () => void (isArmed = true),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const unavailable = (why: string) => ({ 'grpc-status': '14', 'grpc-message': why });
