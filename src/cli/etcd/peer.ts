/** Whom the commands of `k8ts etcd` ask: the cluster of a data directory, or an address, with etcdctl's flags. */
import { resolve } from 'node:path';
import { readConfiguration } from '#cluster/configuration.ts';
import { runningState } from '#cluster/process-state.ts';
import { GrpcError, type GrpcPeer } from '#world/grpc.ts';
import { NetworkError, type World } from '#world/world.ts';
import { dataDirectoryFlag, layoutFor } from '../data-directory.ts';
import { UsageError } from '../flags.ts';

export const peerFlags = {
  'data-dir': dataDirectoryFlag,
  endpoints: {
    type: 'string',
    placeholder: 'URL',
    doc: "ask this etcd instead of the cluster's own: http(s)://host:port or unix:///path",
  },
  cacert: { type: 'string', placeholder: 'FILE', doc: "who signed the endpoint's certificate" },
  cert: { type: 'string', placeholder: 'FILE', doc: 'our certificate for the endpoint' },
  key: { type: 'string', placeholder: 'FILE', doc: "our certificate's key" },
} as const;

type PeerValues = { readonly [name in keyof typeof peerFlags]: string | undefined };

export interface Peer {
  readonly endpoint: string;
  readonly peer: GrpcPeer;
}

/** Throws UsageError when there is nobody to ask. */
export async function peerFor(world: World, values: PeerValues): Promise<Peer> {
  const { endpoints, cacert, cert, key } = values;
  if (endpoints === undefined) {
    const layout = layoutFor(world, values['data-dir']);
    if (!(await readConfiguration(world, layout)))
      throw new UsageError(
        `there is no cluster in ${layout.root}: start one with "k8ts up", or name an etcd with --endpoints`,
      );
    if (!(await runningState(world, layout.serverState)))
      throw new UsageError(`the cluster in ${layout.root} does not run: start it with "k8ts up"`);
    return {
      endpoint: `unix://${layout.etcdSocket}`,
      peer: { url: 'http://localhost', socketPath: layout.etcdSocket },
    };
  }
  const url = URL.parse(endpoints.includes('://') ? endpoints : `http://${endpoints}`);
  if (url?.protocol === 'unix:')
    return { endpoint: endpoints, peer: { url: 'http://localhost', socketPath: decodeURIComponent(url.pathname) } };
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(`--endpoints ${endpoints} is no http(s)://host:port and no unix:///path`);
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key belong together');
  return {
    endpoint: endpoints,
    peer: {
      url: `${url.protocol}//${url.host}`,
      tls: {
        ...(cacert === undefined ? {} : { ca: await fileText(world, cacert) }),
        ...(cert === undefined || key === undefined
          ? {}
          : { identity: { cert: await fileText(world, cert), key: await fileText(world, key) } }),
      },
    },
  };
}

/** Of a file that a flag names. Throws UsageError when there is none. */
export async function fileText(world: World, file: string): Promise<string> {
  const path = resolve(file);
  const found = await world.disk.readText(path);
  if (found === undefined) throw new UsageError(`${path} is missing`);
  return found;
}

/** What the other side said, without our own stack of words around it. */
export function reasonOf({ endpoint }: Peer, error: unknown): Error {
  if (error instanceof GrpcError || error instanceof NetworkError) return new Error(`${endpoint}: ${error.message}`);
  return error as Error;
}
