/** Lists and watches together: what a client needs to follow the state without a gap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Pod } from '#api/core/pod.ts';
import type { WatchOptions } from '#client/client.ts';
import { memoryStore } from '#store/memory.ts';
import { podDraft, refusal, testApi, type TestApi } from '../test-api.ts';

type Seen = { type: string; name: string; revision: string };

/** Watches until `count` events have come. */
async function take(
  api: TestApi,
  kind: typeof ConfigMap | typeof Pod,
  count: number,
  options: Omit<WatchOptions, 'signal'>,
): Promise<Seen[]> {
  const stop = new AbortController();
  const seen: Seen[] = [];
  for await (const event of api.client.watch(kind, { ...options, signal: stop.signal })) {
    const { metadata } = event.object as { metadata: { name: string; resourceVersion: string } };
    seen.push({ type: event.type, name: metadata.name, revision: metadata.resourceVersion });
    if (seen.length >= count) break;
  }
  stop.abort();
  return seen;
}

const names = (seen: readonly Seen[]): string[] => seen.map(({ type, name }) => `${type} ${name}`);
const map = (name: string, labels: Record<string, string> = {}, namespace = 'default') => ({
  metadata: { name, namespace, labels },
});

test('a watch from a list’s version misses nothing and repeats nothing', async () => {
  await using api = await testApi();
  await api.client.create(ConfigMap, map('before'));
  const { metadata } = await api.client.list(ConfigMap, { namespace: 'default' });
  await api.client.create(ConfigMap, map('a'));
  const watching = take(api, ConfigMap, 4, { namespace: 'default', resourceVersion: metadata.resourceVersion });
  await api.client.create(ConfigMap, map('b'));
  await api.client.create(ConfigMap, map('elsewhere', {}, 'other'));
  await api.client.patch(ConfigMap, 'a', { type: 'merge', body: { data: { x: 'y' } } }, { namespace: 'default' });
  await api.client.delete(ConfigMap, 'b', { namespace: 'default' });
  const seen = await watching;
  assert.deepEqual(names(seen), ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  const revisions = seen.map(({ revision }) => Number(revision));
  assert.deepEqual(
    revisions,
    revisions.toSorted((x, y) => x - y),
  );
});

test('an object that comes to match a selector is added, one that stops is deleted', async () => {
  await using api = await testApi();
  const { metadata } = await api.client.list(ConfigMap);
  const watching = take(api, ConfigMap, 4, { labelSelector: 'on=yes', resourceVersion: metadata.resourceVersion });
  const set = (value: string) =>
    api.client.patch(
      ConfigMap,
      'm',
      { type: 'merge', body: { metadata: { labels: { on: value } } } },
      { namespace: 'default' },
    );
  await api.client.create(ConfigMap, map('m', { on: 'no' }));
  await set('yes');
  await api.client.patch(ConfigMap, 'm', { type: 'merge', body: { data: { a: 'b' } } }, { namespace: 'default' });
  await set('no');
  await set('yes');
  assert.deepEqual(names(await watching), ['ADDED m', 'MODIFIED m', 'DELETED m', 'ADDED m']);
});

test('a field selector follows pods to and from a node', async () => {
  await using api = await testApi();
  const { metadata } = await api.client.list(Pod);
  const watching = take(api, Pod, 2, { fieldSelector: 'spec.nodeName=n1', resourceVersion: metadata.resourceVersion });
  await api.client.create(Pod, podDraft('p') as never);
  await api.client.post(Pod, 'p', 'binding', { target: { name: 'n1' } }, { namespace: 'default' });
  await api.client.delete(Pod, 'p', { namespace: 'default', gracePeriodSeconds: 0 });
  assert.deepEqual(names(await watching), ['ADDED p', 'DELETED p']);
});

test('a watch of one name hears of nothing else', async () => {
  await using api = await testApi();
  const watching = take(api, ConfigMap, 2, {
    namespace: 'default',
    fieldSelector: 'metadata.name=me',
    resourceVersion: String(api.store.revision()),
  });
  await api.client.create(ConfigMap, map('other'));
  await api.client.create(ConfigMap, map('me', {}, 'other'));
  await api.client.create(ConfigMap, map('me'));
  await api.client.delete(ConfigMap, 'me', { namespace: 'default' });
  assert.deepEqual(names(await watching), ['ADDED me', 'DELETED me']);
});

test('sendInitialEvents gives the state, then a marked bookmark, then what comes', async () => {
  await using api = await testApi();
  await api.client.create(ConfigMap, map('a'));
  await api.client.create(ConfigMap, map('b'));
  const stop = new AbortController();
  const seen: string[] = [];
  const options = {
    namespace: 'default',
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    bookmarks: true,
  } as const;
  for await (const event of api.client.watch(ConfigMap, { ...options, signal: stop.signal })) {
    const { metadata } = event.object as { metadata: { name: string; annotations?: Record<string, string> } };
    seen.push(
      event.type === 'BOOKMARK'
        ? `BOOKMARK ${metadata.annotations?.['k8s.io/initial-events-end']}`
        : `${event.type} ${metadata.name}`,
    );
    if (event.type === 'BOOKMARK') await api.client.create(ConfigMap, map('c'));
    if (seen.length === 4) break;
  }
  stop.abort();
  assert.deepEqual(seen, ['ADDED a', 'ADDED b', 'BOOKMARK true', 'ADDED c']);
});

test('a watch resumes after the server was started again on the same store', async () => {
  await using store = memoryStore();
  let from: string;
  {
    await using api = await testApi({ store });
    await api.client.create(ConfigMap, map('a'));
    from = (await api.client.list(ConfigMap)).metadata.resourceVersion;
    await api.client.create(ConfigMap, map('b'));
    await api.client.delete(ConfigMap, 'a', { namespace: 'default' });
  }
  await using api = await testApi({ store });
  const watching = take(api, ConfigMap, 3, { resourceVersion: from });
  await api.client.create(ConfigMap, map('c'));
  assert.deepEqual(names(await watching), ['ADDED b', 'DELETED a', 'ADDED c']);
});

test('a revision that was compacted away is expired', async () => {
  await using store = memoryStore();
  let old: string;
  {
    await using first = await testApi({ store });
    old = (await first.client.list(ConfigMap)).metadata.resourceVersion;
    await first.client.create(ConfigMap, map('a'));
    await first.client.create(ConfigMap, map('b'));
    await store.compact(store.revision());
  }
  await using api = await testApi({ store });
  const error = await refusal(take(api, ConfigMap, 1, { resourceVersion: old }));
  assert.equal(error.reason, 'Expired');
  assert.match(error.message, /too old resource version/);
});

test('a watcher that is too slow is told that it fell behind', async () => {
  await using api = await testApi();
  const cache = api.server.api.cache(ConfigMap);
  const slow = await cache.cursor(cache.revision);
  const idle = await cache.cursor(cache.revision, { namespace: 'other' });
  const waiting = idle.wait();
  for (let i = 0; i < 20_600; i += 100) {
    await api.store.txn(
      Array.from({ length: 100 }, (_, j) => ({
        op: 'put' as const,
        key: `/registry/configmaps/default/x${j}`,
        value: Buffer.from(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x${j}","n":"${i}"}}`),
      })),
    );
  }
  assert.throws(() => slow.take(), { reason: 'Expired' });
  // Whoever waits for another namespace has missed nothing and is still there.
  await api.client.create(ConfigMap, map('mine', {}, 'other'));
  await waiting;
  assert.deepEqual(
    idle.take().map(({ entry }) => entry.name),
    ['mine'],
  );
});

test('only those whom an event may concern are woken', async () => {
  await using api = await testApi();
  const cache = api.server.api.cache(ConfigMap);
  const woken: string[] = [];
  const wait = async (label: string, scope: { namespace?: string; name?: string }): Promise<void> => {
    await (await cache.cursor(cache.revision, scope)).wait();
    woken.push(label);
  };
  void wait('all', {});
  void wait('default', { namespace: 'default' });
  void wait('other', { namespace: 'other' });
  void wait('default/a', { namespace: 'default', name: 'a' });
  void wait('default/b', { namespace: 'default', name: 'b' });
  void wait('any a', { name: 'a' });
  await new Promise((resolve) => setImmediate(resolve));
  await api.client.create(ConfigMap, map('a'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(woken.toSorted(), ['all', 'any a', 'default', 'default/a']);
});
