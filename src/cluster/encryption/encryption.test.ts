/** The keys of a cluster: made, missed, replaced, cut short, brought back by a restore; and nothing plain in any file. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { configurationText } from '#store/encryption/test-encryption.ts';
import { headerOf } from '#store/encryption/transformer.ts';
import { memoryStore } from '#store/memory.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { World } from '#world/world.ts';
import { makeBackup } from '../backup/backups.ts';
import { restoreBackup } from '../backup/restore.ts';
import type { Configuration } from '../configuration.ts';
import { layoutOf, type Layout } from '../layout.ts';
import { openEncryption, type Encryption } from './encryption.ts';
import { readEncryptionFile, keysOf, readRetiredKeys } from './key-file.ts';
import { prefixesOf, resourceOf } from './resources.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const configuration = { nodes: [] } as unknown as Configuration;
const secret = (name: string): string => `/registry/secrets/default/${name}`;
const needle = (name: string): string => `topsecret-${name}-needle`;

async function testLayout(t: TestContext): Promise<Layout> {
  const root = await mkdtemp(join(tmpdir(), 'k8ts-keys-'));
  t.after(() => rm(root, { recursive: true }));
  return layoutOf(root);
}
const open = (
  layout: Layout,
  store: Store,
  options: Parameters<typeof openEncryption>[2] & { world?: World; encryptionConfig?: string } = {},
) =>
  openEncryption(
    options.world ?? world,
    {
      layout,
      store,
      configuration: {
        ...configuration,
        ...(options.encryptionConfig ? { encryptionConfig: options.encryptionConfig } : {}),
      },
    },
    options,
  );
const put = (store: Store, name: string) =>
  store.txn([{ op: 'put', key: secret(name), value: Buffer.from(`{"x":"${needle(name)}"}`) }]);
const keyNames = async (layout: Layout): Promise<readonly string[]> => {
  const read = await readEncryptionFile(world, layout.encryption);
  return ((read && keysOf(read.configuration)) ?? assert.fail('no key file')).map(({ name }) => name);
};
async function readsAll(encryption: Encryption, names: readonly string[]): Promise<void> {
  const { entries } = await encryption.store.range('/registry/secrets/');
  assert.deepEqual(
    entries.map(({ key, value, unreadable }) => [key, unreadable?.message ?? String(value)]),
    names.map((name) => [secret(name), `{"x":"${needle(name)}"}`]),
  );
}

test('a new cluster gets a key of its own, outside the data and for its owner only', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  await using encryption = await open(layout, raw);
  assert.equal((await stat(layout.encryption)).mode & 0o777, 0o600);
  await put(encryption.store, 'a');
  const [name] = await keyNames(layout);
  assert.equal(headerOf((await raw.get(secret('a')))?.value ?? Buffer.alloc(0)), `k8s:enc:secretbox:v1:${name}:`);
  const status = await encryption.status();
  assert.deepEqual(status.rules, [{ resources: ['secrets'], providers: [`secretbox ${name}`, 'identity'] }]);
  assert.deepEqual([status.managed, status.forms, status.stale], [true, { [`k8s:enc:secretbox:v1:${name}:`]: 1 }, 0]);
});

test('what an older version has stored plain is encrypted, and no file has it any more, also not after a change of keys', async (t) => {
  const layout = await testLayout(t);
  const files = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const file of await readdir(layout.root, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      if ((await readFile(path)).includes('-needle')) found.push(file.name);
    }
    return found.toSorted();
  };
  {
    await using raw = await openSqliteStore(world, { path: layout.database });
    for (let at = 0; at < 300; at++) await put(raw, `a${at}`);
    for (let at = 0; at < 300; at += 2) await put(raw, `a${at}`);
    for (let at = 1; at < 300; at += 3) await raw.txn([{ op: 'delete', key: secret(`a${at}`) }]);
  }
  {
    await using raw = await openSqliteStore(world, { path: layout.database });
    await put(raw, 'last');
    assert.deepEqual(await files(), ['state.db', 'state.db-wal']);
    await using encryption = await open(layout, raw, { purge: () => raw.purge() });
    await encryption.reencrypt();
    assert.deepEqual(await files(), []);
    await put(encryption.store, 'new');
    const backup = join(layout.root, 'backups', 'one.db');
    await makeBackup(world, (to) => raw.backup(to), backup);
    assert.deepEqual(await files(), []);
    assert.equal((await encryption.rotateKeys()).rewritten, 202);
    assert.deepEqual(await files(), []);
  }
  await using raw = await openSqliteStore(world, { path: layout.database });
  await using encryption = await open(layout, raw, { purge: () => raw.purge() });
  assert.equal(String((await encryption.store.get(secret('a0')))?.value), `{"x":"${needle('a0')}"}`);
  assert.deepEqual(await files(), []);
});

test('a key is replaced: everything is written anew, history forgets the old one, and it is kept for older backups', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  let purged = 0;
  await using encryption = await open(layout, raw, { purge: async () => void purged++ });
  for (const name of ['a', 'b', 'c']) await put(encryption.store, name);
  const [old] = await keyNames(layout);
  const done = await encryption.rotateKeys();
  assert.deepEqual([done.rewritten, done.retired, await keyNames(layout)], [3, [old], [done.key]]);
  assert.deepEqual(
    (await readRetiredKeys(world, layout)).map(({ name }) => name),
    [old],
  );
  assert.deepEqual([purged, raw.compactRevision(), raw.revision()], [1, 7, 7]);
  await readsAll(encryption, ['a', 'b', 'c']);
  const again = await encryption.rotateKeys();
  assert.deepEqual(
    (await readRetiredKeys(world, layout)).map(({ name }) => name),
    [done.key, old],
  );
  assert.deepEqual(await keyNames(layout), [again.key]);
});

test('writers during a change of keys lose nothing', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  await using encryption = await open(layout, raw);
  const names = Array.from({ length: 40 }, (_, at) => `n${String(at).padStart(2, '0')}`);
  for (const name of names) await put(encryption.store, name);
  let over = false;
  const counts = new Map<string, number>();
  const writer = (async () => {
    for (let at = 0; !over; at++) {
      const name = names[at % names.length] as string;
      const entry = await encryption.store.get(secret(name));
      const value = Buffer.from(`${(counts.get(name) ?? 0) + 1}`);
      const expect = entry?.modRevision ?? 0;
      if ((await encryption.store.txn([{ op: 'put', key: secret(name), value, expect }])).ok)
        counts.set(name, (counts.get(name) ?? 0) + 1);
      if (at % 8 === 0) await world.clock.yield();
    }
  })();
  await encryption.rotateKeys();
  await encryption.rotateKeys();
  over = true;
  await writer;
  for (const [name, count] of counts)
    assert.equal(String((await encryption.store.get(secret(name)))?.value), String(count));
  assert.equal((await encryption.status()).stale, 0);
});

/** Everything that changes a file or the store fails from the `steps`-th on, as if the process had ended there. */
function dying(raw: Store, steps: number): { world: World; store: Store; died: () => boolean } {
  let left = steps;
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error('the process is dead');
    return run();
  };
  const store: Store = Object.create(raw, {
    txn: { value: (operations: Parameters<Store['txn']>[0]) => step(() => raw.txn(operations)) },
    compact: { value: (revision: number) => step(() => raw.compact(revision)) },
    get: { value: raw.get.bind(raw) },
    range: { value: raw.range.bind(raw) },
    revision: { value: raw.revision.bind(raw) },
  });
  const { disk } = world;
  return {
    store,
    died: () => left < 0,
    world: {
      ...world,
      disk: {
        ...disk,
        write: (...parameters) => step(() => disk.write(...parameters)),
        remove: (...parameters) => step(() => disk.remove(...parameters)),
      },
    },
  };
}

test('a server that ends at any step of a change of keys leaves a readable cluster, and the next one finishes', async (t) => {
  const names = ['a', 'b', 'c'];
  let steps = 0;
  for (let finished = false; !finished; steps++) {
    const layout = await testLayout(t);
    await using raw = memoryStore();
    {
      await using encryption = await open(layout, raw);
      for (const name of names) await put(encryption.store, name);
    }
    const victim = dying(raw, steps);
    {
      await using encryption = await open(layout, victim.store, { world: victim.world });
      await encryption.rotateKeys().then(
        () => (finished = true),
        (error: unknown) => assert.match(String(error), /the process is dead/),
      );
      assert.equal(victim.died(), !finished);
    }
    await using encryption = await open(layout, raw);
    await readsAll(encryption, names);
    // Waits for what the start has to finish.
    await encryption.reencrypt();
    await readsAll(encryption, names);
    const [key, ...more] = await keyNames(layout);
    assert.deepEqual(more, [], `after ${steps} steps`);
    assert.deepEqual((await encryption.status()).forms, { [`k8s:enc:secretbox:v1:${key}:`]: 3 });
    assert.equal(await world.disk.stat(layout.encryptionRotation), undefined);
  }
  assert.equal(steps, 10, 'note, key file, three values, compaction, retired, key file, note');
});

test('without its key file a cluster does not start, and says what is missing; nothing is made in its place', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  let name: string | undefined;
  {
    await using encryption = await open(layout, raw);
    await put(encryption.store, 'a');
    [name] = await keyNames(layout);
  }
  const aside = join(layout.root, 'aside.yaml');
  await world.disk.rename(layout.encryption, aside);
  await assert.rejects(
    open(layout, raw),
    new RegExp(
      `the key file \\S+encryption.yaml is missing, .*/registry/secrets/default/a is encrypted with secretbox key "${name}"`,
    ),
  );
  assert.equal(await world.disk.stat(layout.encryption), undefined);
  // Another key instead of it is no better.
  await world.disk.write(layout.encryption, configurationText('secretbox other=b; identity'));
  await assert.rejects(
    open(layout, raw),
    new RegExp(`lacks what stored values need: secretbox key "${name}" \\(1 value, such as ${secret('a')}\\)`),
  );
  {
    await using encryption = await open(layout, raw, { ignoreMissingKeys: true });
    assert.match((await encryption.store.get(secret('a')))?.unreadable?.message ?? '', /no matching key was found/);
  }
  await world.disk.rename(aside, layout.encryption);
  await using encryption = await open(layout, raw);
  await readsAll(encryption, ['a']);
});

test('somebody’s own configuration counts instead, is not touched, and is told when it is wrong', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  const file = join(layout.root, 'own.yaml');
  await assert.rejects(
    open(layout, raw, { encryptionConfig: file }),
    /error reading encryption provider configuration file "\S+own.yaml": it is missing/,
  );
  await world.disk.write(file, 'kind: x');
  await assert.rejects(
    open(layout, raw, { encryptionConfig: file }),
    /error decoding encryption provider configuration file "\S+own.yaml": no kind "x"/,
  );
  await world.disk.write(file, configurationText('aesgcm k1=a; identity', ['*.*']));
  await using encryption = await open(layout, raw, { encryptionConfig: file });
  await put(encryption.store, 'a');
  assert.equal(await world.disk.stat(layout.encryption), undefined);
  await assert.rejects(encryption.rotateKeys(), /own.yaml is yours: add a key there/);
  // A file that lacks a key which values need is not loaded; one that is wrong neither.
  for (const text of [configurationText('aesgcm k2=b; identity', ['*.*']), 'kind: x']) {
    await world.disk.write(file, text);
    await assert.rejects(encryption.reencrypt(), /lacks what stored values need: aesgcm key "k1"|no kind "x"/);
    await readsAll(encryption, ['a']);
  }
  await world.disk.write(file, configurationText('aesgcm k2=b k1=a; identity', ['*.*']));
  assert.equal((await encryption.reencrypt()).rewritten, 1);
  assert.deepEqual((await encryption.status()).forms, { 'k8s:enc:aesgcm:v1:k2:': 1 });
});

test('a configuration that names more must be able to read what is there already', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  await raw.txn([{ op: 'put', key: '/registry/configmaps/default/a', value: Buffer.from('plain') }]);
  const file = join(layout.root, 'own.yaml');
  await world.disk.write(file, configurationText('aesgcm k=a'));
  await using encryption = await open(layout, raw, { encryptionConfig: file });
  await world.disk.write(file, configurationText('aesgcm k=a', ['secrets', 'configmaps']));
  await assert.rejects(
    encryption.reencrypt(),
    /lacks what stored values need: not encrypted \(1 value, such as \/registry\/configmaps/,
  );
  await world.disk.write(file, configurationText('aesgcm k=a; identity', ['secrets', 'configmaps']));
  assert.equal((await encryption.reencrypt()).rewritten, 1);
  assert.equal(String((await encryption.store.get('/registry/configmaps/default/a'))?.value), 'plain');
});

test('a backup from before a change of keys brings its key back, once; one from elsewhere names the key it needs', async (t) => {
  const layout = await testLayout(t);
  const backup = join(layout.root, 'old.db');
  const old = await (async () => {
    await using raw = await openSqliteStore(world, { path: layout.database });
    await using encryption = await open(layout, raw, { purge: () => raw.purge() });
    await put(encryption.store, 'a');
    await makeBackup(world, (to) => raw.backup(to), backup);
    return (await encryption.rotateKeys()).retired[0];
  })();
  const elsewhere = await testLayout(t);
  await world.disk.write(elsewhere.encryption, configurationText('secretbox other=b; identity'));
  await assert.rejects(
    restoreBackup(world, elsewhere, { file: backup, configuration }),
    new RegExp(`needs keys that are not in \\S+: secretbox key "${old}" \\(1 value\\)`),
  );
  assert.equal(await world.disk.stat(elsewhere.database), undefined);
  const { keys } = await restoreBackup(world, layout, { file: backup, configuration });
  assert.deepEqual(keys, [old]);
  await using raw = await openSqliteStore(world, { path: layout.database });
  await using encryption = await open(layout, raw, { purge: () => raw.purge() });
  await readsAll(encryption, ['a']);
  await encryption.reencrypt();
  assert.equal((await keyNames(layout)).includes(old ?? ''), false);
  await readsAll(encryption, ['a']);
});

test('a key that comes back heals what was unreadable: every watch is told', async (t) => {
  const layout = await testLayout(t);
  await using raw = memoryStore();
  const { clock } = world;
  // The file is looked at every ten seconds; the test has less time.
  const hasty: World = {
    ...world,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      yield: () => clock.yield(),
      after: (ms, run, options) => clock.after(ms, run, options),
      sleep: (ms, options) => clock.sleep(ms / 1_000, options),
    },
  };
  const file = join(layout.root, 'own.yaml');
  await world.disk.write(file, configurationText('secretbox k1=a'));
  {
    await using encryption = await open(layout, raw, { encryptionConfig: file });
    for (let at = 0; at < 40; at++) await put(encryption.store, `a${at}`);
  }
  await world.disk.write(file, configurationText('secretbox k2=b'));
  await using encryption = await open(layout, raw, { encryptionConfig: file, ignoreMissingKeys: true, world: hasty });
  const { entries, revision } = await encryption.store.range('/registry/secrets/');
  assert.equal(entries.filter(({ unreadable }) => unreadable).length, 40);
  assert.equal((await encryption.status()).unreadable, 40);
  const { promise, resolve } = Promise.withResolvers<void>();
  const healed: string[] = [];
  using _watch = await encryption.store.watch('/', revision, (events) => {
    for (const { entry } of events) healed.push(entry.unreadable?.message ?? String(entry.value));
    if (healed.length === 40) resolve();
  });
  await world.disk.write(file, configurationText('secretbox k2=b k1=a'));
  await promise;
  assert.deepEqual(healed.toSorted(), Array.from({ length: 40 }, (_, at) => `{"x":"${needle(`a${at}`)}"}`).toSorted());
  const status = await encryption.status();
  assert.deepEqual([status.unreadable, status.forms], [0, { 'k8s:enc:secretbox:v1:k2:': 40 }]);
});

test('every resource is found by its key, and a rule by its prefix', () => {
  const of = (key: string): string | undefined => {
    const found = resourceOf(key);
    return found && `${found.resource}.${found.group}`;
  };
  assert.equal(of('/registry/secrets/default/a'), 'secrets.');
  assert.equal(of('/registry/services/specs/default/a'), 'services.');
  assert.equal(of('/registry/deployments/default/a'), 'deployments.apps');
  assert.equal(of('/registry/apiregistration.k8s.io/apiservices/v1.'), 'apiservices.apiregistration.k8s.io');
  assert.equal(of('/registry/awesome.bears.example/pandas/default/a'), 'pandas.awesome.bears.example');
  assert.equal(of('/registry/ranges/serviceips'), undefined);
  assert.equal(of('/other/secrets/default/a'), undefined);
  const rules = (...resources: string[]) => prefixesOf({ resources: [{ resources, providers: [] }] });
  assert.deepEqual(rules('secrets', 'deployments.apps'), ['/registry/secrets/', '/registry/deployments/']);
  assert.deepEqual(rules('secrets', '*.apps'), ['/registry/']);
  assert.deepEqual(rules('pandas.awesome.bears.example'), ['/registry/']);
});
