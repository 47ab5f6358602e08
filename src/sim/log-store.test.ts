/** The simulated log against the suite of all stores, and through a crash at every point of every transaction; and the defects that this must find. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWrite, StoreFailed, type Store } from '#store/store.ts';
import { storeSuite } from '#store/suite.ts';
import { openLogStore, type LogStore } from './log-store.ts';
import { simDisk, torn, type SimDisk } from './world/disk.ts';
import { seededRandom } from './world/random.ts';

const path = '/log';
const writes = 12;
/** Opening does not ask; each write that changes something asks four times. */
const points = writes * 4;

storeSuite('the simulated log', () =>
  openLogStore(
    simDisk(() => 0),
    path,
  ),
);

interface Wrong {
  readonly disk?: (disk: SimDisk) => SimDisk;
  readonly store?: (store: LogStore) => Store;
}

/** Writes until the crash at `point`, loses the power, opens again; answers what was broken. */
async function crashed(point: number, seed: number, wrong: Wrong = {}): Promise<string | undefined> {
  const random = seededRandom(`${point}/${seed}`);
  const power = simDisk(() => 0);
  const disk = wrong.disk?.(power) ?? power;
  let count = 0;
  const opened = await openLogStore(disk, path, () => ++count === point);
  const store = wrong.store?.(opened) ?? opened;
  const told = new Map<number, string>();
  await store.watch('/', 1, (events, revision) => {
    for (const { type, entry } of events) told.set(revision, `${type} ${entry.key} ${entry.value.toString()}`);
  });
  const acknowledged = new Map<number, string>();
  let alive = true;
  for (let index = 0; index < writes && alive; index++) {
    const key = `/${index % 5}`;
    const value = `${index}`;
    try {
      const result = await store.txn([{ op: 'put', key, value: Buffer.from(value) }]);
      if (acknowledged.has(result.revision)) return `revision ${result.revision} was given twice`;
      acknowledged.set(result.revision, `put ${key} ${value}`);
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error;
      alive = false;
    }
  }
  opened.crash();
  power.losePower(torn(random));
  await using again = await openLogStore(disk, path);
  const found = new Map<number, string>();
  await again.watch('/', 1, (events, revision) => {
    for (const { type, entry } of events) found.set(revision, `${type} ${entry.key} ${entry.value.toString()}`);
  });
  for (const [revision, what] of [...acknowledged, ...told])
    if (found.get(revision) !== what) return `${what} at ${revision} is now ${found.get(revision) ?? 'nothing'}`;
  const next = await again.txn([{ op: 'put', key: '/next', value: Buffer.from('') }]);
  const newest = Math.max(1, ...acknowledged.keys(), ...told.keys());
  return next.revision > newest ? undefined : `revision ${next.revision} came after ${newest}`;
}

async function firstBreach(wrong?: Wrong): Promise<string | undefined> {
  for (let point = 1; point <= points; point++) {
    for (const seed of [1, 2, 3]) {
      const breach = await crashed(point, seed, wrong);
      if (breach !== undefined) return breach;
    }
  }
  return undefined;
}

test('whatever moment the process and the power go, nothing that anybody was told is lost or told otherwise', async () => {
  assert.equal(await firstBreach(), undefined);
});

const wrongs: Readonly<Record<string, Wrong>> = {
  'the sync is skipped': { disk: (disk) => ({ ...disk, sync: async () => {} }) },
  'the sync comes one write late': {
    disk: (disk) => {
      let before: (() => Promise<void>) | undefined;
      return {
        ...disk,
        async append(file, content) {
          await before?.();
          await disk.append(file, content);
          before = () => disk.sync(file);
        },
        sync: async () => {},
      };
    },
  },
  'a transaction is acknowledged before it is written': {
    store: (store) => ({
      ...store,
      async txn(operations) {
        const result = { ok: true, revision: store.revision() + 1 } as const;
        await store.txn(operations).catch(() => undefined);
        return result;
      },
    }),
  },
  'a transaction is seen before it is written': {
    store: (store) => {
      const early = new Set<Parameters<Store['watch']>[2]>();
      return {
        ...store,
        async watch(prefix, after, onEvents) {
          early.add(onEvents);
          return store.watch(prefix, after, () => {});
        },
        async txn(operations) {
          const revision = store.revision() + 1;
          for (const { key, ...rest } of operations.filter(isWrite)) {
            const value = 'value' in rest ? rest.value : Buffer.alloc(0);
            const entry = { key, value, createRevision: revision, modRevision: revision, version: 1 };
            for (const onEvents of early) onEvents([{ type: rest.op, entry, previous: undefined }], revision);
          }
          return store.txn(operations);
        },
      };
    },
  },
};

for (const [name, wrong] of Object.entries(wrongs)) {
  test(`found: ${name}`, async (context) => {
    const breach = await firstBreach(wrong);
    assert.ok(breach !== undefined, 'nobody noticed');
    context.diagnostic(breach);
  });
}
