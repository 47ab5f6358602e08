/** A complete API server for tests, over a memory store or one that is handed in; with a port only when asked for. */
import { generateKeyPairSync } from 'node:crypto';
import { allKinds } from '#api/kinds.ts';
import { Namespace } from '#api/core/namespace.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import type { Client } from '#client/client.ts';
import { ApiError, isApiError } from '#meta/status.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { testPki, type TestPki } from '#world/node/test-pki.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { HttpClientRequest, HttpServer, TlsIdentity, World } from '#world/world.ts';
import { startApiServer, type ApiServer } from './server.ts';
import { loopback, type User } from './user.ts';

export interface TestApi extends AsyncDisposable {
  readonly world: World;
  readonly store: Store;
  readonly server: ApiServer;
  /** May do everything. */
  readonly client: Client;
  as(user: User): Client;
}

const { privateKey, publicKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

const version = { major: '1', minor: '37', gitVersion: 'v1.37.0', gitCommit: '', gitTreeState: 'clean' };
const build = { buildDate: '', goVersion: '', compiler: '', platform: '' };

export const issuer = 'https://kubernetes.default.svc.cluster.local';

/** Namespaces `default` and `other` stand with their ServiceAccounts. */
export async function testApi(
  options: { readonly store?: Store; readonly world?: World; readonly serviceCidr?: string } = {},
): Promise<TestApi> {
  const world = options.world ?? nodeWorld();
  const store = options.store ?? memoryStore();
  const server = await startApiServer(world, {
    kinds: allKinds,
    store,
    ranges: { clusterIps: options.serviceCidr ?? '10.96.0.0/24', nodePorts: [30000, 30009] },
    tokenKey: { privateKey, publicKey, issuer },
    version: { ...version, ...build },
  });
  const client = server.client(loopback, 'test');
  const present = await client.list(Namespace);
  if (!present.items.some(({ metadata }) => metadata.name === 'other')) {
    try {
      await client.create(Namespace, { metadata: { name: 'other' } });
      for (const namespace of ['default', 'other'])
        await client.create(ServiceAccount, { metadata: { name: 'default', namespace } });
    } catch (error) {
      // Another server over the same store starts at the same time.
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
  return {
    world,
    store,
    server,
    client,
    as: (user) => server.client(user, 'test'),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      if (!options.store) await store[Symbol.asyncDispose]();
    },
  };
}

export interface TestWire extends AsyncDisposable {
  readonly api: TestApi;
  readonly url: string;
  readonly pki: TestPki;
  /** One request as a user of the group system:masters, or as `identity` says; null: without any certificate. */
  ask(method: string, path: string, options?: AskOptions): Promise<Reply>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: HttpClientRequest['headers'];
  readonly identity?: TlsIdentity | null;
  readonly protocol?: 'h2' | 'http/1.1';
}

export interface Reply {
  readonly status: number;
  readonly headers: HttpClientRequest['headers'] & object;
  readonly bytes: Buffer;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the server answered
  readonly json: any;
}

/** The same with a port on loopback. */
export async function testWire(
  options: { readonly store?: Store; readonly port?: number; readonly pki?: TestPki } = {},
): Promise<TestWire> {
  const api = await testApi(options);
  const pki = options.pki ?? (await testPki());
  const http: HttpServer = await api.server.serve(
    { host: '127.0.0.1', port: options.port ?? 0 },
    { ...(await pki.server()), clientCa: pki.ca },
  );
  const admin = await pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const url = `https://127.0.0.1:${http.port}`;
  return {
    api,
    url,
    pki,
    async ask(method, path, { body, headers = {}, identity = admin, protocol } = {}) {
      const raw = typeof body === 'string' || Buffer.isBuffer(body);
      const response = await api.world.network.request({
        method,
        url: url + path,
        headers: { ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }), ...headers },
        tls: { ca: pki.ca, ...(identity ? { identity } : {}) },
        ...(body === undefined ? {} : { body: raw ? (body as Buffer | string) : JSON.stringify(body) }),
        ...(protocol ? { protocol } : {}),
        timeoutMs: 20_000,
      });
      const bytes = await response.bytes();
      const isJson =
        !/watch=true|\/watch\//.test(path) &&
        String(response.headers['content-type']).startsWith('application/json') &&
        !response.headers['content-encoding'];
      return {
        status: response.status,
        headers: response.headers,
        bytes,
        json: isJson && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined,
      };
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

/** What a call is refused with; fails when it is not. */
export async function refusal(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('the call was not refused');
}

export const podDraft = (
  name: string,
  more: { labels?: Record<string, string>; spec?: object; namespace?: string } = {},
) => ({
  metadata: { name, namespace: more.namespace ?? 'default', ...(more.labels ? { labels: more.labels } : {}) },
  spec: { containers: [{ name: 'c', image: 'example.com/c:1' }], ...more.spec },
});
