/** Lists: pages over a changing collection, and every row of the resourceVersion table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Secret } from '#api/core/secret.ts';
import type { ListOptions } from '#client/client.ts';
import { refusal, testApi, type TestApi } from '../test-api.ts';

const map = (name: string, labels: Record<string, string> = {}) => ({
  metadata: { name, namespace: 'default', labels },
});

async function filled(count: number): Promise<TestApi> {
  const api = await testApi();
  for (let i = 0; i < count; i++) await api.client.create(ConfigMap, map(`m${i}`, { odd: String(i % 2) }));
  return api;
}

async function pages(
  api: TestApi,
  options: ListOptions,
  between?: (page: number) => Promise<unknown>,
): Promise<string[][]> {
  const all: string[][] = [];
  let next: string | undefined;
  do {
    const page = await api.client.list(ConfigMap, {
      namespace: 'default',
      ...options,
      ...(next ? { continue: next } : {}),
    });
    all.push(page.items.map(({ metadata }) => metadata.name));
    next = page.metadata.continue;
    await between?.(all.length);
  } while (next);
  return all;
}

test('pages show the state of the first page, whatever happens meanwhile', async () => {
  await using api = await filled(7);
  const seen = await pages(api, { limit: 3 }, async (page) => {
    if (page !== 1) return;
    await api.client.delete(ConfigMap, 'm4', { namespace: 'default' });
    await api.client.create(ConfigMap, map('m35'));
  });
  assert.deepEqual(seen, [['m0', 'm1', 'm2'], ['m3', 'm4', 'm5'], ['m6']]);
});

test('a page tells how many are left, unless a selector hides it', async () => {
  await using api = await filled(7);
  const first = await api.client.list(ConfigMap, { namespace: 'default', limit: 3 });
  assert.equal((first.metadata as { remainingItemCount?: number }).remainingItemCount, 4);
  const selected = await api.client.list(ConfigMap, { namespace: 'default', limit: 2, labelSelector: 'odd=1' });
  assert.deepEqual(
    selected.items.map(({ metadata }) => metadata.name),
    ['m1', 'm3'],
  );
  assert.ok(selected.metadata.continue);
  assert.equal((selected.metadata as { remainingItemCount?: number }).remainingItemCount, undefined);
});

test('a page whose state was compacted is expired, with a token that goes on in the state of now', async () => {
  await using api = await filled(4);
  const first = await api.client.list(ConfigMap, { namespace: 'default', limit: 2 });
  await api.client.create(ConfigMap, map('late'));
  await api.client.create(ConfigMap, map('a'));
  await api.store.compact(api.store.revision());
  const next = { namespace: 'default', limit: 2, continue: first.metadata.continue as string };
  const error = await refusal(api.client.list(ConfigMap, next));
  assert.equal(error.code, 410);
  assert.match(error.message, /or use the continue token in this response/);
  const rest = await api.client.list(ConfigMap, { namespace: 'default', continue: error.continue as string });
  assert.deepEqual(
    rest.items.map(({ metadata }) => metadata.name),
    ['m2', 'm3'],
  );
  const exact = { resourceVersion: '2', resourceVersionMatch: 'Exact' } as const;
  const old = await refusal(api.client.list(ConfigMap, exact));
  assert.equal(old.code, 410);
  assert.equal(old.continue, undefined);
});

test('pages of a state that has passed are as long as asked, with and without a selector', async () => {
  await using api = await filled(9);
  const now = (await api.client.list(ConfigMap)).metadata.resourceVersion;
  let count = 0;
  const change = (): Promise<unknown> => api.client.create(ConfigMap, map(`n${count++}`, { odd: '0' }));
  const options = { resourceVersion: now, resourceVersionMatch: 'Exact' } as const;
  await change();
  const start = await api.client.list(ConfigMap, { namespace: 'default', limit: 4, ...options });
  assert.equal((start.metadata as { remainingItemCount?: number }).remainingItemCount, 5);
  assert.deepEqual(
    (await pages(api, { limit: 4 }, change)).map((page) => page.length),
    [4, 4, 2],
  );
  assert.deepEqual(await pages(api, { limit: 2, labelSelector: 'odd=1' }, change), [
    ['m1', 'm3'],
    ['m5', 'm7'],
  ]);
});

test('a forged token leads nowhere else', async () => {
  await using api = await filled(2);
  await api.client.create(Secret, { metadata: { name: 's', namespace: 'default' } });
  const forged = (start: string, rv = api.store.revision()): string =>
    Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
  const listed = (token: string) => api.client.list(ConfigMap, { namespace: 'default', continue: token });
  for (const start of ['/registry/secrets/default/s', '../../secrets/', '../kube-system/']) {
    const { items } = await listed(forged(start));
    assert.deepEqual(
      [...new Set(items.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`))],
      ['ConfigMap default'],
    );
  }
  const bad = [forged(''), forged('m1', 0), forged('m1', -2), forged('m1', 0.5), 'x', '%%%', forged('m1').slice(3)];
  for (const token of bad) assert.equal((await refusal(listed(token))).code, 400, token);
  const { message } = await refusal(listed(Buffer.from('{"v":"v9"}').toString('base64url')));
  assert.match(message, /^invalid continue token: continue key is not valid: server does not recognize/);
});

test('resourceVersion and its match decide which state is shown', async () => {
  await using api = await testApi();
  await api.client.create(ConfigMap, map('a'));
  const old = (await api.client.list(ConfigMap)).metadata.resourceVersion;
  await api.client.create(ConfigMap, map('b'));
  const show = async (options: ListOptions): Promise<string> =>
    (await api.client.list(ConfigMap, { namespace: 'default', ...options })).items
      .map(({ metadata }) => metadata.name)
      .join();
  assert.equal(await show({}), 'a,b');
  assert.equal(await show({ resourceVersion: '0' }), 'a,b');
  assert.equal(await show({ resourceVersion: old }), 'a,b');
  assert.equal(await show({ resourceVersion: old, resourceVersionMatch: 'NotOlderThan' }), 'a,b');
  assert.equal(await show({ resourceVersion: old, resourceVersionMatch: 'Exact' }), 'a');
  assert.equal(await show({ resourceVersion: old, limit: 9 }), 'a');
  assert.equal(await show({ resourceVersion: '0', limit: 9 }), 'a,b');
  const refused = async (options: ListOptions): Promise<string> =>
    (await refusal(api.client.list(ConfigMap, options))).reason;
  assert.equal(await refused({ resourceVersionMatch: 'Exact' }), 'Invalid');
  assert.equal(await refused({ resourceVersion: '0', resourceVersionMatch: 'Exact' }), 'Invalid');
  const both = await refusal(api.client.list(ConfigMap, { resourceVersionMatch: 'Exact', continue: 'x' }));
  assert.deepEqual(
    both.details?.causes?.map(({ message }) => message),
    [
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
      'Forbidden: resourceVersionMatch is forbidden when continue is provided',
    ],
  );
  assert.equal(await refused({ resourceVersion: '1', resourceVersionMatch: 'Newest' as never }), 'Invalid');
  assert.equal(await refused({ sendInitialEvents: true } as ListOptions), 'Invalid');
  assert.equal(await refused({ resourceVersion: 'x' }), 'BadRequest');
  assert.equal(await refused({ resourceVersion: '999999' }), 'Timeout');
  assert.equal(await refused({ labelSelector: 'a=b=c' }), 'BadRequest');
  assert.equal(await refused({ fieldSelector: 'data.a=b' }), 'BadRequest');
});
