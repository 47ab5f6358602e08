/**
 * Two kinds of doors from the host to the nodes. TCP: each connection is joined to one with the first node that answers. UDP: each client gets a socket
 * of its own, so that answers find their way back, closed after a time of silence. A door must never hold more sessions than its limit.
 */
import type { Duplex } from 'node:stream';
import type { Listener, UdpListener, UdpPeer, World } from '#world/world.ts';
import { splice } from './splice.ts';

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  /** Where to pass on to, the best first. */
  readonly targets: () => readonly string[];
}

const connectionsMax = 10_000;
const sessionsMax = 1_024;
/** A node that drops instead of refusing must not keep a client from the next node. */
const dialTimeoutMs = 2_000;
const udpIdleMs = 60_000;
/** Datagrams that wait for their session's socket. */
const waitingMax = 64;

export async function tcpDoor(world: World, { host, port, targets }: DoorOptions): Promise<Listener> {
  let open = 0;
  return world.network.listenTcp({ host, port }, (socket) => {
    if (open >= connectionsMax) {
      socket.destroy();
      return;
    }
    open++;
    dialFirst(world, targets(), port)
      .then((node) => splice(socket, node))
      .catch((error: unknown) => {
        world.log.debug('a node port could not be reached', { port, error: String(error) });
        socket.destroy();
      })
      .finally(() => open--);
  });
}

async function dialFirst(world: World, targets: readonly string[], port: number): Promise<Duplex> {
  let last: unknown = new Error('no node is ready');
  for (const host of targets) {
    try {
      return await world.network.dialTcp({ host, port }, { timeoutMs: dialTimeoutMs });
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

interface Session {
  readonly target: string;
  socket?: UdpListener;
  readonly waiting: Buffer[];
  lastUsed: number;
}

export async function udpDoor(world: World, { host, port, targets }: DoorOptions): Promise<AsyncDisposable> {
  const sessions = new Map<string, Session>();
  const stop = new AbortController();
  const keyOf = ({ address, port: from }: UdpPeer): string => `${address}:${from}`;

  const close = async (key: string, session: Session): Promise<void> => {
    sessions.delete(key);
    await session.socket?.[Symbol.asyncDispose]();
  };
  const begin = (key: string, client: UdpPeer): Session | undefined => {
    const [target] = targets();
    if (target === undefined || sessions.size >= sessionsMax) return undefined;
    const session: Session = { target, waiting: [], lastUsed: world.clock.monotonic() };
    sessions.set(key, session);
    world.network
      .listenUdp({ host: '0.0.0.0', port: 0 }, (message, from) => {
        if (from.address !== target || from.port !== port) return;
        session.lastUsed = world.clock.monotonic();
        door.send(message, client);
      })
      .then(async (socket) => {
        if (sessions.get(key) !== session) return socket[Symbol.asyncDispose]();
        session.socket = socket;
        for (const message of session.waiting.splice(0)) socket.send(message, { address: target, port });
      })
      .catch((error: unknown) => {
        world.log.debug('a session of a node port could not be opened', { port, error: String(error) });
        sessions.delete(key);
      });
    return session;
  };
  const door = await world.network.listenUdp({ host, port }, (message, client) => {
    const key = keyOf(client);
    const session = sessions.get(key) ?? begin(key, client);
    if (!session) return;
    session.lastUsed = world.clock.monotonic();
    if (session.socket) session.socket.send(message, { address: session.target, port });
    else if (session.waiting.length < waitingMax) session.waiting.push(message);
  });
  const sweep = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await world.clock.sleep(udpIdleMs / 2, { signal: stop.signal }).catch(() => undefined);
      const limit = world.clock.monotonic() - udpIdleMs;
      for (const [key, session] of sessions) if (session.lastUsed < limit) await close(key, session);
    }
  };
  const sweeping = sweep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await sweeping;
      await door[Symbol.asyncDispose]();
      await Promise.all([...sessions].map(([key, session]) => close(key, session)));
    },
  };
}
