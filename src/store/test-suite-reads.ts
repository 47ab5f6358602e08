/** Of the suite of all stores: ranges, older revisions, and what a compaction leaves of them. */
import assert from 'node:assert/strict';
import { Compacted, FutureRevision, type Revision, type Store } from './store.ts';
import { plain, put, type It } from './test-suite-words.ts';

export function reads(it: It): void {
  it('ranges follow prefix, order, limit and start, and count the rest', async (store) => {
    for (const key of ['/a/2', '/b/1', '/a/1', '/a/3', '/a', '/a0']) await put(store, key, key);
    const keys = async (prefix: string, options?: Parameters<Store['range']>[1]) => {
      const { entries, count } = await store.range(prefix, options);
      return [...entries.map(({ key }) => key), count];
    };
    assert.deepEqual(await keys('/a/'), ['/a/1', '/a/2', '/a/3', 3]);
    assert.deepEqual(await keys('/a/', { limit: 2 }), ['/a/1', '/a/2', 3]);
    assert.deepEqual(await keys('/a/', { from: '/a/2\0' }), ['/a/3', 1]);
    assert.deepEqual(await keys('/a/', { from: '/a/2', limit: 1 }), ['/a/2', 2]);
    assert.deepEqual(await keys('/a/', { from: '/b' }), [0]);
    assert.deepEqual(await keys('/a/', { from: '/', limit: 1 }), ['/a/1', 3]);
    assert.deepEqual(await keys('', { limit: 1 }), ['/a', 6]);
    assert.deepEqual(await keys('/a/', { revision: 2, from: '/a/1' }), ['/a/2', 1]);
    assert.deepEqual(await keys('', { from: '/a', to: '/a/2' }), ['/a', '/a/1', 2]);
    assert.deepEqual(await keys('', { from: '/a/1', to: '/a/1\0' }), ['/a/1', 1]);
    assert.deepEqual(await keys('', { to: '/b', limit: 1 }), ['/a', 5]);
    assert.deepEqual(await keys('/a/', { to: '/z' }), ['/a/1', '/a/2', '/a/3', 3]);
    assert.deepEqual(await keys('', { from: '/b', to: '/a' }), [0]);
    assert.deepEqual(await keys('', { to: '' }), [0]);
    assert.deepEqual(await keys('/a/', { to: '' }), [0]);
    assert.deepEqual(await keys('', { revision: 4, from: '/a/1', to: '/a/3' }), ['/a/1', '/a/2', 2]);
  });

  it('older revisions stay readable until they are compacted', async (store) => {
    await put(store, '/a', '1'); // 2
    await put(store, '/a', '2'); // 3
    await put(store, '/b', '1'); // 4
    await store.txn([{ op: 'delete', key: '/a' }]); // 5
    await put(store, '/a', '3'); // 6
    const at = async (revision: Revision) =>
      (await store.range('/', { revision })).entries.map(({ key, value }) => `${key}=${String(value)}`);
    const look = async () => Promise.all([2, 3, 4, 5, 6].map(at));
    const all = [['/a=1'], ['/a=2'], ['/a=2', '/b=1'], ['/b=1'], ['/a=3', '/b=1']];
    assert.deepEqual(await look(), all);
    assert.equal((await store.get('/a', { revision: 4 }))?.value.toString(), '2');
    assert.equal(await store.get('/a', { revision: 5 }), undefined);
    assert.equal((await store.range('/', { revision: 3 })).revision, 6);
    await assert.rejects(store.get('/a', { revision: 7 }), FutureRevision);
    await assert.rejects(store.range('/', { revision: 7 }), FutureRevision);
    await assert.rejects(store.compact(7), FutureRevision);

    await store.compact(4);
    assert.equal(store.compactRevision(), 4);
    assert.deepEqual(await Promise.all([4, 5, 6].map(at)), all.slice(2));
    await assert.rejects(at(3), (error) => error instanceof Compacted && error.compactRevision === 4);
    await assert.rejects(store.get('/a', { revision: 3 }), Compacted);
    await store.compact(3);
    await store.compact(6);
    assert.deepEqual(await at(6), all[4]);
    assert.deepEqual(plain(await store.get('/a')), {
      key: '/a',
      value: '3',
      createRevision: 6,
      modRevision: 6,
      version: 1,
    });
    await put(store, '/a', '4');
    assert.equal(store.revision(), 7);
  });

  it('compaction keeps every current key, whatever happened to the others', async (store) => {
    for (let i = 0; i < 3_000; i += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => {
          const key = `/${(i + j) % 61}`;
          return j % 5 === 4 ? store.txn([{ op: 'delete', key }]) : put(store, key, `${i + j}`.repeat(50));
        }),
      );
    }
    const before = await store.range('/');
    const size = await store.sizeBytes();
    await store.compact(store.revision());
    assert.deepEqual(await store.range('/'), before);
    assert.deepEqual((await store.range('/', { revision: store.revision() })).entries, before.entries);
    assert.ok((await store.sizeBytes()) < size);
  });
}
