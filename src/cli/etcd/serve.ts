/** `k8ts etcd serve`: the store alone, as an etcd with one member, with etcd's flag names. */
import { join, resolve } from 'node:path';
import { openEtcdData } from '#cluster/etcd-api/data.ts';
import { parseListenUrls, type ListenUrl } from '#cluster/etcd-api/listen.ts';
import { lazyServer } from '#cluster/etcd-api/serve.ts';
import type { HttpServerOptions, World } from '#world/world.ts';
import { command } from '../command.ts';
import { UsageError } from '../flags.ts';
import { fileText } from './peer.ts';

const listenDefault = 'http://127.0.0.1:2379';

export const serve = command({
  name: 'etcd serve',
  usage:
    'k8ts etcd serve [--data-dir DIR | --memory] [--listen-client-urls URLS] [--cert-file F --key-file F --trusted-ca-file F]',
  summary: "Run the store on its own: etcd's v3 API over a data file, or over memory.",
  details:
    'Clients must have a certificate of --trusted-ca-file. Without one it listens on loopback and sockets only: whoever reaches it can read and write everything.\n' +
    'DIR may be that of a stopped cluster: then it serves that cluster’s data.',
  flags: {
    'data-dir': { type: 'string', placeholder: 'DIR', doc: 'where the data is (default NAME.etcd)' },
    memory: { type: 'boolean', doc: 'keep everything in memory: gone at the end' },
    name: { type: 'string', placeholder: 'NAME', doc: 'the name of this member (default "default")' },
    'listen-client-urls': {
      type: 'string',
      placeholder: 'URLS',
      doc: `where to listen: http(s)://host:port or unix:///path, separated by commas (default ${listenDefault})`,
    },
    'advertise-client-urls': { type: 'string', placeholder: 'URLS', doc: 'what to tell clients (default: the same)' },
    'cert-file': { type: 'string', placeholder: 'FILE', doc: 'our certificate' },
    'key-file': { type: 'string', placeholder: 'FILE', doc: "our certificate's key" },
    'trusted-ca-file': { type: 'string', placeholder: 'FILE', doc: "who signs clients' certificates" },
    'max-txn-ops': { type: 'integer', min: 1, max: 4_096, doc: 'operations of a transaction (default 128)' },
    'max-request-bytes': {
      type: 'integer',
      min: 1_024,
      max: 64 * 1024 * 1024,
      doc: 'bytes of a request that writes (default 1572864)',
    },
  },
  async run({ values }, { world, program }) {
    const name = values.name ?? 'default';
    const urls = listenUrls(values['listen-client-urls'] ?? listenDefault);
    const tls = await tlsOf(world, values);
    for (const each of urls) {
      if (each.secure && !tls) throw new UsageError(`${each.url} needs --cert-file and --key-file`);
      if (each.exposed && !(each.secure && tls?.clientCa !== undefined))
        throw new UsageError(
          `${each.url}: whoever reaches it could read and write everything: listen with https and --trusted-ca-file, or on loopback`,
        );
    }
    if (values.memory && values['data-dir'] !== undefined)
      throw new UsageError('--memory keeps nothing in --data-dir: give one of them');
    const ended = new Promise<string>((done) => program.onTerminate(done));
    await using stack = new AsyncDisposableStack();
    const directory = resolve(values['data-dir'] ?? join('.', `${name}.etcd`));
    const { store, path } = await openEtcdData(world, values.memory ? undefined : directory);
    stack.use(store);
    const [operations, bytes] = [values['max-txn-ops'], values['max-request-bytes']];
    const server = stack.use(
      lazyServer(world, store, {
        name,
        clientUrls: values['advertise-client-urls']?.split(',') ?? urls.map(({ url }) => url),
        limits: {
          ...(operations === undefined ? {} : { txnOperationsMax: operations }),
          ...(bytes === undefined ? {} : { requestBytesMax: bytes }),
        },
      }),
    );
    await server.load();
    for (const { address, secure } of urls) {
      const options: HttpServerOptions =
        secure && tls ? { listen: address, tls } : { listen: address, clearHttp2: true };
      stack.use(await world.network.serveHttp(options, { request: (exchange) => server.handle(exchange) }));
    }
    program.out(`Serving ${path} on ${urls.map(({ url }) => url).join(', ')}. It stays until ^C.\n`);
    const outcome = await Promise.race([ended, store.failed]);
    if (outcome instanceof Error) {
      // What is in memory may be ahead of the disk: nothing more may be answered.
      program.err(`The store failed: ${outcome.message}\n`);
      return program.exit(1);
    }
    return 0;
  },
});

function listenUrls(text: string): readonly ListenUrl[] {
  try {
    return parseListenUrls(text);
  } catch (error) {
    throw new UsageError(`--listen-client-urls ${(error as Error).message}`);
  }
}

type TlsFlags = { readonly [name in 'cert-file' | 'key-file' | 'trusted-ca-file']: string | undefined };

async function tlsOf(world: World, values: TlsFlags): Promise<HttpServerOptions['tls'] | undefined> {
  const { 'cert-file': cert, 'key-file': key, 'trusted-ca-file': ca } = values;
  if (cert === undefined && key === undefined) {
    if (ca !== undefined) throw new UsageError('--trusted-ca-file belongs to --cert-file and --key-file');
    return undefined;
  }
  if (cert === undefined || key === undefined) throw new UsageError('--cert-file and --key-file belong together');
  return {
    cert: await fileText(world, cert),
    key: await fileText(world, key),
    ...(ca === undefined ? {} : { clientCa: await fileText(world, ca), clientCertRequired: true }),
  };
}
