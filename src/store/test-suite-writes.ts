/** Of the suite of all stores: what a transaction writes, what it rests on, and when it is refused. */
import assert from 'node:assert/strict';
import type { Operation } from './store.ts';
import { plain, put, type It } from './test-suite-words.ts';

export function writes(it: It): void {
  it('an empty store stands at revision 1 and holds nothing', async (store) => {
    assert.equal(store.revision(), 1);
    assert.equal(store.compactRevision(), 0);
    assert.equal(await store.get('/a'), undefined);
    assert.deepEqual(await store.range(''), { entries: [], revision: 1, count: 0 });
    assert.deepEqual(await store.txn([]), { ok: true, revision: 1 });
    assert.deepEqual(await store.txn([{ op: 'delete', key: '/a' }]), { ok: true, revision: 1 });
  });

  it('a key counts its versions and remembers its creation', async (store) => {
    assert.deepEqual(await put(store, '/a', 'one'), { ok: true, revision: 2 });
    assert.deepEqual(await put(store, '/a', 'two'), { ok: true, revision: 3 });
    const entry = { key: '/a', value: 'two', createRevision: 2, modRevision: 3, version: 2 };
    assert.deepEqual(plain(await store.get('/a')), entry);
    assert.deepEqual(await store.txn([{ op: 'delete', key: '/a' }]), { ok: true, revision: 4 });
    assert.equal(await store.get('/a'), undefined);
    await put(store, '/a', 'three');
    assert.deepEqual(plain(await store.get('/a')), {
      key: '/a',
      value: 'three',
      createRevision: 5,
      modRevision: 5,
      version: 1,
    });
  });

  it('compare-and-swap writes only over the expected revision', async (store) => {
    const create = await store.txn([{ op: 'put', key: '/a', value: Buffer.from('1'), expect: 0 }]);
    assert.deepEqual(create, { ok: true, revision: 2 });
    const again = await store.txn([{ op: 'put', key: '/a', value: Buffer.from('2'), expect: 0 }]);
    assert.ok(!again.ok);
    assert.equal(again.conflict.key, '/a');
    assert.equal(again.conflict.current?.modRevision, 2);
    assert.equal(again.revision, 2);
    assert.ok((await store.txn([{ op: 'put', key: '/a', value: Buffer.from('3'), expect: 2 }])).ok);
    const late = await store.txn([{ op: 'delete', key: '/a', expect: 2 }]);
    assert.ok(!late.ok);
    assert.ok((await store.txn([{ op: 'delete', key: '/a', expect: 3 }])).ok);
    const gone = await store.txn([{ op: 'put', key: '/a', value: Buffer.from('4'), expect: 3 }]);
    assert.deepEqual(gone, { ok: false, conflict: { key: '/a', current: undefined }, revision: 4 });
  });

  it('of many writers that expect the same revision exactly one wins', async (store) => {
    await put(store, '/a', '0');
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        store.txn([{ op: 'put', key: '/a', value: Buffer.from(String(i)), expect: 2 }]),
      ),
    );
    assert.equal(results.filter(({ ok }) => ok).length, 1);
    for (const result of results) if (!result.ok) assert.equal(result.conflict.current?.modRevision, 3);
    assert.equal(store.revision(), 3);
  });

  it('a transaction is one revision, all of it or nothing', async (store) => {
    await put(store, '/a', '1');
    const failed = await store.txn([
      { op: 'put', key: '/b', value: Buffer.from('b') },
      { op: 'put', key: '/a', value: Buffer.from('2'), expect: 1 },
    ]);
    assert.ok(!failed.ok);
    assert.equal(await store.get('/b'), undefined);
    await store.txn([
      { op: 'put', key: '/b', value: Buffer.from('b') },
      { op: 'delete', key: '/a', expect: 2 },
      { op: 'delete', key: '/none' },
    ]);
    assert.deepEqual((await store.range('')).entries.map(plain), [
      { key: '/b', value: 'b', createRevision: 3, modRevision: 3, version: 1 },
    ]);
  });

  it('a check writes nothing, and nothing is written when it fails', async (store) => {
    await put(store, '/lock', 'mine');
    const written = await store.txn([
      { op: 'put', key: '/a', value: Buffer.from('1'), expect: 0 },
      { op: 'check', key: '/lock', expect: 2 },
    ]);
    assert.deepEqual(written, { ok: true, revision: 3 });
    assert.equal((await store.get('/lock'))?.modRevision, 2);
    await put(store, '/lock', 'yours');
    const late = await store.txn([
      { op: 'delete', key: '/a', expect: 3 },
      { op: 'check', key: '/lock', expect: 2 },
    ]);
    assert.ok(!late.ok);
    assert.equal(late.conflict.key, '/lock');
    assert.equal(late.conflict.current?.value.toString(), 'yours');
    assert.equal((await store.get('/a'))?.modRevision, 3);
    assert.deepEqual(await store.txn([{ op: 'check', key: '/none', expect: 0 }]), { ok: true, revision: 4 });
    assert.ok(!(await store.txn([{ op: 'check', key: '/lock', expect: 0 }])).ok);
  });

  it('a transaction may rest on keys and ranges that it does not write', async (store) => {
    await put(store, '/a/1', '1'); // 2
    await put(store, '/b', '1'); // 3
    const write = { op: 'put', key: '/c', value: Buffer.from('x') } as const;
    const outcome = async (...operations: Operation[]) => {
      const result = await store.txn([...operations, write]);
      return result.ok ? result.revision : result.conflict.key;
    };
    assert.equal(await outcome({ op: 'check', key: '/a/1', expect: 2 }), 4);
    assert.equal(await outcome({ op: 'check', key: '/none', expect: 0 }), 5);
    assert.equal(await outcome({ op: 'check', key: '/a/1', expect: 1 }), '/a/1');
    assert.equal(await outcome({ op: 'check', key: '/none', expect: 2 }), '/none');
    assert.equal(await outcome({ op: 'check-range', key: '/a', to: '/b', since: 2 }), 6);
    assert.equal(await outcome({ op: 'check-range', key: '/a', to: '/b', since: 1 }), '/a/1');
    assert.equal(await outcome({ op: 'check-range', key: '/a', since: 5 }), '/c');
    assert.equal(await outcome({ op: 'check-range', key: '/d', since: 1 }), 7);
    assert.deepEqual(await store.txn([{ op: 'check', key: '/b', expect: 3 }]), { ok: true, revision: 7 });
    // Also on what is still on its way to the disk, where the first that asks is the first.
    const [first, late] = await Promise.all([
      put(store, '/a/2', '1'),
      store.txn([{ op: 'check-range', key: '/a/', to: '/a0', since: 7 }, write]),
    ]);
    if (late.ok) assert.ok(first.revision > late.revision);
    else assert.equal(late.conflict.key, '/a/2');
  });

  it('what no state could make valid is refused', async (store) => {
    const value = Buffer.from('x');
    await assert.rejects(
      store.txn([
        { op: 'put', key: '/a', value },
        { op: 'delete', key: '/a' },
      ]),
      /duplicate key/,
    );
    for (const key of ['', '\ud800', 'a\0b', 'x'.repeat(5_000)])
      await assert.rejects(store.txn([{ op: 'put', key, value }]), RangeError);
    const many = Array.from({ length: 5_000 }, (_, i): Operation => ({ op: 'put', key: `/${i}`, value }));
    await assert.rejects(store.txn(many), /at most 4096/);
    assert.equal(store.revision(), 1);
  });
}
