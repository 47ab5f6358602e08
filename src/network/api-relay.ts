/**
 * One address for several API servers: connections are passed on to a server that is well, TLS goes through unread. Each server is asked for its health all the time; one
 * that is not well loses its connections, so that who hangs on it comes back and reaches another. It must never become a way to anything but these servers.
 */
import type { Duplex } from 'node:stream';
import { NetworkError, type Millis, type SocketAddress, type World } from '#world/world.ts';
import { splice } from './splice.ts';

const connectionsMax = 10_000;
const dialTimeoutMs: Millis = 1_000;
/** A dead process refuses at once; one that is cut off is found out after two questions, 3 s at most. */
const askEveryMs: Millis = 1_000;
const askTimeoutMs: Millis = 1_000;
const failuresMax = 2;

export interface ApiRelayOptions {
  readonly listen: readonly SocketAddress[];
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** PEM: who signed the servers' certificates. */
  readonly ca: string;
}

/** Not well until it says so. */
interface Server {
  readonly host: string;
  readonly port: number;
  failures: number;
  readonly connections: Set<Duplex>;
}

/** Listens and passes on until disposed. */
export async function startApiRelay(world: World, options: ApiRelayOptions): Promise<AsyncDisposable> {
  const { clock, log, network } = world;
  const servers = options.servers.map(({ host, port }): Server => ({
    host,
    port,
    failures: failuresMax,
    connections: new Set(),
  }));
  const stop = new AbortController();
  let open = 0;
  let turn = 0;

  const isWell = ({ failures }: Server): boolean => failures < failuresMax;
  /** Those that are well, beginning with another one each time; the rest only when nobody is. */
  const candidates = (): readonly Server[] => {
    const from = turn++ % servers.length;
    const turned = [...servers.slice(from), ...servers.slice(0, from)];
    return [...turned.filter(isWell), ...turned.filter((server) => !isWell(server))];
  };

  const judge = (server: Server, failure: unknown): void => {
    const before = isWell(server);
    const isGone =
      failure instanceof NetworkError && ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH'].includes(failure.code);
    server.failures = failure === undefined ? 0 : isGone ? failuresMax : server.failures + 1;
    if (before !== isWell(server))
      log.info(before ? 'an API server is not well' : 'an API server is well', {
        server: server.host,
        ...(failure === undefined ? {} : { error: String(failure) }),
      });
    // When nobody is well (etcd elects a leader), whoever waits for an answer may as well wait where it is.
    if (!isWell(server) && (isGone || servers.some(isWell)))
      for (const connection of server.connections) connection.destroy();
  };

  const ask = async (server: Server): Promise<void> => {
    try {
      const response = await network.request({
        method: 'GET',
        url: `https://${server.host}:${server.port}/readyz`,
        tls: { ca: options.ca },
        timeoutMs: askTimeoutMs,
        signal: stop.signal,
      });
      await response.bytes(64 * 1024);
      judge(server, response.status === 200 ? undefined : new Error(`its /readyz answers ${response.status}`));
    } catch (error) {
      if (!stop.signal.aborted) judge(server, error);
    }
  };
  const watch = async (server: Server): Promise<void> => {
    while (!stop.signal.aborted) {
      await ask(server);
      await clock.sleep(askEveryMs, { signal: stop.signal }).catch(() => undefined); // Stopped: seen above.
    }
  };

  const connect = async (client: Duplex): Promise<void> => {
    let last: unknown;
    for (const server of candidates()) {
      try {
        const connection = await network.dialTcp(server, { timeoutMs: dialTimeoutMs, signal: stop.signal });
        server.connections.add(connection);
        await splice(client, connection).finally(() => server.connections.delete(connection));
        return;
      } catch (error) {
        last = error;
        judge(server, error);
      }
    }
    throw last;
  };

  const onConnection = (client: Duplex): void => {
    if (open >= connectionsMax) {
      client.destroy();
      return;
    }
    open++;
    connect(client)
      .catch((error: unknown) => {
        // The client sees a closed connection and comes back.
        log.debug('no API server could be reached', { error: String(error) });
        client.destroy();
      })
      .finally(() => open--);
  };
  await using stack = new AsyncDisposableStack();
  for (const address of options.listen) stack.use(await network.listenTcp(address, onConnection));
  const watching = Promise.all(servers.map(watch));
  stack.defer(async () => {
    stop.abort();
    for (const { connections } of servers) for (const connection of connections) connection.destroy();
    await watching;
  });
  return stack.move();
}
