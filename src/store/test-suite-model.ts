/** Of the suite of all stores: any store is a list of whole states, one a revision, and of the changes between them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Compacted, type Entry, type Operation, type Revision, type Store, type StoreEvent } from './store.ts';
import { show } from './test-suite-words.ts';

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

/** A few of these in any order are what a run consists of. */
export const commands = fc.array(command, { maxLength: 40 });

/** The model: the whole state after every revision, and the text of every change. */
export async function runAgainstModel(store: Store, sequence: readonly Command[]): Promise<void> {
  const states: Map<string, Entry>[] = [new Map(), new Map()];
  const changes: { revision: Revision; events: StoreEvent[] }[] = [];
  const watches: { seen: string[]; prefix: string; after: Revision }[] = [];
  let compacted = 0;
  const now = (): Map<string, Entry> => states.at(-1) as Map<string, Entry>;

  for (const one of sequence) {
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
