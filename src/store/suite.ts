/**
 * One suite that every store must pass: what the API server relies on, said as tests. Called by the test file of each
 * implementation with a function that opens an empty store.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Compacted,
  FutureRevision,
  StoreFailed,
  type Entry,
  type Operation,
  type Revision,
  type Store,
  type StoreEvent,
} from './store.ts';

export function storeSuite(name: string, open: () => Promise<Store>): void {
  const it = (title: string, run: (store: Store) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      await using store = await open();
      await run(store);
    });
  };

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

  it('a closed store refuses every call', async (store) => {
    await put(store, '/a', '1');
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.get('/a'), StoreFailed);
    await assert.rejects(store.range('/'), StoreFailed);
    await assert.rejects(put(store, '/a', '2'), StoreFailed);
    await assert.rejects(
      store.watch('/', 1, () => {}),
      StoreFailed,
    );
    await assert.rejects(store.compact(2), StoreFailed);
  });

  test(`${name}: behaves as a list of whole states`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
        await using store = await open();
        await runAgainstModel(store, commands);
      }),
      { numRuns: 60 },
    );
  });
}

const key = fc.constantFrom('/a', '/a/1', '/a/2', '/b', '/b/1');
const operation = fc.record({
  put: fc.boolean(),
  key,
  value: fc.string({ maxLength: 5 }),
  expect: fc.option(fc.constantFrom('right', 'wrong', 'absent')),
});
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('txn' as const),
      operations: fc.uniqueArray(operation, { maxLength: 3, selector: (o) => o.key }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      prefix: fc.constantFrom('', '/a', '/a/', '/b'),
      back: fc.nat(6),
      limit: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(6) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      prefix: fc.constantFrom('', '/a', '/b'),
      back: fc.nat(6),
    }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** The model: the whole state after every revision, and the text of every change. */
async function runAgainstModel(store: Store, commands: readonly Command[]): Promise<void> {
  const states: Map<string, Entry>[] = [new Map(), new Map()];
  const changes: { revision: Revision; events: StoreEvent[] }[] = [];
  const watches: { seen: string[]; prefix: string; after: Revision }[] = [];
  let compacted = 0;
  const now = (): Map<string, Entry> => states.at(-1) as Map<string, Entry>;

  for (const one of commands) {
    const revision = states.length - 1;
    if (one.do === 'txn') {
      const operations = one.operations.map(({ put: isPut, key: name, value, expect }): Operation => {
        const actual = now().get(name)?.modRevision ?? 0;
        const wanted =
          expect === null ? {} : { expect: expect === 'right' ? actual : expect === 'wrong' ? actual + 1 : 0 };
        return isPut
          ? { op: 'put', key: name, value: Buffer.from(value), ...wanted }
          : { op: 'delete', key: name, ...wanted };
      });
      const conflict = operations.find(
        (o) => o.expect !== undefined && (now().get(o.key)?.modRevision ?? 0) !== o.expect,
      );
      const result = await store.txn(operations);
      assert.equal(result.ok, conflict === undefined);
      if (!result.ok) {
        assert.equal(result.conflict.key, conflict?.key);
        assert.deepEqual(result.conflict.current, now().get(result.conflict.key));
        continue;
      }
      const next = new Map(now());
      const events: StoreEvent[] = [];
      for (const o of operations) {
        const previous = next.get(o.key);
        if (o.op === 'put') {
          const entry = {
            key: o.key,
            value: o.value,
            createRevision: previous?.createRevision ?? revision + 1,
            modRevision: revision + 1,
            version: (previous?.version ?? 0) + 1,
          };
          next.set(o.key, entry);
          events.push({ type: 'put', entry, previous });
        } else if (previous) {
          next.delete(o.key);
          events.push({ type: 'delete', entry: { ...previous, modRevision: revision + 1 }, previous });
        }
      }
      assert.equal(result.revision, events.length > 0 ? revision + 1 : revision);
      if (events.length > 0) {
        states.push(next);
        changes.push({ revision: revision + 1, events });
      }
    } else if (one.do === 'read') {
      const at = Math.max(1, revision - one.back);
      const read = store.range(one.prefix, { revision: at, ...(one.limit ? { limit: one.limit } : {}) });
      if (at < compacted) {
        await assert.rejects(read, Compacted);
      } else {
        const expected = [...(states[at] as Map<string, Entry>).values()]
          .filter((e) => e.key.startsWith(one.prefix))
          .sort((a, b) => (a.key < b.key ? -1 : 1));
        assert.deepEqual(await read, {
          entries: expected.slice(0, one.limit || undefined),
          revision,
          count: expected.length,
        });
      }
    } else if (one.do === 'compact') {
      const before = Math.max(1, revision - one.back);
      await store.compact(before);
      compacted = Math.max(compacted, before);
      assert.equal(store.compactRevision(), compacted);
    } else {
      const after = Math.max(0, revision - one.back);
      const watch = { seen: [] as string[], prefix: one.prefix, after };
      const started = store.watch(one.prefix, after, (events, at) =>
        watch.seen.push(`${at}: ${events.map(show).join(' ')}`),
      );
      if (after < compacted) await assert.rejects(started, Compacted);
      else {
        await started;
        watches.push(watch);
      }
    }
    assert.equal(store.revision(), states.length - 1);
  }
  for (const { seen, prefix, after } of watches) {
    const expected = changes
      .filter((change) => change.revision > after)
      .map(({ revision, events }) => ({ revision, events: events.filter((e) => e.entry.key.startsWith(prefix)) }))
      .filter(({ events }) => events.length > 0)
      .map(({ revision, events }) => `${revision}: ${events.map(show).join(' ')}`);
    assert.deepEqual(seen, expected);
  }
}

export function put(store: Store, name: string, value: string): ReturnType<Store['txn']> {
  return store.txn([{ op: 'put', key: name, value: Buffer.from(value) }]);
}

function plain(entry: Entry | undefined): object | undefined {
  return entry && { ...entry, value: entry.value.toString() };
}

function show({ type, entry, previous }: StoreEvent): string {
  const was = previous ? ` was ${String(previous.value)}@${previous.modRevision}` : '';
  return `${type === 'put' ? '+' : '-'}${entry.key}=${String(entry.value)}@${entry.modRevision}${was}`;
}
