/**
 * A client through a bad network: every call takes a while, some requests are lost on the way there, some answers on the way back, some arrive twice; a watch breaks,
 * stalls, goes silent or is sent back to the list; and a whole component can be cut off or die at one of its writes, before or after the server has carried it out.
 */
import type { WatchEvent } from '#meta/watch-event.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { ApiError } from '#meta/status.ts';
import type { AnyKind, Client, ListOptions, WatchOptions } from '#client/client.ts';
import { NetworkError, type Millis, type World } from '#world/world.ts';
import { planByChance, type FaultPlan } from './plan.ts';

export interface Faults {
  /** Chances of one call, 0 to 1. */
  readonly loseRequest?: number;
  readonly loseReply?: number;
  /** A write arrives twice; the second answer goes nowhere. */
  readonly duplicate?: number;
  /** A watch breaks off at an event. */
  readonly breakWatch?: number;
  /** A watch is told that its place is forgotten: what happened meanwhile is only seen as its outcome. */
  readonly expireWatch?: number;
  /** A watch stalls for a while before an event. */
  readonly stallWatch?: number;
  /** A watch falls silent without a word, until somebody notices that the connection is dead. */
  readonly halfOpen?: number;
  /** A watch shows a run of its last events again before it goes on. */
  readonly replayWatch?: number;
  /** A watch that resumes begins at an older place than it was asked to, as after a move to an API server that is behind. */
  readonly rewindWatch?: number;
  /** The first list of a component shows what was true a moment ago, as another API server's cache may. */
  readonly staleList?: number;
  /** A whole process stands still between deciding on a write and sending it. */
  readonly pause?: number;
  /** A whole process is cut off from the server when it is about to write. */
  readonly cutOff?: number;
  /** So does a later one: when a watch has expired, the new list is older than what the watch has shown. */
  readonly staleRelist?: number;
  /** From this call on nothing gets through for a while: both ways, or only the replies do not. */
  readonly partition?: number;
  readonly deaf?: number;
  /** A call falls silent, until its caller gives up: it arrived, or it did not. */
  readonly hang?: number;
  /** The longest way there or back. */
  readonly delayMsMax?: Millis;
  /** Of the API server, at each step of each of its transactions: it dies, with the power of its machine, and comes back with what its disk kept (one of several: without). */
  readonly crash?: number;
  /** Of its disk: a sync takes long, a sync fails (the server stops), a write finds no room, and none does for a while. */
  readonly diskSlow?: number;
  readonly diskError?: number;
  readonly diskFull?: number;
  /** Of several API servers: the next call goes to another one; no client reaches one for a while, though it reaches the store. */
  readonly move?: number;
  readonly isolated?: number;
  /** Of a server's way to the store (etcd): a request or its answer is lost, or the request comes so late that its author has given it up. */
  readonly storeLoseRequest?: number;
  readonly storeLoseReply?: number;
  readonly storeLate?: number;
  /** Nothing passes for a while; what the server watches stalls, breaks off, or falls silent. */
  readonly storeCut?: number;
  readonly storeStall?: number;
  readonly storeBreak?: number;
  readonly storeMute?: number;
  /** Of etcd: no leader from a write on, which is lost, done or done later, for a while; a member stops. */
  readonly leaderLost?: number;
  readonly memberStops?: number;
  /** The longest way to etcd or back. */
  readonly storeDelayMsMax?: Millis;
  /** Of the container runtime of a node (`#kubelet/sim/runtime.ts`). */
  readonly sandboxLost?: number;
  readonly createLost?: number;
  readonly startLost?: number;
  readonly removalLost?: number;
  readonly stopFails?: number;
  readonly runtimeSlow?: number;
}

/** One life of a component: its calls stop when it dies. */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** No packet gets through, for now; 'replies': requests do. */
  cut: boolean | 'replies';
  writes: number;
  /** Stands still at its next write that is no heartbeat. */
  pauses?: boolean;
}

export interface Hooks {
  /** Asked at every write: 'before' and 'after' kill the caller there. */
  readonly dies?: (life: Life, what: string) => 'before' | 'after' | undefined;
  /** The life ended at a write. */
  readonly died?: (life: Life) => void;
  /** The process stands still, or is cut off, at a write. */
  readonly paused?: (life: Life) => void;
  readonly cutOff?: (life: Life) => void;
  /** A revision of a moment ago, for stale lists. */
  readonly past?: () => number | undefined;
}

const never = <T>(): Promise<T> => new Promise(() => {});
const delayMsDefault: Millis = 3;
const stallMs: Millis = 5_000;
/** Go's HTTP/2 client gives a silent connection 30 s and its ping 15 s. */
const halfOpenMs: Millis = 45_000;
/** Clients give a call this long. */
const callMsMax: Millis = 32_000;
const partitionMs: Millis = 20_000;
/** Events that a watch shows again. */
const replayedMax = 5;

/** `client` as `life` reaches it. */
export function faultyClient(
  world: World,
  client: Client,
  {
    life,
    faults,
    hooks,
    plan = planByChance(world.random),
  }: { life: Life; faults: Faults; hooks: Hooks; plan?: FaultPlan },
): Client {
  const { random, clock } = world;
  const pause = (): Promise<void> => clock.sleep(random.fraction() * (faults.delayMsMax ?? delayMsDefault));
  const strikes = (fault: keyof Faults): boolean => plan.strikes(life.name, fault, faults[fault]);
  /** Whether the caller dies at this write, by the plan or by the test. */
  const death = (what: string): 'before' | 'after' | undefined => {
    const planned = (['before', 'after'] as const).filter((when) => plan.strikes(life.name, `die-${when}`, undefined));
    return hooks.dies?.(life, what) ?? planned[0];
  };
  let [cutUntil, deafUntil]: [Millis, Millis] = [0, 0];
  const now = (): Millis => clock.monotonic();
  const struckBy = (fault: 'partition' | 'deaf'): boolean => {
    const until = fault === 'partition' ? cutUntil : deafUntil;
    // One that lasts is not struck again.
    if (now() < until) return true;
    if (!strikes(fault)) return false;
    if (fault === 'partition') cutUntil = now() + partitionMs;
    else deafUntil = now() + partitionMs;
    return true;
  };
  const isCut = (): boolean => life.cut === true || now() < cutUntil;
  const isDeaf = (): boolean => life.cut !== false || now() < cutUntil || now() < deafUntil;
  const gone = (way: string): NetworkError => new NetworkError('ECONNRESET', `the ${way} was lost`);

  async function call<T>(what: string, isWrite: boolean, send: () => Promise<T>): Promise<T> {
    if (!life.alive) return never();
    await pause();
    if (!life.alive) return never();
    if (struckBy('partition') || isCut() || strikes('loseRequest')) throw gone('request');
    struckBy('deaf');
    let dies: 'before' | 'after' | undefined;
    if (isWrite && (strikes('pause') || (life.pauses && !what.includes('leases')))) {
      life.pauses = false;
      hooks.paused?.(life);
      await clock.sleep(0);
      if (!life.alive) return never();
    }
    if (isWrite && strikes('cutOff')) {
      hooks.cutOff?.(life);
      throw gone('request');
    }
    if (isWrite) {
      life.writes++;
      dies = death(what);
    }
    if (dies === 'before') {
      hooks.died?.(life);
      return never();
    }
    let outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };
    try {
      outcome = { ok: true, value: await send() };
    } catch (error) {
      outcome = { ok: false, error };
    }
    // Whatever comes of it, the first answer is the one that counts.
    if (isWrite && strikes('duplicate')) await send().catch(() => undefined);
    if (dies === 'after') {
      hooks.died?.(life);
      return never();
    }
    if (strikes('hang')) {
      await clock.sleep(callMsMax);
      if (!life.alive) return never();
      throw gone('reply');
    }
    await pause();
    if (!life.alive) return never();
    if (isDeaf() || strikes('loseReply')) throw gone('reply');
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
    if (!life.alive) await never();
    await pause();
    if (struckBy('partition') || isDeaf() || strikes('loseRequest')) throw gone('request');
    const shown: WatchEvent<AnyObject>[] = [];
    for await (const event of client.watch(kind, rewound(options)) as AsyncIterable<WatchEvent<AnyObject>>) {
      await pause();
      if (!life.alive) await never();
      if (isDeaf() || strikes('breakWatch')) throw gone('stream');
      if (strikes('expireWatch')) throw new ApiError('Expired', 'the requested history is forgotten');
      if (strikes('stallWatch')) await clock.sleep(stallMs);
      if (strikes('halfOpen')) {
        await clock.sleep(halfOpenMs);
        throw gone('stream');
      }
      if (!life.alive) await never();
      if (event.type !== 'BOOKMARK' && strikes('replayWatch')) yield* shown;
      yield event;
      if (event.type !== 'BOOKMARK') shown.push(event);
      if (shown.length > replayedMax) shown.shift();
    }
  }

  /** The options of a watch that may begin too early. */
  function rewound(options: WatchOptions): WatchOptions {
    if (!(Number(options.resourceVersion) > 0) || options.sendInitialEvents || !strikes('rewindWatch')) return options;
    const past = Math.min(Number(options.resourceVersion), hooks.past?.() ?? Number.POSITIVE_INFINITY);
    return { ...options, resourceVersion: String(past) };
  }

  const listed = new Set<AnyKind>();
  function list<K extends AnyKind>(kind: K, options: ListOptions = {}): ReturnType<typeof client.list<K>> {
    const isFirst = !listed.has(kind) && options.continue === undefined && options.resourceVersion === undefined;
    listed.add(kind);
    // One object is asked for to learn the newest revision: that question is put to the store itself.
    const isLater = !isFirst && options.limit !== 1 && !options.continue && options.resourceVersion === undefined;
    const isStale = (isFirst && strikes('staleList')) || (isLater && strikes('staleRelist'));
    const past = isStale ? hooks.past?.() : undefined;
    const stale = past === undefined ? {} : { resourceVersion: String(past), resourceVersionMatch: 'Exact' as const };
    return client.list(kind, { ...options, ...stale });
  }

  const what = (
    verb: string,
    kind: AnyKind,
    name: string | undefined,
    place: { namespace?: string; subresource?: string } = {},
  ): string =>
    `${verb} ${kind.plural}${place.subresource ? `/${place.subresource}` : ''} ${place.namespace ? `${place.namespace}/` : ''}${name ?? ''}`;
  const named = (object: unknown): { name?: string; generateName?: string; namespace?: string } =>
    (object as { metadata: object }).metadata;
  const where = (object: unknown, options: { namespace?: string } = {}): { namespace?: string } => {
    const namespace = options.namespace ?? named(object).namespace;
    return namespace === undefined ? { ...options } : { ...options, namespace };
  };

  return {
    get: (kind, name, options) => call(what('get', kind, name, options), false, () => client.get(kind, name, options)),
    list: (kind, options) => call(what('list', kind, undefined, options), false, () => list(kind, options)),
    watch: (kind, options) => watch(kind, options) as never,
    create: (kind, object, options) =>
      call(
        what('create', kind, named(object).name ?? `${named(object).generateName}*`, where(object, options)),
        true,
        () => client.create(kind, object, options),
      ),
    update: (kind, object, options) =>
      call(what('update', kind, named(object).name, where(object, options)), true, () =>
        client.update(kind, object, options),
      ),
    patch: (kind, name, patch, options) =>
      call(what('patch', kind, name, options), true, () => client.patch(kind, name, patch, options)),
    delete: (kind, name, options) =>
      call(what('delete', kind, name, options), true, () => client.delete(kind, name, options)),
    deleteCollection: (kind, options) =>
      call(what('deletecollection', kind, undefined, options), true, () => client.deleteCollection(kind, options)),
    post: (kind, name, subresource, body, options) =>
      call(what('post', kind, name, { ...options, subresource }), true, () =>
        client.post(kind, name, subresource, body, options),
      ),
  };
}
