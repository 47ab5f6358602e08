/** The cluster's store as an etcd: who may reach it, what is kept over a restart, snapshots into a stopped cluster. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openEtcdStore } from '#store/etcd/etcd-store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { Compacted, type Store } from '#store/store.ts';
import { nodeWorld } from '#world/node/world.ts';
import { NetworkError, type TlsIdentity } from '#world/world.ts';
import type { Configuration } from '../configuration.ts';
import { layoutOf, type Layout } from '../layout.ts';
import { openAuthority } from '../pki.ts';
import { startState } from '../process-state.ts';
import { compact, defragment, etcdStatus, saveSnapshot } from './client.ts';
import { parseListenUrls } from './listen.ts';
import { restoreEtcdSnapshot } from './restore-snapshot.ts';
import { serveClusterEtcd } from './serve.ts';

const world = nodeWorld({ log: { level: 'silent' } });
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'k8ts-etcd-api-'));
});
after(() => rm(root, { recursive: true }));

const configuration: Configuration = {
  id: '5e7cd0',
  port: 6443,
  nodeKind: 'simulated',
  nodes: [],
  nodeSubnet: '172.29.3.0/24',
  podSubnet: '10.244.0.0/16',
  serviceSubnet: '10.96.0.0/12',
  nodePorts: [30_000, 32_767],
  clusterDomain: 'cluster.local',
  createdAt: '',
};
const put = async (store: Store, key: string, value: string): Promise<void> => {
  assert.ok((await store.txn([{ op: 'put', key, value: Buffer.from(value) }])).ok);
};
const open = (layout: Layout) => openSqliteStore(world, { path: layout.database });
const socketOf = (layout: Layout) => ({ url: 'http://localhost', socketPath: layout.etcdSocket });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

test('the socket is its owner’s, and a port takes certificates of etcd’s authority only', async () => {
  const layout = layoutOf(join(root, 'served'));
  await using store = await open(layout);
  await put(store, '/registry/a', '1');
  const url = `https://127.0.0.1:${await freePort()}`;
  await using _served = await serveClusterEtcd(world, layout, {
    configuration: { ...configuration, etcdListen: [url] },
    store,
  });
  assert.equal((await stat(layout.etcdSocket)).mode & 0o777, 0o600);
  const status = await etcdStatus(world, socketOf(layout));
  assert.equal(status.header?.revision, 2n);
  assert.equal(status.leader, status.header?.memberId);
  await compact(world, socketOf(layout), { revision: 2n, physical: true });
  assert.equal(store.compactRevision(), 2);
  await assert.rejects(compact(world, socketOf(layout), { revision: 2n, physical: true }), /has been compacted/);
  await defragment(world, socketOf(layout));

  const file = (name: string): Promise<string> => readFile(join(layout.etcdPki, name), 'utf8');
  const ca = await file('ca.crt');
  const identity = async (name: string): Promise<TlsIdentity> => ({
    cert: await file(`${name}.crt`),
    key: await file(`${name}.key`),
  });
  for (const name of ['healthcheck-client', 'apiserver-etcd-client']) {
    await using client = await openEtcdStore(world, { servers: [url], ca, identity: await identity(name) });
    assert.equal(String((await client.get('/registry/a'))?.value), '1');
  }
  // The administrator of the API is nobody here, whatever its certificate says.
  const api = await openAuthority(world, layout.pki);
  const admin = await api.issue('admin', {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
    usage: 'client',
  });
  for (const tls of [{ ca, identity: admin }, { ca }])
    await assert.rejects(etcdStatus(world, { url, tls }), (error) => error instanceof NetworkError);
});

test('a cluster that has leases ends them after a restart although nobody asks', async () => {
  const layout = layoutOf(join(root, 'leases'));
  await using store = await open(layout);
  // A key that hangs on a lease that is gone, as a crash leaves it.
  await store.txn([
    { op: 'put', key: '/registry/a', value: Buffer.from('1') },
    { op: 'put', key: '\u0001key//registry/a', value: Buffer.from('77') },
  ]);
  await using _served = await serveClusterEtcd(world, layout, { configuration, store });
  while ((await store.range('')).count > 0) await world.clock.sleep(20);
});

test('a snapshot takes the place of what a stopped cluster stores, at a later revision', async () => {
  const layout = layoutOf(join(root, 'restored'));
  const file = join(root, 'snapshot.db');
  await world.disk.makeDirectory(join(layout.root, 'run'));
  await writeFile(layout.configuration, JSON.stringify(configuration));
  let last: number;
  {
    await using store = await open(layout);
    await put(store, '/registry/a', 'old');
    {
      await using _served = await serveClusterEtcd(world, layout, { configuration, store });
      assert.ok((await saveSnapshot(world, socketOf(layout), file)) % 4_096 === 32);
    }
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await put(store, '/registry/a', 'new');
    last = store.revision();
  }
  const restore = (trusted = false) => restoreEtcdSnapshot(world, layout, { file, trusted });
  const state = await startState(world, layout.serverState);
  await assert.rejects(restore(), /the cluster runs: stop it first/);
  await state.clear();

  const restored = await restore();
  assert.equal(restored.entries, 1);
  assert.ok(restored.revision > last + 1_000_000);
  assert.match(restored.replaced ?? '', /state\.db\.replaced-/);
  {
    await using store = await open(layout);
    assert.equal(String((await store.get('/registry/a'))?.value), 'old');
    assert.equal((await store.get('/registry/a'))?.modRevision, 2);
    await assert.rejects(
      store.watch('/', last, () => undefined),
      Compacted,
    );
    await put(store, '/registry/pods/default/p', 'k8s\0protobuf');
    await using _served = await serveClusterEtcd(world, layout, { configuration, store });
    await saveSnapshot(world, socketOf(layout), file);
  }
  const before = await readFile(layout.database);
  await assert.rejects(restore(), /snapshot\.db holds objects in protobuf \(\/registry\/pods\/default\/p\)/);
  await writeFile(file, 'letter');
  await assert.rejects(restore(), /snapshot\.db has no sum at its end/);
  await assert.rejects(restore(true), /snapshot\.db is no bbolt database/);
  assert.deepEqual(await readFile(layout.database), before);
});

test('where an etcd listens is said by URLs', () => {
  const shown = (text: string) =>
    parseListenUrls(text).map(({ address, secure, exposed }) => ({ address, secure, exposed }));
  assert.deepEqual(shown('https://127.0.0.1:2379, unix:///run/etcd.sock,http://[::1]:1'), [
    { address: { host: '127.0.0.1', port: 2379 }, secure: true, exposed: false },
    { address: { path: '/run/etcd.sock' }, secure: false, exposed: false },
    { address: { host: '::1', port: 1 }, secure: false, exposed: false },
  ]);
  assert.deepEqual(shown('http://0.0.0.0:2379'), [
    { address: { host: '0.0.0.0', port: 2379 }, secure: false, exposed: true },
  ]);
  for (const wrong of ['', '127.0.0.1:2379', 'ftp://x', 'unix://etcd.sock', 'https://x/path'])
    assert.throws(() => parseListenUrls(wrong), Error, wrong);
});
