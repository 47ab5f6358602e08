/**
 * Several API servers over one store: clients that write through one and read or watch through another see one API. The store is in memory, and every server sees what the
 * others wrote late; the same with a real etcd.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import type { Endpoints } from '#api/core/endpoints.ts';
import { Namespace } from '#api/core/namespace.ts';
import { ResourceQuota } from '#api/core/resourcequota.ts';
import { Secret } from '#api/core/secret.ts';
import { Service } from '#api/core/service.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import type { EndpointSlice } from '#api/discovery/endpointslice.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import type { Client } from '#client/client.ts';
import { isApiError } from '#meta/status.ts';
import { etcdMissing, startEtcd } from '#store/etcd/test-etcd.ts';
import { openEtcdStore } from '#store/etcd/etcd-store.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';
import { startEndpointLeases } from './bootstrap/endpoint-leases.ts';
import { testApi, testWire, type TestApi } from './test-api.ts';
import { lateStore } from './test-shared-store.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const place = { namespace: 'default' };

interface Servers extends AsyncDisposable {
  /** The truth: the newest revision that is committed. */
  readonly store: Store;
  readonly apis: readonly TestApi[];
  client(index: number): Client;
}

async function serversOf(stores: readonly Store[], store: Store, stack: AsyncDisposableStack): Promise<Servers> {
  // All at once: each finds an empty store, or one that another fills.
  const apis = await Promise.all(stores.map((each) => testApi({ store: each, world })));
  for (const api of apis) stack.use(api);
  const owned = stack.move();
  return {
    store,
    apis,
    client: (index) => (apis[index % apis.length] as TestApi).client,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function overMemory(count = 3): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(memoryStore());
  const stores: Store[] = [];
  for (let i = 0; i < count; i++) stores.push(stack.use(await lateStore(world, store)));
  return await serversOf(stores, store, stack);
}

async function overEtcd(count = 3): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd());
  const open = async (): Promise<Store> => stack.use(await openEtcdStore(world, { servers: etcd.servers }));
  const store = await open();
  const stores: Store[] = [];
  for (let i = 0; i < count; i++) stores.push(await open());
  return await serversOf(stores, store, stack);
}

const environments = { memory: overMemory, ...(etcdMissing === undefined ? { etcd: overEtcd } : {}) };
if (etcdMissing !== undefined) test('several API servers on a real etcd', { skip: etcdMissing }, () => undefined);

for (const [name, start] of Object.entries(environments)) {
  test(`${name}: what was written through one server is read, listed and watched through another at once`, async () => {
    await using servers = await start();
    for (let i = 0; i < 12; i++) {
      const [one, two, three] = [servers.client(i), servers.client(i + 1), servers.client(i + 2)];
      const map = { metadata: { name: `m${i}`, ...place }, data: { by: 'one' } };
      const made = await one.create(ConfigMap, map);
      assert.equal((await two.get(ConfigMap, `m${i}`, place)).metadata.uid, made.metadata.uid);
      const patched = await three.patch(ConfigMap, `m${i}`, { type: 'merge', body: { data: { by: 'three' } } }, place);
      const { resourceVersion } = patched.metadata;
      const listed = await one.list(ConfigMap, { ...place, resourceVersion, resourceVersionMatch: 'NotOlderThan' });
      assert.equal(listed.items.find(({ metadata }) => metadata.name === `m${i}`)?.data?.['by'], 'three');
      const stop = new AbortController();
      const watch = two.watch(ConfigMap, { ...place, resourceVersion, signal: stop.signal });
      const next = (async () => {
        for await (const event of watch) return event;
        return undefined;
      })();
      await three.delete(ConfigMap, `m${i}`, place);
      assert.equal((await next)?.type, 'DELETED');
      stop.abort();
      await assert.rejects(one.get(ConfigMap, `m${i}`, place), { reason: 'NotFound' });
      // Of the same name again, by a server that may still know the old one.
      await two.create(ConfigMap, map);
      await one.delete(ConfigMap, `m${i}`, place);
    }
  });

  test(`${name}: every answer is what was true at a moment between question and answer`, async () => {
    await using servers = await start();
    await linear(servers);
  });

  test(`${name}: a node port is given once, whichever server gives it`, async () => {
    await using servers = await start();
    const draft = (each: string, nodePort?: number) => ({
      metadata: { name: each, ...place },
      spec: { type: 'NodePort', ports: [{ port: 80, ...(nodePort === undefined ? {} : { nodePort }) }] },
    });
    const create = (index: number, each: string, port?: number) =>
      servers.client(index).create(Service, draft(each, port) as never);
    const wished = await Promise.allSettled([0, 1, 2].map((index) => create(index, `wish-${index}`, 30_007)));
    assert.equal(wished.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const { reason } of wished.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[])
      assert.match(String(reason), /provided port is already allocated/);
    const made = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => create(index, `s${index}`)));
    // The range has ten.
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 9);
    const list = (await servers.client(1).list(Service, place)).items;
    const ports = list.flatMap(({ spec }) => (spec.ports ?? []).map(({ nodePort }) => nodePort));
    assert.equal(new Set(ports).size, ports.length);
    const ips = list.map(({ spec }) => spec.clusterIP);
    assert.equal(new Set(ips).size, ips.length);
    // What one gives back another may give out again.
    const [some] = list;
    await servers.client(2).delete(Service, some?.metadata.name ?? '', place);
    const again = await create(0, 'again');
    assert.equal(again.spec.ports?.[0]?.nodePort, some?.spec.ports?.[0]?.nodePort);
    const turned = await servers.client(1).patch(
      Service,
      'again',
      {
        type: 'merge',
        body: { spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: null, protocol: 'TCP' }] } },
      },
      place,
    );
    assert.equal(turned.spec.ports?.[0]?.nodePort, undefined);
    await create(2, 'third', some?.spec.ports?.[0]?.nodePort);
  });

  test(`${name}: a quota counts what comes through every server`, async () => {
    await using servers = await start();
    const quota = { metadata: { name: 'q', ...place }, spec: { hard: { 'count/secrets': '5' } } };
    await servers.client(0).create(ResourceQuota, quota);
    await servers
      .client(1)
      .patch(
        ResourceQuota,
        'q',
        { type: 'merge', body: { status: { hard: { 'count/secrets': '5' }, used: { 'count/secrets': '0' } } } },
        { ...place, subresource: 'status' },
      );
    const made = await Promise.allSettled(
      Array.from({ length: 9 }, (_, index) =>
        servers.client(index).create(Secret, { metadata: { name: `s${index}`, ...place } }),
      ),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 5);
    assert.equal((await servers.client(2).list(Secret, place)).items.length, 5);
    assert.equal((await servers.client(2).get(ResourceQuota, 'q', place)).status?.used?.['count/secrets'], '5');
  });

  test(`${name}: nothing comes into a namespace that another server has begun to end`, async () => {
    await using servers = await start();
    for (let i = 0; i < 4; i++) {
      const namespace = `n${i}`;
      await servers.client(i).create(Namespace, { metadata: { name: namespace } });
      const creates = Array.from({ length: 9 }, (_, index) =>
        servers.client(index).create(ConfigMap, { metadata: { name: `m${index}`, namespace } }),
      );
      const ending = servers.client(i + 1).delete(Namespace, namespace, {});
      const done = await Promise.allSettled(creates);
      await ending;
      const { metadata } = await servers.client(i + 2).get(Namespace, namespace);
      for (const each of done) {
        if (each.status === 'fulfilled')
          assert.ok(Number(each.value.metadata.resourceVersion) < Number(metadata.resourceVersion));
        else assert.ok(isApiError(each.reason, 'Forbidden'), String(each.reason));
      }
    }
  });
}

/** Clients write and read a few maps through any server; the store's history says what was true when. */
async function linear({ store, apis, client }: Servers): Promise<void> {
  const keys = ['a', 'b', 'c'];
  const begin = store.revision();
  const states = new Map<string, { readonly revision: number; readonly value: string | undefined }[]>();
  const wrong: string[] = [];
  const seen: { text: string; key: string; value: string | undefined; since: number; until: number }[] = [];
  const newest = async (): Promise<number> => {
    await store.sync();
    return store.revision();
  };
  let count = 0;
  const act = async (index: number): Promise<void> => {
    const key = keys[Math.floor(world.random.fraction() * keys.length)] as string;
    const one = client(Math.floor(world.random.fraction() * apis.length));
    const since = await newest();
    const told = async (text: string, value: string | undefined): Promise<void> => {
      seen.push({ text: `${index} ${text} ${key}`, key, value, since, until: await newest() });
    };
    const dice = world.random.fraction();
    try {
      if (dice < 0.35) await told('get', (await one.get(ConfigMap, key, place)).data?.['value']);
      else if (dice < 0.55) {
        const list = await one.list(ConfigMap, place);
        const at = Number(list.metadata.resourceVersion);
        if (at < since) wrong.push(`${index}: a list at ${at}, asked for at ${since}`);
        await told('list', list.items.find(({ metadata }) => metadata.name === key)?.data?.['value']);
      } else if (dice < 0.75)
        await one.patch(ConfigMap, key, { type: 'merge', body: { data: { value: `v${++count}` } } }, place);
      else if (dice < 0.9)
        await one.create(ConfigMap, { metadata: { name: key, ...place }, data: { value: `v${++count}` } });
      else await one.delete(ConfigMap, key, place);
    } catch (error) {
      if (isApiError(error, 'NotFound')) await told('not found', undefined);
      else if (isApiError(error, 'AlreadyExists')) await told('exists', 'any');
      else throw error;
    }
  };
  using _history = await store.watch('/registry/configmaps/default/', begin, (events, revision) => {
    for (const { type, entry } of events) {
      const key = entry.key.split('/').at(-1) as string;
      const { data } = JSON.parse(entry.value.toString('utf8')) as ConfigMap;
      states.set(key, [...(states.get(key) ?? []), { revision, value: type === 'put' ? data?.['value'] : undefined }]);
    }
  });
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 25; i++) await act(i);
    }),
  );
  await newest();
  for (const { text, key, value, since, until } of seen) {
    const all = [{ revision: 0, value: undefined as string | undefined }, ...(states.get(key) ?? [])];
    const first = all.findLastIndex(({ revision }) => revision <= since);
    const possible = all.slice(first).filter(({ revision }) => revision <= until);
    if (!possible.some((state) => (value === 'any' ? state.value !== undefined : state.value === value)))
      wrong.push(`${text}: ${value} between ${since} and ${until}, when ${JSON.stringify(possible)}`);
  }
  assert.ok(seen.length > 80);
  assert.deepEqual(wrong, []);
}

test('a version that no server has come to is refused as upstream refuses it', async () => {
  await using servers = await overMemory(2);
  const resourceVersion = '1000000';
  const message = /Too large resource version: 1000000, current: \d+/;
  await assert.rejects(servers.client(0).list(ConfigMap, { ...place, resourceVersion }), message);
  await assert.rejects(servers.client(1).get(ConfigMap, 'a', { ...place, resourceVersion }), message);
});

test('Services of before there were claims get theirs, and claims without a Service go', async () => {
  await using store = memoryStore();
  const port = '/registry/ranges/nodeports/';
  {
    await using api = await testApi({ store, world });
    const spec = { type: 'NodePort' as const, ports: [{ port: 80, nodePort: 30_003 }] };
    await api.client.create(Service, { metadata: { name: 's', ...place }, spec } as never);
    assert.equal((await store.range(port)).count, 1);
  }
  await store.txn([
    { op: 'delete', key: `${port}30003` },
    { op: 'put', key: `${port}30005`, value: Buffer.from('{"service":"default/gone"}') },
  ]);
  await using _api = await testApi({ store, world });
  assert.deepEqual(
    (await store.range(port)).entries.map(({ key, value }) => [key, value.toString()]),
    [[`${port}30003`, '{"service":"default/s"}']],
  );
});

test('a right or a token that was made through one server counts at another at once', async () => {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(memoryStore());
  const one = stack.use(await testWire({ store: stack.use(await lateStore(world, store, 100)) }));
  const two = stack.use(await testWire({ store: stack.use(await lateStore(world, store, 100)), pki: one.pki }));
  const identity = await one.pki.client({ commonName: 'jane' });
  const path = '/api/v1/namespaces/default/configmaps';
  assert.equal((await two.ask('GET', path, { identity })).status, 403);
  const { client } = one.api;
  const rules = [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }];
  await client.create(ClusterRole, { metadata: { name: 'reader' }, rules });
  await client.create(ClusterRoleBinding, {
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  } as never);
  assert.equal((await two.ask('GET', path, { identity })).status, 200);
  await client.create(ServiceAccount, { metadata: { name: 'robot', ...place } });
  const asked = await client.post<{ status: { token: string } }>(ServiceAccount, 'robot', 'token', { spec: {} }, place);
  const headers = { authorization: `Bearer ${asked.status.token}` };
  // Known, though it may do nothing.
  assert.equal((await two.ask('GET', path, { identity: null, headers })).status, 403);
});

test(
  'a server that dies leaves the endpoints of the API, one that stops leaves them at once',
  { timeout: 60_000 },
  async () => {
    await using servers = await overMemory(3);
    const times = { ttlMs: 1_500, renewMs: 300 };
    const clusterIp = '10.96.0.1';
    const leases = await Promise.all(
      servers.apis.map(({ server }, index) =>
        startEndpointLeases(server.api, { clusterIp, own: { ip: `192.0.2.${index + 1}`, port: 6443 }, ...times }),
      ),
    );
    await using stack = new AsyncDisposableStack();
    for (const lease of leases.slice(0, 2)) stack.use(lease);
    const states: string[] = [];
    using _watch = await servers.store.watch('/registry/services/endpoints/default/', 1, (events) => {
      for (const { entry } of events) {
        const { subsets } = JSON.parse(entry.value.toString('utf8')) as Endpoints;
        states.push((subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip)).join());
      }
    });
    const until = async (reached: () => boolean): Promise<void> => {
      for (let tries = 0; !reached(); tries++) {
        assert.ok(tries < 1_000, states.join(' → '));
        await world.clock.sleep(20);
      }
    };
    const stand = (wanted: string) => until(() => states.at(-1) === wanted);
    await stand('192.0.2.1,192.0.2.2,192.0.2.3');
    await leases[2]?.[Symbol.asyncDispose]();
    await stand('192.0.2.1,192.0.2.2');
    // One of which nothing more is heard.
    const dead = { op: 'put', key: '/registry/masterleases/192.0.2.9', value: Buffer.from('{}') } as const;
    await servers.store.txn([dead]);
    await until(() => states.some((each) => each.endsWith('192.0.2.9')));
    await stand('192.0.2.1,192.0.2.2');
    const slices: string[] = [];
    using _slices = await servers.store.watch('/registry/endpointslices/default/', 1, (events) => {
      for (const { entry } of events) {
        const { endpoints } = JSON.parse(entry.value.toString('utf8')) as EndpointSlice;
        slices.push(endpoints.flatMap(({ addresses }) => addresses).join());
      }
    });
    await until(() => slices.at(-1) === '192.0.2.1,192.0.2.2');
    assert.equal((await servers.client(1).get(Service, 'kubernetes', place)).spec.clusterIP, clusterIp);
  },
);
