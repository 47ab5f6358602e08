/** The Client over both transports against the same server: they must not differ; and the View that lives on them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Deployment } from '#api/apps/deployment.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import { Pod } from '#api/core/pod.ts';
import { clientOf } from '#client/client-of.ts';
import type { Client } from '#client/client.ts';
import { httpTransport } from '#client/http/transport.ts';
import { startView } from '#client/view.ts';
import { nodeWorld } from '#world/node/world.ts';
import { podDraft, refusal, testWire, type TestWire } from './test-api.ts';

let wire: TestWire;
let remote: Client;
before(async () => {
  wire = await testWire();
  const identity = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  remote = clientOf(httpTransport(wire.api.world, { url: wire.url, ca: wire.pki.ca, identity, userAgent: 'test' }));
});
after(() => wire[Symbol.asyncDispose]());

const inDefault = { namespace: 'default' } as const;

for (const way of ['direct', 'http'] as const) {
  const client = (): Client => (way === 'direct' ? wire.api.client : remote);

  test(`${way}: every verb`, async () => {
    const name = `verbs-${way}`;
    const made = await client().create(ConfigMap, {
      metadata: { name, ...inDefault, labels: { way } },
      data: { a: '1' },
    } as never);
    assert.deepEqual([made.kind, made.apiVersion, made.metadata.name], ['ConfigMap', 'v1', name]);
    const read = await client().get(ConfigMap, name, inDefault);
    assert.deepEqual(read, made);
    const list = await client().list(ConfigMap, { ...inDefault, labelSelector: `way=${way}` });
    assert.deepEqual(list.items, [made]);
    const updated = await client().update(ConfigMap, { ...made, data: { a: '2' } } as never);
    assert.equal(updated.data?.['a'], '2');
    const patched = await client().patch(
      ConfigMap,
      name,
      { type: 'json', body: [{ op: 'add', path: '/data/b', value: '3' }] },
      inDefault,
    );
    assert.deepEqual(patched.data, { a: '2', b: '3' });
    const applied = await client().patch(
      ConfigMap,
      name,
      { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { c: '4' } } },
      { ...inDefault, fieldManager: 'm', force: true },
    );
    assert.equal(applied.data?.['c'], '4');
    assert.equal((await refusal(client().update(ConfigMap, { ...made, data: {} } as never))).reason, 'Conflict');
    assert.equal(
      (await refusal(client().create(ConfigMap, { metadata: { name, ...inDefault } }))).reason,
      'AlreadyExists',
    );
    await client().delete(ConfigMap, name, { ...inDefault, preconditions: { uid: made.metadata.uid } });
    const gone = await refusal(client().get(ConfigMap, name, inDefault));
    assert.equal(gone.message, `configmaps "${name}" not found`);
    await client().deleteCollection(ConfigMap, { ...inDefault, labelSelector: `way=${way}` });
  });

  test(`${way}: a refusal carries every cause`, async () => {
    const error = await refusal(
      client().create(Deployment, { metadata: { name: 'bad', ...inDefault }, spec: { replicas: -1 } } as never),
    );
    assert.equal(error.reason, 'Invalid');
    assert.ok((error.details?.causes?.length ?? 0) >= 3);
  });

  test(`${way}: subresources`, async () => {
    const name = `sub-${way}`;
    await client().create(Pod, podDraft(name) as never);
    await client().post(
      Pod,
      name,
      'binding',
      { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { kind: 'Node', name: 'n1' } },
      inDefault,
    );
    const running = await client().patch(
      Pod,
      name,
      { type: 'merge', body: { status: { phase: 'Running' } } },
      { ...inDefault, subresource: 'status' },
    );
    assert.deepEqual([running.spec.nodeName, running.status?.phase], ['n1', 'Running']);
    const going = await client().delete(Pod, name, inDefault);
    assert.ok(going?.metadata.deletionTimestamp);
    await client().delete(Pod, name, { ...inDefault, gracePeriodSeconds: 0 });
  });

  test(`${way}: a view follows what happens, with its indexes`, async () => {
    const label = `view-${way}`;
    const make = (name: string, colour: string) =>
      client().create(ConfigMap, {
        metadata: { name: `${label}-${name}`, ...inDefault, labels: { label, colour } },
      } as never);
    await make('a', 'red');
    await using view = startView(wire.api.world, client(), ConfigMap, {
      namespace: 'default',
      labelSelector: `label=${label}`,
      indexes: { colour: ({ metadata }) => [metadata.labels?.['colour'] ?? ''] },
    });
    await view.synced;
    const changes: string[] = [];
    view.onChange(({ old, now }) => changes.push(`${old ? 'old' : '-'} ${now ? 'now' : '-'}`));
    const reached = (revision: string): Promise<void> =>
      new Promise((resolve) => {
        if (view.revision >= Number(revision)) resolve();
        const heard = view.onRevision((now) => {
          if (now < Number(revision)) return;
          heard[Symbol.dispose]();
          resolve();
        });
      });
    const b = await make('b', 'red');
    await reached(b.metadata.resourceVersion);
    assert.deepEqual(
      view
        .by('colour', 'red')
        .map(({ metadata }) => metadata.name)
        .toSorted(),
      [`${label}-a`, `${label}-b`],
    );
    const blue = await client().patch(
      ConfigMap,
      `${label}-b`,
      { type: 'merge', body: { metadata: { labels: { colour: 'blue' } } } },
      inDefault,
    );
    await reached(blue.metadata.resourceVersion);
    assert.deepEqual(view.by('colour', 'blue').length, 1);
    await client().delete(ConfigMap, `${label}-a`, inDefault);
    const last = await make('c', 'green');
    await reached(last.metadata.resourceVersion);
    assert.equal(view.get(`default/${label}-a`), undefined);
    assert.deepEqual(changes, ['- now', 'old now', 'old -', '- now']);
    assert.equal(view.size, 2);
  });
}

test('an object read in process cannot be written to', async () => {
  await wire.api.client.create(ConfigMap, { metadata: { name: 'frozen', ...inDefault }, data: { a: '1' } } as never);
  const object = await wire.api.client.get(ConfigMap, 'frozen', inDefault);
  assert.throws(() => ((object.data as Record<string, string>)['a'] = '2'), TypeError);
  const { items } = await wire.api.client.list(ConfigMap, inDefault);
  assert.ok(items.every((item) => Object.isFrozen(item) && Object.isFrozen(item.metadata)));
});

test('a view over the wire comes back after the server was away', async () => {
  await using first = await testWire();
  const identity = await first.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const port = Number(new URL(first.url).port);
  const world = nodeWorld();
  const client = clientOf(httpTransport(world, { url: first.url, ca: first.pki.ca, identity }));
  await using view = startView(world, client, ConfigMap, { namespace: 'default' });
  await view.synced;
  await using again = await second(first, port);
  await again.api.client.create(ConfigMap, { metadata: { name: 'later', ...inDefault } });
  for (let tries = 0; tries < 400 && !view.get('default/later'); tries++) await world.clock.sleep(25);
  assert.ok(view.get('default/later'));
});

/** The port is taken over by another server with the same CA and state. */
async function second(first: TestWire, port: number): Promise<TestWire> {
  await first[Symbol.asyncDispose]();
  return testWire({ port, pki: first.pki });
}

test('an unreachable server is told as such', async () => {
  const client = clientOf(httpTransport(wire.api.world, { url: 'https://127.0.0.1:1', ca: wire.pki.ca }));
  const error = await refusal(client.list(ConfigMap));
  assert.equal(error.reason, 'ServiceUnavailable');
  assert.match(error.message, /cannot be reached/);
});
