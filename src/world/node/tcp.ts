/**
 * TCP and unix sockets. Connections are half-open capable: the end of the peer's bytes does not end ours, as proxies and
 * port-forwarding need; whoever holds a socket must end it.
 */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { NetworkError, type Listener, type Millis, type SocketAddress } from '../world.ts';

/** A dead peer is noticed by the kernel's probes after this much silence. */
export const keepAliveMs = 30_000;

export async function listenTcp(address: SocketAddress, onConnection: (socket: Duplex) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A reset is seen by the holder as the end of the stream; without any holder it must not stop the process.
    socket.on('error', () => {});
    onConnection(socket);
  });
  const bound = await listen(server, address);
  return {
    address: bound,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Binds and listens; resolves with the address that was bound. Throws NetworkError with the system's code. */
export async function listen(server: Server, address: SocketAddress): Promise<SocketAddress> {
  if ('path' in address) await removeStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => reject(networkError(error, `cannot listen on ${describe(address)}`));
    server.once('error', onError);
    const options: ListenOptions =
      'path' in address ? { path: address.path } : { host: address.host, port: address.port, backlog: 4096 };
    server.listen(options, () => {
      server.removeListener('error', onError);
      // After this point only accept() fails (out of file descriptors): the listener itself lives on.
      server.on('error', () => {});
      // Whoever may speak on a local socket is its owner, unless the owner says otherwise.
      if ('path' in address) chmodSync(address.path, 0o600);
      resolve();
    });
  });
  return 'path' in address ? address : { host: address.host, port: (server.address() as AddressInfo).port };
}

export async function dialTcp(
  address: SocketAddress,
  options: { timeoutMs?: Millis; signal?: AbortSignal } = {},
): Promise<Duplex> {
  return dial(
    () =>
      connect(
        'path' in address
          ? { path: address.path, allowHalfOpen: true }
          : { ...tcpOptions(address), allowHalfOpen: true },
      ),
    'connect',
    { ...options, target: describe(address) },
  );
}

export function tcpOptions(address: { host: string; port: number }): {
  host: string;
  port: number;
  noDelay: true;
  keepAlive: true;
  keepAliveInitialDelay: number;
} {
  return { host: address.host, port: address.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs };
}

/** Waits until a fresh socket says it is connected; the socket is destroyed on failure, time-out and abort. */
export function dial<S extends Socket>(
  open: () => S,
  readyEvent: 'connect' | 'secureConnect',
  options: { target: string; timeoutMs?: Millis | undefined; signal?: AbortSignal | undefined },
): Promise<S> {
  const { target, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = open();
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('close', onClose);
      // From here on errors are seen as the end of the stream by whoever holds the socket.
      socket.on('error', () => {});
      act();
    };
    const fail = (reason: unknown): void =>
      finish(() => {
        socket.destroy();
        reject(reason);
      });
    const onError = (error: Error): void => fail(networkError(error, `cannot connect to ${target}`));
    const onClose = (): void =>
      fail(new NetworkError('ECONNRESET', `cannot connect to ${target}: the connection was closed`));
    const onAbort = (): void => fail(signal?.reason);
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => fail(new NetworkError('ETIMEDOUT', `cannot connect to ${target}: no answer within ${timeoutMs} ms`)),
            timeoutMs,
          );
    socket.once('error', onError);
    socket.once('close', onClose);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once(readyEvent, () => finish(() => resolve(socket)));
  });
}

export function describe(address: SocketAddress): string {
  return 'path' in address
    ? address.path
    : address.host.includes(':')
      ? `[${address.host}]:${address.port}`
      : `${address.host}:${address.port}`;
}

/** A system error as NetworkError: `what` says what was tried, the code says why it failed. */
export function networkError(error: unknown, what: string): NetworkError {
  if (error instanceof NetworkError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // Several addresses were tried: the first failure names the reason.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined;
  return new NetworkError(first?.code ?? code ?? 'ECONNRESET', `${what}: ${first?.message ?? message}`, {
    cause: error,
  });
}

/** The socket file of a process that was killed would make listening fail for ever; a living one is left alone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isSocket()) return;
  const probe = connect({ path });
  const alive = await new Promise<boolean>((resolve) => {
    probe.once('connect', () => resolve(true));
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
  probe.destroy();
  if (!alive) rmSync(path, { force: true });
}
