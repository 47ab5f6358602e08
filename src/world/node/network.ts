/**
 * The real network, put together from its parts: servers, client, sockets, interfaces. One of these a process: the client's
 * connections are shared through it.
 */
import { networkInterfaces } from 'node:os';
import type { Log, Network } from '../world.ts';
import { HttpClient } from './http-client.ts';
import { serveHttp } from './http-server.ts';
import { dialTcp, listenTcp } from './tcp.ts';
import { listenUdp } from './udp.ts';

export function nodeNetwork(log: Log): Network {
  const client = new HttpClient();
  return {
    serveHttp: (options, handlers) => serveHttp(options, handlers, log),
    request: (request) => client.request(request),
    upgrade: (request) => client.upgrade(request),
    listenTcp,
    dialTcp,
    listenUdp,
    interfaces() {
      return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
        (addresses ?? []).map(({ address, family, internal, cidr }) => ({
          name,
          address,
          family: family === 'IPv4' ? (4 as const) : (6 as const),
          internal,
          cidr: cidr ?? `${address}/${family === 'IPv4' ? 32 : 128}`,
        })),
      );
    },
  };
}
