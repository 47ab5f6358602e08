/** Backups and restores over real files: what is kept, what is refused, what a client sees afterwards, and the signature that S3 checks. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openSqliteStore, type SqliteStore } from '#store/sqlite/sqlite-store.ts';
import { Compacted, type Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { HttpHeaders } from '#world/world.ts';
import type { Configuration } from '../configuration.ts';
import { layoutOf, type Layout } from '../layout.ts';
import { startState } from '../process-state.ts';
import { askForBackup, serveBackups } from './backup-socket.ts';
import { makeScheduledBackup } from './backups.ts';
import { restoreBackup } from './restore.ts';
import { backupName, backupTime, expiredBackups, retentionDefault } from './retention.ts';
import { readBackupSettings } from './settings.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'k8ts-backup-'));
});
after(() => rm(root, { recursive: true }));

const configuration = { nodes: [] } as unknown as Configuration;
const keep = retentionDefault;
const put = async (store: Store, key: string, text: string): Promise<void> => {
  assert.ok((await store.txn([{ op: 'put', key, value: Buffer.from(text) }])).ok);
};
const open = (layout: Layout): Promise<SqliteStore> => openSqliteStore(world, { path: layout.database });

test('an hour of five-minute backups is kept, a day of hourly and a week of daily ones', () => {
  const now = Date.UTC(2026, 4, 20, 12, 2);
  const all = Array.from({ length: 14 * 24 * 12 }, (_, i) => backupName(now - i * 300_000, 5_000 - i));
  const gone = new Set(expiredBackups([...all, 'notes.txt', '.x.partial'], keep));
  const left = all.filter((name) => !gone.has(name));
  assert.ok(!gone.has('notes.txt'));
  assert.deepEqual(left.slice(0, 12), all.slice(0, 12));
  const ages = left.map((name) => (now - (backupTime(name) as number)) / 3_600_000);
  // The hour that has just begun is within the first twelve, as today's and yesterday's last are of the hours.
  assert.equal(ages.filter((age) => age < 24).length, 12 + 22);
  assert.equal(left.length, 12 + 22 + 5);
  assert.ok((ages.at(-1) as number) > 24 * 5.5);
  // Backups made one after the other leave the same ones.
  assert.deepEqual(expiredBackups(left, keep), []);
});

test('a backup is made while writes go on, and restored it is the store of that moment at a later revision', async () => {
  const layout = layoutOf(join(root, 'one'));
  let path: string;
  let last: number;
  {
    await using store = await open(layout);
    await Promise.all(Array.from({ length: 500 }, (_, i) => put(store, `/k/${i}`, `before ${i} `.repeat(200))));
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i++) await put(store, `/during/${i % 100}`, `${i}`);
    })();
    const made = await makeScheduledBackup(world, layout, { store, settings: { intervalMs: 1, keep } });
    writing = false;
    await writer;
    ({ path } = made);
    assert.ok(made.entries >= 500 && made.revision >= 501);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(layout.backups), [path.slice(layout.backups.length + 1)]);
    for (let i = 0; i < 50; i++) await put(store, '/k/0', 'after');
    last = store.revision();
  }
  const restored = await restoreBackup(world, layout, { file: path, configuration });
  assert.ok(restored.revision > last + 1_000_000);
  assert.match(restored.replaced ?? '', /state\.db\.replaced-/);
  await using store = await open(layout);
  assert.equal(store.revision(), restored.revision);
  assert.match(String((await store.get('/k/0'))?.value), /^before 0/);
  assert.equal((await store.range('/k/')).count, 500);
  // Who saw what came after the backup must not believe that nothing happened since.
  await assert.rejects(
    store.watch('/', last, () => undefined),
    Compacted,
  );
  const seen: number[] = [];
  using _watch = await store.watch('/', store.revision(), (_, revision) => seen.push(revision));
  await put(store, '/k/0', 'new');
  assert.deepEqual(seen, [restored.revision + 1]);
  await using replaced = await openSqliteStore(world, { path: restored.replaced as string });
  assert.equal(String((await replaced.get('/k/0'))?.value), 'after');
});

test('a running cluster, a damaged backup and a foreign file are refused, and nothing changes', async () => {
  const layout = layoutOf(join(root, 'two'));
  let path: string;
  {
    await using store = await open(layout);
    for (let i = 0; i < 50; i++) await put(store, `/k/${i}`, 'x'.repeat(3_000));
    ({ path } = await makeScheduledBackup(world, layout, { store, settings: { intervalMs: 1, keep } }));
  }
  const before = await readFile(layout.database);
  const restore = (file: string): Promise<unknown> => restoreBackup(world, layout, { file, configuration });
  await world.disk.makeDirectory(join(layout.root, 'run'));
  const state = await startState(world, layout.serverState);
  await assert.rejects(restore(path), /the cluster runs: stop it first/);
  await state.clear();

  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 2_000) ^ 4, bytes.length - 2_000);
  const damaged = join(root, 'damaged.db');
  await writeFile(damaged, bytes);
  await assert.rejects(restore(damaged), /damaged\.db: the data file is damaged/);
  const text = join(root, 'letter.db');
  await writeFile(text, 'this is a letter\n'.repeat(1_000));
  await assert.rejects(restore(text), /letter\.db: this is not a k8ts data file/);
  await assert.rejects(restore(join(root, 'none.db')), /none\.db is not a file/);
  assert.deepEqual(await readFile(layout.database), before);
  assert.deepEqual(
    (await readdir(join(layout.root, 'store'))).filter((name) => !name.endsWith('-reserve')),
    ['state.db'],
  );
});

test('a running server is asked for a backup through its socket, and says why there is none', async () => {
  const layout = layoutOf(join(root, 'three'));
  await using store = await open(layout);
  await put(store, '/a', '1');
  await using _socket = await serveBackups(world, layout, store);
  const output = join(root, 'asked', 'for.db');
  const made = await askForBackup(world, layout, { output });
  assert.equal(made.path, output);
  assert.equal(made.revision, 2);
  assert.match((await askForBackup(world, layout, {})).path, /backups\/\d{8}T\d{6}Z-r2\.db$/);
  await writeFile(join(root, 'flat'), '');
  await assert.rejects(askForBackup(world, layout, { output: join(root, 'flat', 'x.db') }), /ENOTDIR|EEXIST/);
  await put(store, '/a', '2');
});

test('wrong settings are named', async () => {
  const path = join(root, 'backup.json');
  assert.deepEqual(await readBackupSettings(world, path), { intervalMs: 300_000, keep });
  const wrong = async (settings: unknown): Promise<string> => {
    await writeFile(path, typeof settings === 'string' ? settings : JSON.stringify(settings));
    return readBackupSettings(world, path).then(
      () => 'none',
      (error: Error) => error.message.replace(`${path}: `, ''),
    );
  };
  assert.equal(await wrong({ intervalMinutes: 0, keep: { daily: 3 } }), 'none');
  assert.equal(await wrong({ interval: 5 }), 'unknown field interval');
  assert.equal(await wrong({ intervalMinutes: '5' }), 'intervalMinutes must be a number from 0 on');
  assert.equal(await wrong({ keep: { weekly: 1 } }), 'unknown field keep.weekly');
  assert.equal(await wrong({ s3: { endpoint: 'ftp://x' } }), 's3.endpoint must be a URL like https://s3.example.com');
  assert.equal(await wrong({ s3: { endpoint: 'http://x' } }), 's3.bucket must be a text');
  assert.match(await wrong('{'), /JSON/);
});

test('backups go to an S3 store, which finds their signature right', async () => {
  const layout = layoutOf(join(root, 'four'));
  const objects = new Map<string, Buffer>();
  let refuse = false;
  const secretAccessKey = 'a secret/with+signs';
  await using server = await world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: 0 } },
    {
      request(exchange) {
        void exchange.body(10_000_000).then((body) => {
          const problem = refuse
            ? 'AccessDenied'
            : s3Problem(exchange.method, exchange.url, exchange.headers, { body, secretAccessKey });
          if (problem !== undefined) {
            exchange.respond(403, { 'content-type': 'application/xml' }, `<Error><Code>${problem}</Code></Error>`);
            return;
          }
          objects.set(decodeURIComponent(exchange.url), body);
          exchange.respond(200, {});
        });
      },
    },
  );
  await using store = await open(layout);
  await put(store, '/secret', 'value');
  const s3 = {
    endpoint: `http://127.0.0.1:${server.port}`,
    bucket: 'the-bucket',
    prefix: 'clusters/a b (1)/',
    region: 'eu-central-1',
    accessKeyId: 'AKEXAMPLE',
    secretAccessKey,
  };
  const { path } = await makeScheduledBackup(world, layout, { store, settings: { intervalMs: 1, keep, s3 } });
  const name = path.slice(layout.backups.length + 1);
  assert.deepEqual([...objects.keys()], [`/the-bucket/clusters/a b (1)/${name}`]);
  assert.deepEqual([...objects.values()][0], await readFile(path));
  const settings = { intervalMs: 1, keep, s3: { ...s3, secretAccessKey: 'another' } };
  await assert.rejects(makeScheduledBackup(world, layout, { store, settings }), /403 SignatureDoesNotMatch/);
  refuse = true;
  await assert.rejects(makeScheduledBackup(world, layout, { store, settings }), /403 AccessDenied/);
});

/** What an S3 server checks, from the request as it came: written after the specification, not after the client. */
function s3Problem(
  method: string,
  url: string,
  headers: HttpHeaders,
  { body, secretAccessKey }: { readonly body: Buffer; readonly secretAccessKey: string },
): string | undefined {
  const authorization =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      String(headers['authorization']),
    );
  if (!authorization) return 'AuthorizationHeaderMalformed';
  const [, , day = '', region = '', names = '', signature] = authorization;
  for (const needed of ['host', 'x-amz-date', 'x-amz-content-sha256'])
    if (!names.split(';').includes(needed)) return 'AccessDenied';
  const sha = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== sha) return 'XAmzContentSHA256Mismatch';
  const time = String(headers['x-amz-date']);
  if (!time.startsWith(day)) return 'AccessDenied';
  const [path = '', query = ''] = url.split('?');
  const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`);
  const canonical = `${method}\n${path}\n${query}\n${lines.join('')}\n${names}\n${sha}`;
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = mac(mac(mac(mac(`AWS4${secretAccessKey}`, day), region), 's3'), 'aws4_request');
  return mac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}
