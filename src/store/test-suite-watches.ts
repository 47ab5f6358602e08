/** Of the suite of all stores: a watch sees every change once, in order, before its writer is answered. */
import assert from 'node:assert/strict';
import { Compacted, type Revision } from './store.ts';
import { put, show, type It } from './test-suite-words.ts';

export function watches(it: It): void {
  it('a watch sees every change after its revision once, in order, with what stood before', async (store) => {
    await put(store, '/a/1', 'old');
    const seen: string[] = [];
    using _watch = await store.watch('/a/', 1, (events, revision) =>
      seen.push(`${revision}: ${events.map(show).join(' ')}`),
    );
    await put(store, '/a/1', 'new');
    await put(store, '/b/1', 'elsewhere');
    await store.txn([
      { op: 'put', key: '/a/2', value: Buffer.from('x') },
      { op: 'put', key: '/c', value: Buffer.from('x') },
      { op: 'delete', key: '/a/1' },
    ]);
    assert.deepEqual(seen, ['2: +/a/1=old@2', '3: +/a/1=new@3 was old@2', '5: +/a/2=x@5 -/a/1=new@5 was new@3']);
  });

  it('a watcher has seen a change before its writer is answered', async (store) => {
    const seen: Revision[] = [];
    using _watch = await store.watch('/', store.revision(), (_, revision) => seen.push(revision));
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const result = await put(store, `/${i % 7}`, 'x');
        assert.ok(result.ok && seen.includes(result.revision));
        assert.equal((await store.get(`/${i % 7}`))?.value.toString(), 'x');
        assert.ok(store.revision() >= result.revision);
      }),
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 200 }, (_, i) => i + 2),
    );
  });

  it('what was acknowledged is known after sync', async (store) => {
    await put(store, '/a', '1');
    assert.equal(await store.sync(), 2);
    const seen: Revision[] = [];
    using _watch = await store.watch('/', 2, (_events, revision) => seen.push(revision));
    const writing = put(store, '/a', '2');
    const result = await writing;
    assert.equal(await store.sync(), result.revision);
    assert.deepEqual(seen, [3]);
  });

  it('a watch that starts in the past amid writes neither misses nor repeats', async (store) => {
    const writes: Promise<unknown>[] = [];
    const watches: Promise<Disposable>[] = [];
    const seen: Revision[][] = [];
    for (let i = 0; i < 600; i++) {
      writes.push(put(store, `/k${i % 10}`, String(i)));
      if (i % 60 === 30) {
        await writes[i - 20];
        const mine: Revision[] = [];
        seen.push(mine);
        watches.push(store.watch('/', 1, (_, revision) => mine.push(revision)));
      }
    }
    await Promise.all(writes);
    for (const watch of await Promise.all(watches)) watch[Symbol.dispose]();
    for (const revisions of seen)
      assert.deepEqual(
        revisions,
        Array.from({ length: 600 }, (_, i) => i + 2),
      );
  });

  it('a watch from before the compaction is refused, one from the compaction on is not', async (store) => {
    await put(store, '/a', '1');
    await put(store, '/a', '2');
    await store.txn([{ op: 'delete', key: '/a' }]);
    await store.compact(3);
    await assert.rejects(
      store.watch('/', 2, () => {}),
      Compacted,
    );
    const seen: string[] = [];
    using _watch = await store.watch('/', 3, (events) => seen.push(...events.map(show)));
    assert.deepEqual(seen, ['-/a=2@4 was 2@3']);
  });

  it('a watch ahead of the store waits for its revision', async (store) => {
    const seen: Revision[] = [];
    using _watch = await store.watch('/', 3, (_, revision) => seen.push(revision));
    for (const value of ['1', '2', '3']) await put(store, '/a', value);
    assert.deepEqual(seen, [4]);
  });

  it('a disposed watch is silent', async (store) => {
    let calls = 0;
    const watch = await store.watch('/', 1, () => calls++);
    await put(store, '/a', '1');
    watch[Symbol.dispose]();
    await put(store, '/a', '2');
    assert.equal(calls, 1);
  });
}
