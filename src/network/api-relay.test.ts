import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPki } from '#world/node/test-pki.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { HttpServer } from '#world/world.ts';
import { startApiRelay } from './api-relay.ts';

const world = nodeWorld({ log: { level: 'silent' } });

interface Server {
  readonly name: string;
  readonly port: number;
  ready: boolean;
  stop(): Promise<void>;
}

test('connections go to servers that are well, and leave one that is not', { timeout: 60_000 }, async () => {
  const pki = await testPki();
  const identity = await pki.server();
  await using stack = new AsyncDisposableStack();
  const start = async (name: string, port = 0): Promise<Server> => {
    const self = { name, ready: true };
    const http: HttpServer = await world.network.serveHttp(
      { listen: { host: '127.0.0.1', port }, tls: { ...identity } },
      {
        request(exchange) {
          if (exchange.url === '/readyz') exchange.respond(self.ready ? 200 : 500, {}, '');
          else if (exchange.url === '/name') exchange.respond(200, {}, name);
          // Anything else hangs.
        },
      },
    );
    stack.use(http);
    return Object.assign(self, { port: http.port, stop: async () => http[Symbol.asyncDispose]() });
  };
  const servers = [await start('one'), await start('two'), await start('three')] as const;
  const path = `/tmp/k8ts-relay-${process.pid}.sock`;
  stack.use(
    await startApiRelay(world, {
      listen: [{ path }],
      servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
      ca: pki.ca,
    }),
  );
  /** Over a connection of its own. */
  const ask = async (url: string, signal?: AbortSignal): Promise<string> => {
    const response = await world.network.request({
      method: 'GET',
      url: `https://localhost${url}`,
      socketPath: path,
      protocol: 'http/1.1',
      headers: { connection: 'close' },
      tls: { ca: pki.ca },
      ...(signal ? { signal } : {}),
    });
    return (await response.bytes()).toString();
  };
  const answering = async (count = 12): Promise<string> => {
    const names = new Set<string>();
    for (let i = 0; i < count; i++) names.add(await ask('/name'));
    return [...names].toSorted().join();
  };
  const until = async (wanted: string): Promise<void> => {
    for (let tries = 0, names = ''; names !== wanted; tries++) {
      assert.ok(tries < 200, `${names} answer, not ${wanted}`);
      // A server that is left loses its connections, this one's too: then it is asked again.
      names = await answering().catch(() => 'nobody');
      if (names !== wanted) await world.clock.sleep(50);
    }
  };
  await until('one,three,two');
  // Each hangs on one of them.
  const hanging = servers.map(() => ask('/hangs').catch((error: Error) => error.message));
  servers[0].ready = false;
  await until('three,two');
  assert.match(await Promise.race(hanging), /hang up|closed|reset/);
  await servers[1].stop();
  await until('three');
  // Nobody is well any more: better one that may answer than none.
  servers[2].ready = false;
  await until('one,three');
  servers[0].ready = true;
  await until('one');
});
