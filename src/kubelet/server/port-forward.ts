/**
 * Port-forward: pairs of SPDY streams, one for data and one for errors, each pair a connection to a port of the pod.
 */
import type { Duplex } from 'node:stream';
import type { HttpUpgrade } from '#world/world.ts';
import type { ContainerRuntime } from '../container-runtime.ts';
import { serveSpdy, type SpdyStream } from './spdy.ts';
import { acceptSpdy } from './spdy-streams.ts';
import { isTunnel, isWebSocket, webSocketTunnel } from './websocket.ts';

const protocol = 'portforward.k8s.io';

/** Serves one client until it goes away. */
export async function portForward(upgrade: HttpUpgrade, runtime: ContainerRuntime, sandboxId: string): Promise<void> {
  let connection: Duplex;
  if (isWebSocket(upgrade)) {
    if (!isTunnel(upgrade))
      throw new Error(
        'unable to upgrade: port-forward over WebSocket needs the subprotocol SPDY/3.1+portforward.k8s.io',
      );
    connection = await webSocketTunnel(upgrade);
  } else {
    acceptSpdy(upgrade, [protocol]);
    connection = upgrade.socket;
  }
  const pairs = new Map<string, { data?: SpdyStream; error?: SpdyStream }>();
  const session = serveSpdy(connection, (stream) => {
    stream.on('error', () => undefined);
    const id = stream.headers.get('requestid') ?? String(stream.id);
    const pair = pairs.get(id) ?? {};
    pairs.set(id, pair);
    if (stream.headers.get('streamtype') === 'error') pair.error = stream;
    else pair.data = stream;
    if (pair.data && pair.error) {
      pairs.delete(id);
      void connect(runtime, sandboxId, pair.data, pair.error);
    }
  });
  await new Promise<void>((resolve) => session.onClose(resolve));
}

async function connect(
  runtime: ContainerRuntime,
  sandboxId: string,
  data: SpdyStream,
  error: SpdyStream,
): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Error(`the port ${data.headers.get('port')} is not valid`);
    const target = await runtime.dial(sandboxId, port);
    const end = (): void => {
      target.destroy();
      data.destroy();
    };
    target.on('error', end);
    target.on('close', () => {
      if (!data.writableEnded) data.end();
    });
    data.on('close', () => target.destroy());
    data.pipe(target);
    target.pipe(data);
    error.end();
  } catch (cause) {
    error.end(`error forwarding port ${port} to pod: ${(cause as Error).message}`);
    data.destroy();
  }
}
