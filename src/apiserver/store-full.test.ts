/** What a client sees of a store without room. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { isApiError } from '#meta/status.ts';
import { memoryStore } from '#store/memory.ts';
import { StoreFull, type Store } from '#store/store.ts';
import { testApi } from './test-api.ts';

test('while the store is full a write is refused as unavailable, reads and deletions go on', async () => {
  const room = memoryStore();
  let full = false;
  const store: Store = {
    get: (key, options) => room.get(key, options),
    range: (prefix, options) => room.range(prefix, options),
    watch: (prefix, after, onEvents) => room.watch(prefix, after, onEvents),
    compact: (revision) => room.compact(revision),
    revision: () => room.revision(),
    sync: () => room.sync(),
    compactRevision: () => room.compactRevision(),
    sizeBytes: () => room.sizeBytes(),
    failed: room.failed,
    async txn(operations) {
      if (full && operations.some(({ op }) => op === 'put')) throw new StoreFull();
      return room.txn(operations);
    },
    [Symbol.asyncDispose]: () => room[Symbol.asyncDispose](),
  };
  await using _store = store;
  await using api = await testApi({ store });
  const { client } = api;
  await client.create(ConfigMap, { metadata: { name: 'a', namespace: 'default' } });
  full = true;
  await assert.rejects(client.create(ConfigMap, { metadata: { name: 'b', namespace: 'default' } }), (error) => {
    assert.ok(isApiError(error, 'ServiceUnavailable'));
    assert.equal(error.code, 503);
    assert.match(error.message, /the store is full: only reads and deletions/);
    return true;
  });
  assert.equal((await client.get(ConfigMap, 'a', { namespace: 'default' })).metadata.name, 'a');
  await client.delete(ConfigMap, 'a', { namespace: 'default' });
  full = false;
  await client.create(ConfigMap, { metadata: { name: 'b', namespace: 'default' } });
});
