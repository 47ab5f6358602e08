/**
 * `GET /dial/<ip>/<port>` with `Upgrade: tcp`: a TCP connection from this node to one of its own pods, or to the node itself. Pods' addresses mean something only
 * behind their node's bridge, so the API server's proxies (pods/proxy, services/proxy) come this way. It must never connect to anything else: the API server
 * looked at what clients wrote, the node at what is there.
 */
import { isGlobalUnicast, parseIp } from '#base/cidr.ts';
import { ApiError, badRequest } from '#meta/status.ts';
import { dialError, hostPort } from '#world/dial-error.ts';
import type { HttpUpgrade, World } from '#world/world.ts';
import type { ContainerRuntime } from '../container-runtime.ts';

const dialTimeoutMs = 10_000;

export interface DialTarget {
  readonly ip: string;
  readonly port: string;
  /** This node's address: where host-network pods listen. */
  readonly own: string;
}

/** Connects and becomes a pipe. Throws Forbidden for addresses that are not this node's, and ServiceUnavailable when nobody answers. */
export async function dialFromNode(
  world: World,
  upgrade: HttpUpgrade,
  runtime: ContainerRuntime,
  { ip, port, own }: DialTarget,
): Promise<void> {
  const parsed = parseIp(ip);
  if (!parsed || !/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw badRequest(`the address ${hostPort(ip, port)} is not valid`);
  if (!isGlobalUnicast(parsed)) throw new ApiError('Forbidden', 'address not allowed');
  if (runtime.pretended)
    throw new ApiError('ServiceUnavailable', `dial tcp ${hostPort(ip, port)}: containers of this node are simulated`);
  if (ip !== own && !(await runtime.sandboxes()).some(({ ips }) => ips.includes(ip)))
    throw new ApiError('ServiceUnavailable', `dial tcp ${hostPort(ip, port)}: no pod of this node has the address`);
  const target = await world.network
    .dialTcp({ host: ip, port: Number(port) }, { timeoutMs: dialTimeoutMs })
    .catch((cause: unknown) => {
      throw new ApiError('ServiceUnavailable', dialError(cause, hostPort(ip, port)), { cause });
    });
  const { socket, head } = upgrade;
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  if (head.length > 0) target.write(head);
  const end = (): void => {
    socket.destroy();
    target.destroy();
  };
  for (const each of [socket, target]) each.on('error', end).on('close', end);
  socket.pipe(target);
  target.pipe(socket);
}
