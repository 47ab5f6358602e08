/**
 * The API server of a simulated cluster, which may crash at any moment and come back with what its disk kept. Its clients are clients of whatever server lives when they ask:
 * when it dies, every connection, every watch and every request in flight breaks, and whether a write was done is for its author to find out. What nobody synced is lost, torn
 * or written in the wrong order. It must never answer for a dead server.
 */
import type { Term } from '#apiserver/registry/fence.ts';
import { startApiServer, type ApiServer, type ApiServerOptions } from '#apiserver/server.ts';
import type { User } from '#apiserver/user.ts';
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { isApiError } from '#meta/status.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import { StoreFailed, type Store } from '#store/store.ts';
import { NetworkError, type Clock, type Millis, type Random } from '#world/world.ts';
import type { Faults } from './faults.ts';
import { openLogStore } from './log-store.ts';
import type { FaultPlan } from './plan.ts';
import type { History } from './trace.ts';
import { torn, type SimDisk } from './world/disk.ts';
import type { VirtualTime } from './world/time.ts';
import type { SimWorld } from './world/world.ts';

export interface SimServer extends AsyncDisposable {
  /** A client of the server of the moment, acting as `user`. */
  client(user: User, fieldManager: string, term?: Term): Client;
  readonly isUp: boolean;
  /** How often it has died. */
  readonly deaths: number;
  /** Ends the process and the power of its machine, now; it starts again after a while. */
  crash(): void;
  /** From now on faults may strike; until then everything starts in peace. */
  arm(): void;
}

export interface ServerParts {
  readonly world: SimWorld;
  readonly time: VirtualTime;
  /** Chance of its own: what the disk kept, and how long a start takes. */
  readonly random: Random;
  readonly options: Omit<ApiServerOptions, 'store'>;
  readonly history: History;
  readonly breach: (text: string) => void;
  readonly plan: FaultPlan;
  readonly faults: Faults;
  readonly defect: { readonly store?: (store: Store) => Store; readonly disk?: (disk: SimDisk) => SimDisk };
}

const path = '/log';
/** A supervisor starts it again soon, and loading takes a while. */
const downMsMin: Millis = 200;
const downMsMax: Millis = 2_500;
const slowMs: Millis = 2_000;
const fullMs: Millis = 5_000;

/** One process, from its start to its death. */
interface Life {
  readonly end: AbortController;
  /** Requests that break when it dies. */
  readonly pending: Set<(error: Error) => void>;
  server: ApiServer | undefined;
}

const broken = (): NetworkError => new NetworkError('ECONNRESET', 'the API server died');

/** Starts it on an empty disk. */
export async function startSimServer(parts: ServerParts): Promise<SimServer> {
  const { world, time, random, history, plan, faults } = parts;
  let life: Life = newLife();
  let isArmed = false;
  let isClosed = false;
  let deaths = 0;
  let fullUntil: Millis = 0;

  const strikes = (fault: keyof Faults): boolean => isArmed && plan.strikes('server', fault, faults[fault]);

  const die = (dying: Life): void => {
    if (dying.end.signal.aborted || isClosed) return;
    deaths++;
    dying.end.abort(broken());
    for (const reject of dying.pending) reject(broken());
    dying.pending.clear();
    world.disk.losePower(torn(random));
    // It can do nothing any more: its store refuses, and its disk does not answer.
    void bury(dying);
    world.clock.after(downMsMin + random.fraction() * (downMsMax - downMsMin), () => {
      if (!isClosed)
        void boot().catch((error: unknown) => parts.breach(`the server cannot start again: ${String(error)}`));
    });
  };

  const bury = async ({ server }: Life): Promise<void> => {
    try {
      await server?.[Symbol.asyncDispose]();
    } catch (error) {
      if (!(error instanceof StoreFailed)) parts.breach(`the end of a dead server failed: ${String(error)}`);
    }
  };

  /** The disk as one process finds it: it may be slow, full or broken, and answers nobody who is dead. */
  const diskOf = (mine: Life): SimDisk => {
    const disk = parts.defect.disk?.(world.disk) ?? world.disk;
    const living = async (): Promise<void> => {
      if (mine.end.signal.aborted) await new Promise(() => {});
    };
    return {
      ...disk,
      async append(file, content) {
        await living();
        if (strikes('diskFull')) fullUntil = world.clock.monotonic() + fullMs;
        if (world.clock.monotonic() >= fullUntil) return disk.append(file, content);
        await disk.append(file, content.slice(0, Math.floor(content.length / 2)));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
      async sync(file) {
        if (strikes('diskSlow')) await world.clock.sleep(slowMs);
        await living();
        if (strikes('diskError')) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
        return disk.sync(file);
      },
      async truncate(file, length) {
        await living();
        return disk.truncate(file, length);
      },
    };
  };

  const boot = async (): Promise<void> => {
    const mine = newLife();
    life = mine;
    try {
      const log = await openLogStore(diskOf(mine), path, () => {
        if (mine.end.signal.aborted) return true;
        if (!strikes('crash')) return false;
        die(mine);
        return true;
      });
      void log.failed.then(() => die(mine));
      mine.end.signal.addEventListener('abort', () => log.crash(), { once: true });
      for (const lost of await history.follow(log)) parts.breach(lost);
      const store = parts.defect.store?.(log) ?? log;
      const server = await time.host(() => startApiServer(world, { ...parts.options, store }));
      if (mine.end.signal.aborted) await server[Symbol.asyncDispose]();
      else mine.server = server;
    } catch (error) {
      // It died while it started: the next one is on its way.
      if (!mine.end.signal.aborted) throw error;
    }
  };

  const reach = (): { readonly at: Life; readonly server: ApiServer } => {
    const at = life;
    if (!at.server || at.end.signal.aborted) throw new NetworkError('ECONNREFUSED', 'the API server is down');
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

  await boot();
  return {
    client,
    get isUp() {
      return life.server !== undefined && !life.end.signal.aborted;
    },
    get deaths() {
      return deaths;
    },
    crash: () => die(life),
    arm: () => void (isArmed = true),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (!life.end.signal.aborted) await life.server?.[Symbol.asyncDispose]();
    },
  };
}

const newLife = (): Life => ({ end: new AbortController(), pending: new Set(), server: undefined });

/** A client of somebody who waits until the server is back and asks again: reads, patches and deletions, which may well be carried out twice. */
export function patient(server: SimServer, client: Client, clock: Clock): Client {
  const up = async (): Promise<void> => {
    while (!server.isUp) await clock.sleep(100);
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
