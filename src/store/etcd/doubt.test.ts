/** Answers of etcd that never come: the store must find out what became of the write. And the way there: TLS with client certificates. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { testPki } from '#world/node/test-pki.ts';
import { nodeWorld } from '#world/node/world.ts';
import { NetworkError, type World } from '#world/world.ts';
import { StoreUnavailable, type Operation, type Store } from '../store.ts';
import { openEtcdStore } from './etcd-store.ts';
import { etcdMissing, startEtcd, type TestEtcd } from './test-etcd.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const options = { skip: etcdMissing ?? false, timeout: 60_000 };

/** The next transaction: its request never arrives, or its answer does not. Both look the same from here. */
let lost: 'request' | 'answer' | undefined;
const lossy: World = {
  ...world,
  network: {
    ...world.network,
    request: async (request) => {
      if (lost === undefined || !request.url.endsWith('/Txn')) return world.network.request(request);
      const what = lost;
      lost = undefined;
      if (what === 'answer') await (await world.network.request(request)).bytes();
      throw new NetworkError('ECONNRESET', 'the connection was lost');
    },
  },
};

const put = (expect?: number): Operation => ({
  op: 'put',
  key: '/a',
  value: Buffer.from('x'),
  ...(expect === undefined ? {} : { expect }),
});

async function withStore(run: (store: Store, etcd: TestEtcd) => Promise<void>): Promise<void> {
  await using etcd = await startEtcd();
  await using store = await openEtcdStore(lossy, { servers: etcd.servers });
  await run(store, etcd);
}

test('etcd: a write whose answer was lost is written once and answered with its revision', options, () =>
  withStore(async (store) => {
    lost = 'answer';
    assert.deepEqual(await store.txn([put(0)]), { ok: true, revision: 2 });
    lost = 'answer';
    assert.deepEqual(await store.txn([put(2)]), { ok: true, revision: 3 });
    lost = 'answer';
    assert.deepEqual(await store.txn([put()]), { ok: true, revision: 4 });
    lost = 'answer';
    assert.deepEqual(await store.txn([{ op: 'delete', key: '/a', expect: 4 }]), { ok: true, revision: 5 });
    assert.equal(store.revision(), 5);
  }),
);

test('etcd: a write that was lost on the way is made again if it says what it expects', options, () =>
  withStore(async (store) => {
    lost = 'request';
    assert.deepEqual(await store.txn([put(0)]), { ok: true, revision: 2 });
    lost = 'request';
    await assert.rejects(store.txn([put()]), StoreUnavailable);
    assert.equal((await store.get('/a'))?.version, 1);
  }),
);

test("etcd: of a write in doubt that another one's overtook the conflict is told", options, () =>
  withStore(async (store, etcd) => {
    await using other = await openEtcdStore(world, { servers: etcd.servers });
    await store.txn([put(0)]);
    lost = 'request';
    const [mine] = await Promise.all([
      store.txn([put(2)]),
      other.txn([{ op: 'put', key: '/a', value: Buffer.from('theirs'), expect: 2 }]),
    ]);
    // Whoever was first; never both.
    assert.equal((await store.get('/a'))?.version, 2);
    assert.equal(mine.ok, String((await store.get('/a'))?.value) === 'x');
  }),
);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-etcd-tls-'));
});
after(() => rm(folder, { recursive: true }));

test('etcd: members ask for certificates and show theirs', options, async () => {
  const pki = await testPki();
  const server = await pki.server();
  const files = { 'ca.pem': pki.ca, 'server.pem': server.cert, 'server.key': server.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await using etcd = await startEtcd({
    scheme: 'https',
    flags: [
      ...['--cert-file', join(folder, 'server.pem'), '--key-file', join(folder, 'server.key')],
      ...['--trusted-ca-file', join(folder, 'ca.pem'), '--client-cert-auth'],
    ],
  });
  const identity = await pki.client({ commonName: 'apiserver' });
  await using store = await openEtcdStore(world, { servers: etcd.servers, ca: pki.ca, identity });
  assert.ok((await store.txn([put(0)])).ok);
  assert.equal(String((await store.get('/a'))?.value), 'x');
});

test('etcd: what is no address of etcd is named', async () => {
  for (const server of ['localhost:2379', 'ftp://localhost', 'http://localhost/v3', ''])
    await assert.rejects(openEtcdStore(world, { servers: [server] }), TypeError);
  await assert.rejects(openEtcdStore(world, { servers: [] }), /at least one address/);
});
