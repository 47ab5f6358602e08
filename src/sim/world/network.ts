/**
 * The simulated network: who answers at which address is data. It carries what probes need, HTTP requests and TCP connections; nothing leaves the process.
 */
import { PassThrough, Readable } from 'node:stream';
import {
  NetworkError,
  type HttpClientRequest,
  type HttpClientResponse,
  type Millis,
  type Network,
} from '#world/world.ts';

/** What stands at an address: undefined refuses the connection. */
export interface Peer {
  connect(port: number): boolean;
  /** The answer to GET path: an HTTP status after a while. */
  get(port: number, path: string): { readonly status: number; readonly afterMs?: Millis } | undefined;
}

export interface SimNetwork extends Network {
  /** The peer at this address from now on. */
  place(address: string, peer: Peer): Disposable;
}

const unsupported = (what: string): never => {
  throw new NetworkError('ENETUNREACH', `the simulated network has no ${what}`);
};

export function simNetwork(sleep: (ms: Millis, signal?: AbortSignal) => Promise<void>): SimNetwork {
  const peers = new Map<string, Peer>();
  const peerAt = async (
    host: string,
    timeoutMs: Millis | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Peer> => {
    const peer = peers.get(host);
    if (peer) return peer;
    // Nobody has this address: packets vanish.
    await sleep(timeoutMs ?? 30_000, signal);
    throw new NetworkError('ETIMEDOUT', `dial ${host}: i/o timeout`);
  };
  return {
    place(address, peer) {
      peers.set(address, peer);
      return {
        [Symbol.dispose]() {
          if (peers.get(address) === peer) peers.delete(address);
        },
      };
    },
    async request({ url, timeoutMs, signal }: HttpClientRequest): Promise<HttpClientResponse> {
      const { hostname, port, pathname, search } = new URL(url);
      const peer = await peerAt(hostname.replace(/^\[|\]$/g, ''), timeoutMs, signal);
      const answer = peer.connect(Number(port)) ? peer.get(Number(port), pathname + search) : undefined;
      if (!answer) throw new NetworkError('ECONNREFUSED', `connect ECONNREFUSED ${hostname}:${port}`);
      const wait = answer.afterMs ?? 1;
      if (timeoutMs !== undefined && wait > timeoutMs) {
        await sleep(timeoutMs, signal);
        throw new NetworkError('ETIMEDOUT', `no answer from ${hostname}:${port} in ${timeoutMs} ms`);
      }
      await sleep(wait, signal);
      return {
        status: answer.status,
        headers: {},
        body: Readable.from([]),
        bytes: async () => Buffer.alloc(0),
        trailers: async () => ({}),
      };
    },
    async dialTcp(address, options) {
      if (!('port' in address)) return unsupported('unix sockets');
      const peer = await peerAt(address.host, options?.timeoutMs, options?.signal);
      if (!peer.connect(address.port))
        throw new NetworkError('ECONNREFUSED', `connect ECONNREFUSED ${address.host}:${address.port}`);
      return new PassThrough();
    },
    upgrade: async () => unsupported('upgrades'),
    serveHttp: async () => unsupported('servers'),
    listenTcp: async () => unsupported('servers'),
    listenUdp: async () => unsupported('servers'),
    interfaces: () => [],
  };
}
