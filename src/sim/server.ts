/**
 * One API server of a simulated cluster: a process that may end at any moment and is started again. Its clients are clients of whatever process lives when they ask: when it
 * dies, every connection, every watch and every request in flight breaks, and whether a write was done is for its author to find out. It must never answer for a dead process.
 */
import type { Term } from '#apiserver/registry/fence.ts';
import { isStored } from '#apiserver/api.ts';
import { startApiServer, type ApiServer, type ApiServerOptions } from '#apiserver/server.ts';
import type { User } from '#apiserver/user.ts';
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { isApiError } from '#meta/status.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import { StoreFailed, StoreUnavailable, type Store } from '#store/store.ts';
import { NetworkError, type Clock, type Millis, type Random, type World } from '#world/world.ts';
import { clientThrough } from './forward.ts';
import type { VirtualTime } from './world/time.ts';

export interface SimServer extends AsyncDisposable {
  readonly name: string;
  /** A client of the process of the moment, acting as `user`. */
  client(user: User, fieldManager: string, term?: Term): Client;
  readonly isUp: boolean;
  /** Undefined or what its /readyz would complain of. */
  readonly complaint: string | undefined;
  /** How often it has died. */
  readonly deaths: number;
  /** The newest revision that it has come to. */
  readonly revision: number;
  /** What it must have shown since this time: 0 for one that still reads. */
  revisionAt(time: Millis): number;
  /** What its caches hold: the revision of each object by its key. */
  standing(): ReadonlyMap<string, number>;
  /** Ends the process, now; it starts again after a while. */
  crash(): void;
}

/** A process, as its store sees it. */
export interface Process {
  /** Aborted when it dies. */
  readonly signal: AbortSignal;
  die(): void;
  /** It has come to this revision. */
  reached(revision: number): void;
  /** It reads history, for a watch that begins: until then nobody can say what it ought to show. */
  reads<T>(work: Promise<T>): Promise<T>;
}

export interface ServerParts {
  readonly name: string;
  readonly world: World;
  readonly time: VirtualTime;
  /** How long a start takes. */
  readonly random: Random;
  readonly options: Omit<ApiServerOptions, 'store'>;
  readonly breach: (text: string) => void;
  /** Opens its store at each start. */
  readonly open: (process: Process) => Promise<Store>;
  /** What runs in the process beside the server. */
  readonly beside?: (server: ApiServer) => Promise<AsyncDisposable>;
  readonly onDeath?: () => void;
}

/** A supervisor starts it again soon, and loading takes a while. */
const downMsMin: Millis = 200;
const downMsMax: Millis = 2_500;

/** One process, from its start to its death. */
interface Life {
  readonly end: AbortController;
  /** Requests that break when it dies. */
  readonly pending: Set<(error: Error) => void>;
  server: ApiServer | undefined;
  beside: AsyncDisposable | undefined;
  store: Store | undefined;
  /** When it came to which revision. */
  readonly reached: { readonly at: Millis; readonly revision: number }[];
  /** How many watches are being begun, and when the last was. */
  reading: number;
  readAt: Millis;
}

const broken = (): NetworkError => new NetworkError('ECONNRESET', 'the API server died');

/** Resolves when it serves. */
export async function startSimServer(parts: ServerParts): Promise<SimServer> {
  const { name, world, time, random } = parts;
  let life: Life = newLife();
  let isClosed = false;
  let deaths = 0;

  const die = (dying: Life): void => {
    if (dying.end.signal.aborted || isClosed) return;
    deaths++;
    dying.end.abort(broken());
    for (const reject of dying.pending) reject(broken());
    dying.pending.clear();
    parts.onDeath?.();
    // It can do nothing any more: its store refuses.
    void bury(dying);
    world.clock.after(downMsMin + random.fraction() * (downMsMax - downMsMin), () => {
      if (!isClosed)
        void boot().catch((error: unknown) => parts.breach(`${name} cannot start again: ${String(error)}`));
    });
  };

  const bury = async ({ server, beside, store }: Life): Promise<void> => {
    try {
      await store?.[Symbol.asyncDispose]();
      await beside?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    } catch (error) {
      if (!(error instanceof StoreFailed)) parts.breach(`the end of a dead server failed: ${String(error)}`);
    }
  };

  const boot = async (): Promise<void> => {
    const mine = newLife();
    life = mine;
    try {
      const store = await parts.open({
        signal: mine.end.signal,
        die: () => die(mine),
        reached: (revision) => void mine.reached.push({ at: time.elapsed, revision }),
        async reads(work) {
          mine.reading++;
          try {
            return await work;
          } finally {
            mine.reading--;
            mine.readAt = time.elapsed;
          }
        },
      });
      mine.store = store;
      void store.failed.then(() => die(mine));
      if (mine.end.signal.aborted) return await bury(mine);
      const server = await startApiServer(world, { ...parts.options, store });
      // Signatures are made on threads of the host's.
      const { tokens, ...policy } = server.api.policy;
      server.api.arm({
        ...policy,
        tokens: { ...tokens, issue: (account, request) => time.host(() => tokens.issue(account, request)) },
      });
      const beside = await parts.beside?.(server);
      if (mine.end.signal.aborted) return await bury({ ...mine, server, beside });
      mine.beside = beside;
      mine.server = server;
    } catch (error) {
      // It died while it started: the next one is on its way.
      if (mine.end.signal.aborted) return;
      if (!isAway(error)) throw error;
      die(mine);
    }
  };

  const reach = (): { readonly at: Life; readonly server: ApiServer } => {
    const at = life;
    if (!at.server || at.end.signal.aborted) throw new NetworkError('ECONNREFUSED', `${name} is down`);
    return { at, server: at.server };
  };

  const client = (user: User, fieldManager: string, term?: Term): Client => {
    const clients = new WeakMap<ApiServer, Client>();
    const clientOf = (server: ApiServer): Client => {
      const known = clients.get(server) ?? server.client(user, fieldManager, term);
      clients.set(server, known);
      return known;
    };
    async function call<T>(send: (client: Client) => Promise<T>): Promise<T> {
      const { at, server } = reach();
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      at.pending.add(reject);
      send(clientOf(server)).then(resolve, reject);
      try {
        const answer = await promise;
        if (at.end.signal.aborted) throw broken();
        return answer;
      } catch (error) {
        throw at.end.signal.aborted ? broken() : error;
      } finally {
        at.pending.delete(reject);
      }
    }
    async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
      const { at, server } = reach();
      const signal = AbortSignal.any([options.signal, at.end.signal]);
      yield* clientOf(server).watch(kind, { ...options, signal }) as AsyncIterable<WatchEvent<AnyObject>>;
      if (at.end.signal.aborted && !options.signal.aborted) throw broken();
    }
    return clientThrough({ call, watch });
  };

  await boot();
  return {
    name,
    client,
    get isUp() {
      return life.server !== undefined && !life.end.signal.aborted;
    },
    get complaint() {
      return Object.values(life.store?.checks ?? {})
        .map((check) => check())
        .find((wrong) => wrong !== undefined);
    },
    get deaths() {
      return deaths;
    },
    get revision() {
      return life.reached.at(-1)?.revision ?? 0;
    },
    revisionAt: (by) =>
      life.reading > 0 || life.readAt > by ? 0 : (life.reached.findLast(({ at }) => at <= by)?.revision ?? 0),
    standing() {
      const api = life.server?.api;
      const kinds = api?.kinds.filter((kind) => isStored(kind) && !kind.storedAs) ?? [];
      return new Map(
        kinds.flatMap((kind) => [...(api?.cache(kind).values() ?? [])].map((each) => [each.key, each.revision])),
      );
    },
    crash: () => die(life),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (life.end.signal.aborted) return;
      await life.beside?.[Symbol.asyncDispose]();
      await life.server?.[Symbol.asyncDispose]();
      await life.store?.[Symbol.asyncDispose]();
    },
  };
}

/** A server that finds no store ends, and is started again. */
const isAway = (error: unknown): boolean =>
  error instanceof StoreUnavailable || error instanceof StoreFailed || isApiError(error, 'ServiceUnavailable');

const newLife = (): Life => ({
  end: new AbortController(),
  pending: new Set(),
  server: undefined,
  beside: undefined,
  store: undefined,
  reached: [],
  reading: 0,
  readAt: 0,
});

/** A client of somebody who waits until the server is back and asks again: reads, patches and deletions, which may well be carried out twice. */
export function patient(isUp: () => boolean, client: Client, clock: Clock): Client {
  const up = async (): Promise<void> => {
    while (!isUp()) await clock.sleep(100);
  };
  async function retried<T>(send: () => Promise<T>): Promise<T> {
    for (;;) {
      await up();
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof NetworkError) && !isApiError(error, 'ServiceUnavailable')) throw error;
        await clock.sleep(100);
      }
    }
  }
  return {
    ...client,
    get: (kind, name, options) => retried(() => client.get(kind, name, options)),
    list: (kind, options) => retried(() => client.list(kind, options)),
    patch: (kind, name, patch, options) => retried(() => client.patch(kind, name, patch, options)),
    async create(kind, object, options) {
      await up();
      return client.create(kind, object, options);
    },
    async update(kind, object, options) {
      await up();
      return client.update(kind, object, options);
    },
    async delete(kind, name, options) {
      let tries = 0;
      return retried(() => (tries++, client.delete(kind, name, options))).catch((error: unknown) => {
        // Its first deletion was carried out, though nobody said so.
        if (tries > 1 && isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
    },
  };
}
