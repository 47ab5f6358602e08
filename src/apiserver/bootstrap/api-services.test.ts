import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APIService } from '#api/apiregistration/apiservice.ts';
import { allKinds } from '#api/kinds.ts';
import { createCauses, row } from '#api/written.ts';
import { memoryStore } from '#store/memory.ts';
import { testApi } from '../test-api.ts';
import { apiServiceDrafts } from './api-services.ts';

test('every group and version is registered once, by valid objects, but the aggregation layer’s own', () => {
  const drafts = apiServiceDrafts(allKinds);
  const names = drafts.map(({ object }) => object.metadata.name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('v1.'));
  assert.ok(names.includes('v1.apps'));
  assert.ok(!names.some((name) => name.includes('apiregistration')));
  for (const { object } of drafts) assert.deepEqual(createCauses(APIService, object), []);
});

test('a cluster starts with them available, and brings one back at the next start', async () => {
  await using store = memoryStore();
  {
    await using api = await testApi({ store });
    const apps = await api.client.get(APIService, 'v1.apps');
    assert.deepEqual([row(APIService, apps)['Service'], row(APIService, apps)['Available']], ['Local', 'True']);
    assert.equal(apps.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
    await api.client.delete(APIService, 'v1.apps');
  }
  await using again = await testApi({ store });
  assert.equal((await again.client.get(APIService, 'v1.apps')).spec.versionPriority, 15);
});
