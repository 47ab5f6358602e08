/**
 * The API on a node's own address: pods reach the API server through it. The server itself listens on a unix socket of the
 * host (nodes share its files), TLS goes through unread. It must never become a way to any other socket.
 */
import type { World } from '#world/world.ts';
import { splice } from './splice.ts';

const connectionsMax = 10_000;
const dialTimeoutMs = 10_000;

export interface ApiForwardOptions {
  /** The node's address and the port that the Service `kubernetes` leads to. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly socketPath: string;
}

/** Runs in the node's network namespace. */
export async function startApiForward(world: World, options: ApiForwardOptions): Promise<AsyncDisposable> {
  let open = 0;
  return world.network.listenTcp(options.listen, (socket) => {
    if (open >= connectionsMax) {
      socket.destroy();
      return;
    }
    open++;
    world.network
      .dialTcp({ path: options.socketPath }, { timeoutMs: dialTimeoutMs })
      .then((server) => splice(socket, server))
      .catch((error: unknown) => {
        // The API server starts or restarts: the client sees a closed connection and comes back.
        world.log.debug('a pod could not reach the API', { error: String(error) });
        socket.destroy();
      })
      .finally(() => open--);
  });
}
