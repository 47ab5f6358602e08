/**
 * The cluster's store, served as an etcd: on a socket that only the cluster's owner can open, and on ports with TLS where the
 * configuration says so. Such a client can read and write everything, Secrets too, past all that the API server checks: its
 * certificate comes from an authority of its own, and no certificate of the API's is taken. What serves is loaded at the first
 * request: a cluster that nobody asks must not carry it in memory.
 */
import { createHash } from 'node:crypto';
import { reservedPrefix } from '#store/etcd-server/keys.ts';
import type { EtcdServer } from '#store/etcd-server/server.ts';
import type { Store } from '#store/store.ts';
import type { HttpExchange, World } from '#world/world.ts';
import { hostAddress, type Configuration } from '../configuration.ts';
import type { Layout } from '../layout.ts';
import { openAuthority } from '../pki.ts';
import { parseListenUrls } from './listen.ts';

export async function serveClusterEtcd(
  world: World,
  layout: Layout,
  { configuration, store }: { readonly configuration: Configuration; readonly store: Store },
): Promise<AsyncDisposable> {
  const urls = (configuration.etcdListen ?? []).flatMap(parseListenUrls);
  await using stack = new AsyncDisposableStack();
  const server = lazyServer(world, store, {
    name: `k8ts-${configuration.id}`,
    clientUrls: [`unix://${layout.etcdSocket}`, ...urls.map(({ url }) => url)],
  });
  stack.use(server);
  // After a restart leases go on to end, whether or not somebody asks.
  if ((await store.range(reservedPrefix, { limit: 1 })).count > 0) await server.load();
  const handlers = { request: (exchange: HttpExchange): void => server.handle(exchange) };
  await world.disk.remove(layout.etcdSocket);
  stack.use(await world.network.serveHttp({ listen: { path: layout.etcdSocket }, clearHttp2: true }, handlers));
  if (urls.length > 0) {
    const tls = await etcdIdentities(world, layout, {
      hosts: [hostAddress(configuration), ...urls.flatMap(({ address }) => ('host' in address ? [address.host] : []))],
    });
    for (const { address } of urls)
      stack.use(
        await world.network.serveHttp(
          { listen: address, tls: { ...tls.server, clientCa: tls.ca, clientCertRequired: true } },
          handlers,
        ),
      );
  }
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Kubeadm's names: one for the server, one for people and probes, one for an API server. */
async function etcdIdentities(world: World, layout: Layout, { hosts }: { readonly hosts: readonly string[] }) {
  const authority = await openAuthority(world, layout.etcdPki, 'etcd-ca');
  const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);
  const everywhere = hosts.some((host) => host === '0.0.0.0' || host === '::');
  const addresses = everywhere ? world.network.interfaces().map(({ address }) => address) : [];
  const named = hosts.filter((host) => host !== '0.0.0.0' && host !== '::');
  const [server] = await Promise.all([
    authority.issue('server', {
      commonName: 'k8ts-etcd',
      usage: 'both',
      dnsNames: [...new Set(['localhost', ...named.filter((host) => !isAddress(host))])],
      ipAddresses: [...new Set(['127.0.0.1', ...named.filter(isAddress), ...addresses])],
    }),
    authority.issue('healthcheck-client', { commonName: 'kube-etcd-healthcheck-client', usage: 'client' }),
    authority.issue('apiserver-etcd-client', { commonName: 'kube-apiserver-etcd-client', usage: 'client' }),
  ]);
  return { ca: authority.cert, server };
}

export interface LazyServer extends AsyncDisposable {
  handle(exchange: HttpExchange): void;
  load(): Promise<void>;
}

/** Loads the server when it is first needed. Ids follow from the name. */
export function lazyServer(
  world: World,
  store: Store,
  options: {
    readonly name: string;
    readonly clientUrls: readonly string[];
    readonly limits?: { readonly txnOperationsMax?: number; readonly requestBytesMax?: number };
  },
): LazyServer {
  let loading: Promise<EtcdServer> | undefined;
  let loaded: EtcdServer | undefined;
  const load = (): Promise<EtcdServer> =>
    (loading ??= import('#store/etcd-server/server.ts').then(({ startEtcdServer }) =>
      startEtcdServer(world, store, {
        identity: {
          clusterId: idOf(`cluster ${options.name}`),
          memberId: idOf(`member ${options.name}`),
          name: options.name,
          clientUrls: options.clientUrls,
        },
        ...(options.limits ? { limits: options.limits } : {}),
      }),
    ));
  return {
    handle(exchange) {
      if (loaded) {
        loaded.handle(exchange);
        return;
      }
      load().then(
        (server) => (loaded = server).handle(exchange),
        (error: unknown) => {
          // The next one tries anew.
          loading = undefined;
          world.log.error('the etcd API cannot be served', { error });
          exchange.respond(503, { 'content-type': 'text/plain' }, 'the store does not answer\n');
        },
      );
    },
    load: async () => void (await load()),
    async [Symbol.asyncDispose]() {
      await loading?.then((server) => server[Symbol.asyncDispose]()).catch(() => undefined);
    },
  };
}

/** 63 bits, never 0: clients take 0 for none. */
const idOf = (text: string): bigint =>
  (createHash('sha256').update(text).digest().readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn) | 1n;
