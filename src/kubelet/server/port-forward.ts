/**
 * Port-forward: pairs of streams, one for data and one for errors, each pair a connection to a port of the pod. kubectl opens a pair for every connection (SPDY, also inside
 * WebSocket messages); other clients (Python, JavaScript) name the ports in the URL and get one connection to each.
 */
import { PassThrough, type Duplex, type Writable } from 'node:stream';
import { badRequest } from '#meta/status.ts';
import type { HttpUpgrade } from '#world/world.ts';
import type { ContainerRuntime } from '../container-runtime.ts';
import { serveSpdy, type SpdyStream } from './spdy.ts';
import { acceptSpdy } from './spdy-streams.ts';
import { acceptChannels, feed, isWebSocket, outputChannel } from './channels.ts';
import { isTunnel, webSocketTunnel } from './websocket.ts';

const protocol = 'portforward.k8s.io';
const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
/** Ports in one URL. */
const portsMax = 100;

export interface PortForwardTarget {
  readonly sandboxId: string;
  /** Those of the URL, for clients of channels. */
  readonly ports: readonly string[];
}

/** Serves one client until it goes away. */
export async function portForward(
  upgrade: HttpUpgrade,
  runtime: ContainerRuntime,
  { sandboxId, ports }: PortForwardTarget,
): Promise<void> {
  let connection: Duplex;
  if (isWebSocket(upgrade)) {
    if (!isTunnel(upgrade)) return overChannels(upgrade, runtime, { sandboxId, ports });
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

/** Two channels for each port of the URL: data, then errors. Both begin with the port's number, in two bytes. */
async function overChannels(
  upgrade: HttpUpgrade,
  runtime: ContainerRuntime,
  { sandboxId, ports }: PortForwardTarget,
): Promise<void> {
  const numbers = ports.map(Number);
  if (numbers.length === 0) throw badRequest('query parameter "port" is required');
  if (numbers.length > portsMax || !numbers.every(isPort))
    throw badRequest(`the ports ${ports.join(',')} are not valid`);
  const channels = await acceptChannels(upgrade, channelProtocols);
  const inputs = numbers.map(() => new PassThrough());
  channels.onMessage((channel, content) => {
    const input = channel % 2 === 0 ? inputs[channel / 2] : undefined;
    if (input) feed(channels, input, content);
  });
  channels.socket.on('close', () => inputs.forEach((input) => input.destroy()));
  for (const [index, port] of numbers.entries()) {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    void channels.send(2 * index, head);
    void channels.send(2 * index + 1, head);
    const input = inputs[index] as PassThrough;
    const error = outputChannel(channels, 2 * index + 1);
    runtime.dial(sandboxId, port).then(
      (target) => {
        const output = outputChannel(channels, 2 * index);
        const end = (): void => {
          target.destroy();
          input.destroy();
        };
        target.on('error', end);
        input.on('error', end).on('close', () => target.destroy());
        input.pipe(target);
        target.pipe(output);
      },
      (cause: unknown) => fail(error, port, cause),
    );
  }
  await new Promise<void>((resolve) => channels.socket.on('close', () => resolve()));
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

const fail = (error: Writable, port: number, cause: unknown): void =>
  void error.end(`error forwarding port ${port} to pod: ${(cause as Error).message}`);

async function connect(
  runtime: ContainerRuntime,
  sandboxId: string,
  data: SpdyStream,
  error: SpdyStream,
): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    if (!isPort(port)) throw new Error(`the port ${data.headers.get('port')} is not valid`);
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
    fail(error, port, cause);
    data.destroy();
  }
}
