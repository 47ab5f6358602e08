/** The real etcdctl against the served API over each store. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { openEtcdStore } from '../etcd/etcd-store.ts';
import { etcdMissing, startEtcd } from '../etcd/test-etcd.ts';
import { memoryStore } from '../memory.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { Store } from '../store.ts';
import { etcdctl, etcdctlMissing } from './test-etcdctl.ts';
import { serveStore } from './test-server.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-etcdctl-'));
});
after(() => rm(folder, { recursive: true }));

const stores: readonly (readonly [name: string, lacking: string | undefined, open: () => Promise<Store>])[] = [
  ['memory', etcdctlMissing, async () => memoryStore()],
  ['SQLite', etcdctlMissing, () => openSqliteStore(world, { path: join(folder, 'data.db') })],
  [
    'etcd',
    etcdctlMissing ?? etcdMissing,
    async () => {
      const etcd = await startEtcd();
      const store = await openEtcdStore(world, { servers: etcd.servers });
      const close = store[Symbol.asyncDispose].bind(store);
      store[Symbol.asyncDispose] = async () => {
        await close();
        await etcd[Symbol.asyncDispose]();
      };
      return store;
    },
  ],
];

for (const [name, lacking, open] of stores) {
  test(`etcdctl works over ${name}`, { skip: lacking ?? false }, async () => {
    await using server = await serveStore(world, await open());
    const { endpoint } = server;
    const run = async (line: string, input?: string): Promise<string> => {
      const { code, out, error } = await etcdctl(endpoint, line.split(' '), input);
      assert.equal(code, 0, `${line}: ${error}`);
      return out;
    };
    const fails = async (line: string, message: string): Promise<void> => {
      const { code, error } = await etcdctl(endpoint, line.split(' '));
      assert.notEqual(code, 0, line);
      assert.equal(error, `Error: ${message}`, line);
    };
    const revision = async (): Promise<number> =>
      (JSON.parse(await run('get x -w json')) as { header: { revision: number } }).header.revision;

    const watched = watch(endpoint, ['/registry/', '--prefix', '--prev-kv', '--rev', '1']);
    assert.equal(await run('put /registry/a one'), 'OK');
    assert.equal(await run('put --prev-kv /registry/a two'), 'OK\n/registry/a\none');
    await run('put /registry/b three');
    await run('put /other four');
    assert.equal(await run('get /registry/a --print-value-only'), 'two');
    assert.equal(await run('get /registry/ --prefix --keys-only'), '/registry/a\n\n/registry/b');
    assert.equal(await run('get /registry/a /registry/b --print-value-only'), 'two');
    assert.equal(await run('get --from-key /registry --limit 1 --print-value-only'), 'two');
    assert.equal(await run('get  --prefix --print-value-only --sort-by MODIFY --order DESCEND'), 'four\nthree\ntwo');
    assert.equal(await run('get --rev 2 /registry/a --print-value-only'), 'one');
    assert.equal(
      await run(
        'txn',
        'val("/registry/a") = "two"\nmod("/none") = "0"\n\nput /registry/c five\nget /registry/c\n\nput /no x\n\n',
      ),
      'SUCCESS\n\nOK\n\n/registry/c\nfive',
    );
    assert.equal(
      await run('txn', 'ver("/registry/a") > "7"\n\nput /no x\n\nget /registry/b\n\n'),
      'FAILURE\n\n/registry/b\nthree',
    );
    assert.equal(await run('del --prev-kv /registry/a'), '1\n/registry/a\ntwo');
    assert.equal(await run('del /registry/a'), '0');
    assert.deepEqual(await watched(19), [
      ...['PUT', '/registry/a', 'one'],
      ...['PUT', '/registry/a', 'one', '/registry/a', 'two'],
      ...['PUT', '/registry/b', 'three'],
      ...['PUT', '/registry/c', 'five'],
      ...['DELETE', '/registry/a', 'two', '/registry/a', ''],
    ]);

    const at = await revision();
    assert.equal(await run(`compact ${at - 1}`), `compacted revision ${at - 1}`);
    await fails(`compact ${at - 1}`, 'etcdserver: mvcc: required revision has been compacted');
    await fails(`compact ${at + 9}`, 'etcdserver: mvcc: required revision is a future revision');
    await fails('get --rev 2 /registry/a', 'etcdserver: mvcc: required revision has been compacted');
    await fails(`get --rev ${at + 9} /registry/a`, 'etcdserver: mvcc: required revision is a future revision');

    const lease = /^lease ([0-9a-f]+) granted with TTL\(60s\)/.exec(await run('lease grant 60'))?.[1] ?? '';
    await run(`put --lease=${lease} /leased/1 x`);
    await run(`put --lease=${lease} /leased/2 x`);
    await run('put /leased/2 free');
    assert.match(
      await run(`lease timetolive ${lease} --keys`),
      /granted with TTL\(60s\), remaining\(\d+s\), attached keys\(\[\/leased\/1\]\)/,
    );
    assert.match(await run('lease list'), new RegExp(`found 1 leases\n${lease}`));
    assert.match(await run(`lease keep-alive --once ${lease}`), /keepalived with TTL\(60\)/);
    assert.match(await run('get /leased/1 -w json'), /"lease":[1-9]/);
    assert.equal(await run(`lease revoke ${lease}`), `lease ${lease} revoked`);
    assert.equal(await run('get /leased/ --prefix'), '/leased/2\nfree');
    await fails(`lease revoke ${lease}`, `failed to revoke lease (etcdserver: requested lease not found)`);
    await fails(`put --lease=${lease} /leased/3 x`, 'etcdserver: requested lease not found');

    const held = await Promise.all(
      Array.from({ length: 3 }, () => run('lock the-lock -- sh -c echo;sleep$IFS.02;echo')),
    );
    assert.equal(held.length, 3);
    assert.match(await run('lock another -- echo held'), /held/);

    assert.match(await run('endpoint status -w json'), new RegExp(`"revision":${await revision()},.*"leader":62`));
    const health = await etcdctl(endpoint, ['endpoint', 'health']);
    assert.match(health.error, /is healthy: successfully committed proposal/);
    assert.match(await run('endpoint hashkv'), /, \d+$/);
    assert.match(await run('defrag'), /Finished defragmenting/);
    assert.match(await run('member list'), /^3e, started, test, /);
    await fails('member remove 1', 'etcdserver: member not found');
    await fails(
      'member add x --peer-urls=http://127.0.0.1:1',
      'etcdserver: re-configuration failed due to not enough started members',
    );
    await fails('move-leader 5', 'etcdserver: bad leader transferee');
    assert.equal(await run('alarm list'), '');
    await fails('auth enable', 'etcdserver: authentication is not enabled');
    await fails('user list', 'etcdserver: authentication is not enabled');
  });
}

/** What `etcdctl watch` has printed, once there are so many lines; it is ended then. */
function watch(endpoint: string, args: readonly string[]): (lines: number) => Promise<string[]> {
  const child = spawn('etcdctl', ['--endpoints', endpoint, 'watch', ...args], {
    env: { ...process.env, ETCDCTL_API: '3' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  const waiting: { lines: number; resolve: (lines: string[]) => void }[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    out += String(chunk);
    const lines = out.split('\n').slice(0, -1);
    for (const { lines: wanted, resolve } of waiting) if (lines.length >= wanted) resolve(lines);
  });
  return async (lines) => {
    const found = await new Promise<string[]>((resolve) => {
      waiting.push({ lines, resolve });
      child.stdout.emit('data', '');
    });
    child.kill();
    return found;
  };
}
