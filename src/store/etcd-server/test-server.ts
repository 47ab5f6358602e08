/** The served etcd API over a store on a port of loopback, for tests. */
import type { World } from '#world/world.ts';
import type { Store } from '../store.ts';
import { startEtcdServer } from './server.ts';
import type { EtcdLimits } from './service.ts';

export interface TestServer extends AsyncDisposable {
  /** `host:port`. */
  readonly endpoint: string;
}

/** Takes the store along when it is disposed. */
export async function serveStore(world: World, store: Store, limits: Partial<EtcdLimits> = {}): Promise<TestServer> {
  const server = await startEtcdServer(world, store, {
    identity: { clusterId: 0xc1n, memberId: 0x3en, name: 'test', clientUrls: ['http://127.0.0.1'] },
    limits,
  });
  const http = await world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: 0 }, clearHttp2: true },
    { request: (exchange) => server.handle(exchange) },
  );
  return {
    endpoint: `127.0.0.1:${http.port}`,
    async [Symbol.asyncDispose]() {
      await http.close(0);
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
