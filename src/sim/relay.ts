/**
 * The way to several API servers: as through the relay of a real cluster (`#network/api-relay.ts`) a client's connection leads to one server, and to another when that one is
 * not well. A connection that breaks takes its calls and watches along; what is asked next is asked elsewhere. It must never send a call twice.
 */
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import { NetworkError, type Clock, type Millis, type Random } from '#world/world.ts';
import type { Faults } from './faults.ts';
import { clientThrough } from './forward.ts';
import type { SimServer } from './server.ts';

export interface SimRelay extends Disposable {
  /** One client that is asked through any of them. */
  dialled(who: string, clientOf: (server: SimServer) => Client): Client;
  /** No client reaches this server for so long, though it reaches the store. */
  isolate(name: string, ms: Millis): void;
  isWell(server: SimServer): boolean;
}

/** How the relay asks: a server that does not answer twice is not well. */
const askEveryMs: Millis = 1_000;
const failuresMax = 2;
const isolatedMs: Millis = 10_000;

/** A server as the relay knows it. */
interface Reached {
  readonly server: SimServer;
  failures: number;
  isolatedUntil: Millis;
  /** Aborted when the relay drops the connections to it. */
  connections: AbortController;
}

export function startRelay(
  clock: Clock,
  servers: readonly SimServer[],
  { random, strikes }: { readonly random: Random; readonly strikes: (who: string, fault: keyof Faults) => boolean },
): SimRelay {
  const all = servers.map((server): Reached => ({
    server,
    failures: 0,
    isolatedUntil: 0,
    connections: new AbortController(),
  }));
  const isCut = ({ isolatedUntil }: Reached): boolean => clock.monotonic() < isolatedUntil;
  const isWell = ({ failures, server }: Reached): boolean => failures < failuresMax && server.isUp;
  const find = (name: string): Reached => {
    const found = all.find(({ server }) => server.name === name);
    if (!found) throw new Error(`there is no server ${name}`);
    return found;
  };
  const isolate = (name: string, ms: Millis): void => void (find(name).isolatedUntil = clock.monotonic() + ms);

  const judge = (each: Reached): void => {
    const { server } = each;
    if (strikes(server.name, 'isolated')) isolate(server.name, isolatedMs);
    const isFine = server.isUp && server.complaint === undefined && !isCut(each);
    each.failures = isFine ? 0 : each.failures + 1;
    // When nobody is well, whoever waits may as well wait where it is.
    if (each.failures < failuresMax || !all.some(isWell)) return;
    each.connections.abort(new NetworkError('ECONNRESET', `${server.name} is not well`));
    each.connections = new AbortController();
  };
  let timer = clock.after(askEveryMs, ask);
  function ask(): void {
    for (const each of all) judge(each);
    timer = clock.after(askEveryMs, ask);
  }

  /** A packet's way to a server or back. */
  const passed = async (each: Reached): Promise<void> => {
    while (isCut(each)) await clock.sleep(each.isolatedUntil - clock.monotonic());
  };

  return {
    isolate,
    isWell: (server) => isWell(find(server.name)),
    [Symbol.dispose]: () => timer.cancel(),
    dialled(who, clientOf) {
      const clients = new Map(all.map((each) => [each, clientOf(each.server)]));
      let turn = Math.floor(random.fraction() * all.length);
      let current: Reached | undefined;
      const dial = (): Reached => {
        if (strikes(who, 'move')) current = undefined;
        if (current && isWell(current)) return current;
        const from = turn++ % all.length;
        const order = [...all.slice(from), ...all.slice(0, from)];
        current = order.find((each) => isWell(each)) ?? (order[0] as Reached);
        return current;
      };
      /** What is asked on a connection to this server, as long as there is one. */
      const connected = async <T>(each: Reached, work: (to: Client) => Promise<T>): Promise<T> => {
        const { signal } = each.connections;
        const { promise, reject } = Promise.withResolvers<never>();
        const drop = (): void => reject(signal.reason as Error);
        signal.addEventListener('abort', drop, { once: true });
        try {
          return await Promise.race([work(clients.get(each) as Client), promise]);
        } catch (error) {
          if (error instanceof NetworkError && current === each) current = undefined;
          throw error;
        } finally {
          signal.removeEventListener('abort', drop);
        }
      };
      async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
        const each = dial();
        const { signal: dropped } = each.connections;
        await connected(each, () => passed(each));
        const signal = AbortSignal.any([options.signal, dropped]);
        const events = (clients.get(each) as Client).watch(kind, { ...options, signal });
        try {
          for await (const event of events as AsyncIterable<WatchEvent<AnyObject>>) {
            await connected(each, () => passed(each));
            yield event;
          }
          if (dropped.aborted && !options.signal.aborted) throw dropped.reason;
        } catch (error) {
          if (error instanceof NetworkError && current === each) current = undefined;
          throw error;
        }
      }
      return clientThrough({
        call: (send) => {
          const each = dial();
          return connected(each, async (to) => {
            await passed(each);
            // An error is an answer too, and takes the same way.
            const [answer] = await Promise.allSettled([send(to)]);
            await passed(each);
            if (answer.status === 'rejected') throw answer.reason;
            return answer.value;
          });
        },
        watch,
      });
    },
  };
}
