/**
 * Snapshots both ways with the real etcd: ours restored by etcdctl into an etcd that serves everything, and an etcd's as data of ours.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { etcdMissing, startEtcd } from '../etcd/test-etcd.ts';
import { memoryStore } from '../memory.ts';
import { importRows } from '../sqlite/import.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { put } from '../suite.ts';
import { openSnapshot, rowsOf, statusOf } from './snapshot-file.ts';
import { etcdctl, etcdctlMissing } from './test-etcdctl.ts';
import { serveStore } from './test-server.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const skip = etcdMissing ?? etcdctlMissing ?? false;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-snapshot-'));
});
after(() => rm(folder, { recursive: true }));

async function run(endpoint: string, line: string, input?: string): Promise<string> {
  const { code, out, error } = await etcdctl(endpoint, line.split(' '), input);
  assert.equal(code, 0, `${line}: ${error}`);
  return out;
}

/** Every key with all its numbers. */
async function contents(endpoint: string): Promise<unknown> {
  return (JSON.parse(await run(endpoint, 'get  --prefix -w json')) as { kvs?: unknown }).kvs ?? [];
}

test('a snapshot of ours becomes an etcd with the same keys, revisions, leases and hash', { skip }, async () => {
  const store = memoryStore();
  await using server = await serveStore(world, store);
  const { endpoint } = server;
  for (let i = 0; i < 3_000; i++) await put(store, `/k/${(i * 7) % 1_000}`, 'x'.repeat(i % 500));
  await put(store, '/large', 'y'.repeat(900_000));
  const together = ['/t/1', '/t/2', '/t/3'].map((key) => ({ op: 'put', key, value: Buffer.from(key) }) as const);
  await store.txn(together);
  const lease = /lease (\w+)/.exec(await run(endpoint, 'lease grant 3000'))?.[1] ?? '';
  await run(endpoint, `put --lease=${lease} /leased x`);
  await store.txn([{ op: 'delete', key: '/k/1' }]);
  const file = join(folder, 'ours.db');
  await run(endpoint, `snapshot save ${file}`);

  const told = JSON.parse(await run('', `snapshot status ${file} -w json`)) as Record<string, number>;
  const found = await statusOf(await openSnapshot(world, file));
  assert.deepEqual(told, {
    hash: found.hash,
    revision: found.revision,
    totalKey: found.totalKeys,
    totalSize: found.totalSizeBytes,
  });

  const data = join(folder, 'restored');
  await run('', `snapshot restore ${file} --data-dir ${data}`);
  const [client, peer] = await freePorts();
  const child = spawn(
    'etcd',
    [
      ...['--data-dir', data, '--log-level', 'error', '--logger', 'zap'],
      ...[
        '--listen-client-urls',
        `http://127.0.0.1:${client}`,
        '--advertise-client-urls',
        `http://127.0.0.1:${client}`,
      ],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
    ],
    { stdio: 'ignore' },
  );
  try {
    const restored = `127.0.0.1:${client}`;
    for (let tries = 0; (await etcdctl(restored, ['endpoint', 'health'])).code !== 0; tries++) assert.ok(tries < 50);
    assert.deepEqual(await contents(restored), await contents(endpoint));
    const hash = async (of: string): Promise<string | undefined> => (await run(of, 'endpoint hashkv')).split(', ')[1];
    assert.equal(await hash(restored), await hash(endpoint));
    assert.match(await run(restored, `lease timetolive ${lease} --keys`), /attached keys\(\[\/leased\]\)/);
    // Its revisions go on where ours were, although the last one left nothing.
    const at = JSON.parse(await run(restored, 'put /new x -w json')) as { header: { revision: number } };
    assert.equal(at.header.revision, store.revision() + 1);
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
});

test('an etcd’s snapshot becomes data of ours with the same keys, revisions and leases', { skip }, async () => {
  await using etcd = await startEtcd();
  const endpoint = (etcd.servers[0] as string).replace('http://', '');
  await etcd.leader();
  const puts = Array.from({ length: 300 }, (_, i) => `put /k/${i % 90} ${'v'.repeat(i + 1)}`).join('\n');
  for (let at = 0; at < 300; at += 100)
    await run(
      endpoint,
      'txn',
      `\n${puts
        .split('\n')
        .slice(at, at + 90)
        .join('\n')}\n\n\n`,
    );
  await run(endpoint, 'put /large', 'z'.repeat(700_000));
  await run(endpoint, 'del /k/3');
  await run(endpoint, 'del /k/4');
  await run(endpoint, 'put /k/4 again');
  const lease = /lease (\w+)/.exec(await run(endpoint, 'lease grant 3000'))?.[1] ?? '';
  await run(endpoint, `put --lease=${lease} /leased x`);
  await run(endpoint, 'compact 3');
  const file = join(folder, 'theirs.db');
  await run(endpoint, `snapshot save ${file}`);
  const expected = await contents(endpoint);

  const path = join(folder, 'imported', 'state.db');
  const rows = async (from: string, trusted = false) => rowsOf(from, await openSnapshot(world, from, { trusted }));
  await importRows(world, path, await rows(file));
  {
    await using server = await serveStore(world, await openSqliteStore(world, { path }));
    assert.deepEqual(await contents(server.endpoint), expected);
    assert.match(await run(server.endpoint, `lease timetolive ${lease} --keys`), /attached keys\(\[\/leased\]\)/);
    await run(server.endpoint, `lease revoke ${lease}`);
    assert.equal(await run(server.endpoint, 'get /leased'), '');
  }

  const bytes = await readFile(file);
  const other = join(folder, 'other.db');
  const refused = async (content: Buffer, message: RegExp, trusted = false): Promise<void> => {
    await writeFile(other, content);
    await assert.rejects(
      async () => importRows(world, join(folder, 'x', 'state.db'), await rows(other, trusted)),
      message,
    );
  };
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(9_000) ^ 1, 9_000);
  await refused(flipped, /other\.db is damaged: its content does not match the sum/);
  await refused(bytes.subarray(0, bytes.length - 32), /other\.db has no sum at its end/);
  await refused(bytes.subarray(0, 8_192), /other\.db is cut/, true);
  await refused(Buffer.alloc(0), /other\.db has no sum/);
  await refused(Buffer.from('this is a letter'), /other\.db is no bbolt database/, true);
  // Without its sum, as an etcd keeps it, when one says that it shall be believed.
  await writeFile(other, bytes.subarray(0, bytes.length - 32));
  assert.ok((await Array.fromAsync(await rows(other, true))).flat().length > 80);

  await run(endpoint, 'put \u0001x y');
  await run(endpoint, `snapshot save ${file}`);
  await assert.rejects(
    async () => Array.fromAsync(await rows(file)),
    /theirs\.db: a record cannot be used: .*UTF-8 text only/,
  );
});

async function freePorts(): Promise<number[]> {
  const servers = Array.from({ length: 2 }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
