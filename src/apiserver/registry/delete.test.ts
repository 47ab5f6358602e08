/** Deletion with every option, as a client of the whole API server sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Event } from '#api/core/event.ts';
import { Pod } from '#api/core/pod.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { podDraft, testWire, type Reply } from '../test-api.ts';

const inDefault = { namespace: 'default' };
const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const held = (name: string, ...finalizers: string[]) => ({ metadata: { name, ...inDefault, finalizers } });
const causesOf = ({ json }: Reply): string[] =>
  (json as { details: { causes: { field: string; message: string }[] } }).details.causes.map(
    ({ field, message }) => `${field}: ${message}`,
  );

test('options that do not fit together are refused, with every cause', async () => {
  await using wire = await testWire();
  const refused = async (query: string, body?: object): Promise<string[]> => {
    const reply = await wire.ask('DELETE', `${maps}/none${query}`, body === undefined ? {} : { body });
    assert.equal(reply.status, 422);
    return causesOf(reply);
  };
  const both =
    'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set';
  assert.deepEqual(await refused('?orphanDependents=false&propagationPolicy=Orphan'), [both]);
  assert.deepEqual(await refused('', { orphanDependents: true, propagationPolicy: 'Orphan' }), [both]);
  assert.deepEqual(await refused('', { propagationPolicy: 'Sideways', dryRun: ['Some'] }), [
    'propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"',
    'dryRun: Unsupported value: []string{"Some"}: supported values: "All"',
  ]);
  assert.deepEqual(await refused('?dryRun=Some'), [
    'dryRun: Unsupported value: []string{"Some"}: supported values: "All"',
  ]);
  const other = await wire.ask('DELETE', `${maps}/none`, { body: { apiVersion: 'v1', kind: 'Pod' } });
  assert.equal(other.status, 400);
  const grace = await wire.ask('DELETE', `${maps}/none?gracePeriodSeconds=soon`);
  assert.equal(grace.status, 400);
});

test('options of other writes are checked under their own name', async () => {
  await using wire = await testWire();
  const create = await wire.ask('POST', `${maps}?dryRun=Some&fieldValidation=Perhaps`, { body: {} });
  assert.match(create.json.message, /^CreateOptions.meta.k8s.io "" is invalid: \[dryRun: .*, fieldValidation: /);
  const headers = { 'content-type': 'application/merge-patch+json' };
  const patch = await wire.ask('PATCH', `${maps}/a?force=true&dryRun=No`, { body: {}, headers });
  assert.match(patch.json.message, /^PatchOptions.meta.k8s.io "" is invalid: \[force: Forbidden: may not be specified/);
  const apply = await wire.ask('PATCH', `${maps}/a`, {
    body: {},
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  assert.deepEqual(causesOf(apply), ['fieldManager: Required value: is required for apply patch']);
  const update = await wire.ask('PUT', `${maps}/a?fieldManager=${'m'.repeat(129)}`, { body: {} });
  assert.match(update.json.message, /^UpdateOptions.*fieldManager: Too long: may not be more than 128 bytes$/);
  const tab = await wire.ask('PUT', `${maps}/a?fieldManager=a%09b`, { body: {} });
  assert.match(tab.json.message, /invalid character U\+0009 \(at position 1\)$/);
});

test('the policy of a deletion becomes finalizers, and a later deletion may change them', async () => {
  await using wire = await testWire();
  const { client } = wire.api;
  const cases: [string, object | undefined, string[]][] = [
    ['?propagationPolicy=Foreground', undefined, ['x.io/y', 'foregroundDeletion']],
    ['?orphanDependents=true', undefined, ['x.io/y', 'orphan']],
    ['?orphanDependents', undefined, ['x.io/y', 'orphan']],
    ['?orphanDependents=False', undefined, ['x.io/y']],
    ['?propagationPolicy=Foreground', { propagationPolicy: 'Orphan' }, ['x.io/y', 'orphan']],
    ['', { orphanDependents: true }, ['x.io/y', 'orphan']],
    // A body is the whole of the options: what stands in the query does not count then.
    ['?propagationPolicy=Foreground', {}, ['x.io/y']],
  ];
  for (const [index, [query, body, finalizers]] of cases.entries()) {
    await client.create(ConfigMap, held(`a${index}`, 'x.io/y'));
    const reply = await wire.ask('DELETE', `${maps}/a${index}${query}`, body === undefined ? {} : { body });
    assert.equal(reply.status, query === '?orphanDependents=False' ? 202 : 200);
    assert.deepEqual(reply.json.metadata.finalizers, finalizers, query + JSON.stringify(body));
    assert.equal(reply.json.metadata.deletionGracePeriodSeconds, 0);
  }
  await client.create(ConfigMap, held('b', 'foregroundDeletion'));
  const kept = await wire.ask('DELETE', `${maps}/b`);
  assert.deepEqual(kept.json.metadata.finalizers, ['foregroundDeletion']);
  const again = await wire.ask('DELETE', `${maps}/b?propagationPolicy=Orphan`);
  assert.deepEqual(again.json.metadata.finalizers, ['orphan']);
  assert.equal(again.json.metadata.deletionTimestamp, kept.json.metadata.deletionTimestamp);
  const gone = await wire.ask('DELETE', `${maps}/b?propagationPolicy=Background`);
  assert.deepEqual([gone.json.kind, gone.json.status], ['Status', 'Success']);
  // Nobody would ever take a finalizer from an event.
  const regarding = { involvedObject: { kind: 'Pod', name: 'p', ...inDefault } };
  await client.create(Event, { metadata: { name: 'e', ...inDefault }, ...regarding });
  const event = await wire.ask('DELETE', '/api/v1/namespaces/default/events/e?propagationPolicy=Orphan');
  assert.equal(event.json.kind, 'Status');
});

test('an object that waits for finalizers keeps to preconditions; that it may be unreadable is no option beside others', async () => {
  await using wire = await testWire();
  const { metadata } = await wire.api.client.create(ConfigMap, held('a', 'x.io/y'));
  const ask = (preconditions: object): Promise<Reply> =>
    wire.ask('DELETE', `${maps}/a`, { body: { preconditions, propagationPolicy: 'Background' } });
  for (const wrong of [{ uid: 'other' }, { resourceVersion: '1' }]) assert.equal((await ask(wrong)).status, 409);
  const marked = await ask({ uid: metadata.uid, resourceVersion: metadata.resourceVersion });
  assert.equal(marked.status, 200);
  // The old version is no more, also when nothing else would change.
  assert.equal((await ask({ resourceVersion: metadata.resourceVersion })).status, 409);
  const same = await ask({ uid: metadata.uid });
  assert.equal(same.json.metadata.resourceVersion, marked.json.metadata.resourceVersion);
  const broken = { ignoreStoreReadErrorWithClusterBreakingPotential: true, dryRun: ['All'], gracePeriodSeconds: 0 };
  const refused = await wire.ask('DELETE', `${maps}/a`, { body: broken });
  assert.deepEqual([refused.status, refused.json.details.causes.length], [422, 1]);
});

test('the grace of a pod only becomes shorter, and its finalizers stay while it runs', async () => {
  await using wire = await testWire();
  const { client } = wire.api;
  await client.create(Pod, podDraft('p', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }));
  const ask = async (body: object): Promise<AnyObject['metadata']> =>
    (await wire.ask('DELETE', `${pods}/p`, { body })).json.metadata as AnyObject['metadata'];
  const first = await ask({ gracePeriodSeconds: 60 });
  assert.equal(first.deletionGracePeriodSeconds, 60);
  for (const body of [{}, { gracePeriodSeconds: 90 }, { propagationPolicy: 'Orphan' }])
    assert.deepEqual(await ask(body), first);
  const second = await ask({ gracePeriodSeconds: 10, propagationPolicy: 'Orphan' });
  assert.deepEqual([second.deletionGracePeriodSeconds, second.finalizers], [10, ['orphan']]);
  assert.equal(Date.parse(first.deletionTimestamp ?? '') - Date.parse(second.deletionTimestamp ?? ''), 50_000);
  assert.equal((await ask({ gracePeriodSeconds: -5 })).deletionGracePeriodSeconds, 1);
  const last = await ask({ gracePeriodSeconds: 0 });
  assert.deepEqual([last.deletionGracePeriodSeconds, last.finalizers], [0, ['orphan']]);
  const gone = await wire.ask('DELETE', `${pods}/p?propagationPolicy=Background`);
  assert.equal(gone.json.kind, 'Pod');
  assert.equal((await wire.ask('GET', `${pods}/p`)).status, 404);
});

test('a namespace that is being emptied is asked nothing more', async () => {
  await using wire = await testWire();
  const path = '/api/v1/namespaces/other';
  const first = await wire.ask('DELETE', path);
  assert.deepEqual([first.status, first.json.status.phase], [200, 'Terminating']);
  const second = await wire.ask('DELETE', `${path}?propagationPolicy=Orphan`);
  assert.equal(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion);
});

test('a collection is deleted page by page, by selector, and not at all in a dry run', async () => {
  await using wire = await testWire();
  const { client } = wire.api;
  for (let index = 0; index < 7; index++)
    await client.create(ConfigMap, { metadata: { name: `m${index}`, ...inDefault, labels: { odd: `${index % 2}` } } });
  const left = async (): Promise<string[]> =>
    (await client.list(ConfigMap, inDefault)).items.map(({ metadata }) => metadata.name);
  const dry = await wire.ask('DELETE', `${maps}?labelSelector=odd&dryRun=All`);
  assert.deepEqual([dry.json.kind, dry.json.items.length, (await left()).length], ['ConfigMapList', 7, 7]);
  const page = await wire.ask('DELETE', `${maps}?limit=3`);
  assert.deepEqual([page.json.items.length, page.json.metadata.remainingItemCount], [3, 4]);
  assert.deepEqual(await left(), ['m3', 'm4', 'm5', 'm6']);
  const next = await wire.ask('DELETE', `${maps}?limit=3&continue=${page.json.metadata.continue}`);
  assert.deepEqual(
    (next.json as { items: AnyObject[] }).items.map(({ metadata }) => metadata.name),
    ['m3', 'm4', 'm5'],
  );
  assert.equal((await wire.ask('DELETE', `${maps}?labelSelector=odd%3D1`)).json.items.length, 0);
  assert.deepEqual(await left(), ['m6']);
  assert.equal((await wire.ask('DELETE', `${maps}?propagationPolicy=Orphan`)).status, 200);
  assert.deepEqual((await client.get(ConfigMap, 'm6', inDefault)).metadata.finalizers, ['orphan']);
});

test('a dry run of any verb and subresource changes nothing', async () => {
  await using wire = await testWire();
  const { client } = wire.api;
  await client.create(Pod, podDraft('p'));
  const group = '/apis/apps/v1/namespaces/default/deployments';
  const spec = { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } } } };
  const template = { ...spec.template, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const deployment = { metadata: { name: 'd' }, spec: { ...spec, template } };
  assert.equal((await wire.ask('POST', group, { body: deployment })).status, 201);
  const before = wire.api.store.revision();
  const merge = { 'content-type': 'application/merge-patch+json' };
  const applied = { 'content-type': 'application/apply-patch+yaml' };
  const of = (kind: string, apiVersion: string, more: object) => ({ kind, apiVersion, ...more });
  const calls: [string, string, object, Record<string, string>?][] = [
    ['POST', group, { ...deployment, metadata: { name: 'e' } }],
    ['PUT', `${group}/d`, { ...deployment, spec: { ...deployment.spec, replicas: 3 } }],
    ['PATCH', `${group}/d`, { spec: { replicas: 3 } }, merge],
    ['PATCH', `${group}/d`, of('Deployment', 'apps/v1', { spec: { replicas: 1 } }), applied],
    ['PATCH', `${group}/n`, of('Deployment', 'apps/v1', { ...deployment, metadata: { name: 'n' } }), applied],
    ['PATCH', `${group}/d/status`, { status: { replicas: 3 } }, merge],
    ['PUT', `${group}/d/scale`, of('Scale', 'autoscaling/v1', { metadata: { name: 'd' }, spec: { replicas: 4 } })],
    ['PATCH', `${group}/d/scale`, { spec: { replicas: 4 } }, merge],
    ['DELETE', `${group}/d`, {}],
    ['DELETE', group, {}],
    ['POST', `${pods}/p/binding`, { metadata: { name: 'p' }, target: { name: 'n' } }],
    ['POST', '/api/v1/namespaces/default/bindings', { metadata: { name: 'p' }, target: { name: 'n' } }],
    ['POST', `${pods}/p/eviction`, { metadata: { name: 'p' } }],
    ['PATCH', `${pods}/p/status`, { status: { phase: 'Running' } }, merge],
    ['PATCH', `${pods}/p/ephemeralcontainers`, { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } }, merge],
    ['PUT', '/api/v1/namespaces/other/finalize', { metadata: { name: 'other' }, spec: { finalizers: ['x.io/y'] } }],
    ['DELETE', '/api/v1/namespaces/other', {}],
  ];
  for (const [method, path, body, headers] of calls) {
    const reply = await wire.ask(
      method,
      `${path}?dryRun=All&fieldManager=m&force=${headers === applied}`.replace('&force=false', ''),
      {
        body,
        ...(headers ? { headers } : {}),
      },
    );
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.json?.message}`);
    assert.equal(wire.api.store.revision(), before, `${method} ${path}`);
  }
});
