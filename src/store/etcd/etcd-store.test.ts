/** The store over a real etcd against the suite of all stores: a new etcd for each test, since an empty one is what they begin with. */
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import type { Store } from '../store.ts';
import { storeSuite } from '../suite.ts';
import { openEtcdStore } from './etcd-store.ts';
import { etcdMissing, startEtcd } from './test-etcd.ts';

const world = nodeWorld({ log: { level: 'silent' } });

if (etcdMissing === undefined) storeSuite('etcd', openWithEtcd);
else test('etcd: the suite of all stores', { skip: etcdMissing }, () => undefined);

/** A store that takes its etcd along when it is closed. */
async function openWithEtcd(): Promise<Store> {
  const etcd = await startEtcd();
  const store = await openEtcdStore(world, { servers: etcd.servers });
  const compact = store.compact.bind(store);
  store.compact = async (revision) => {
    await compact(revision);
    await etcd.settle();
  };
  const close = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await close();
    await etcd[Symbol.asyncDispose]();
  };
  return store;
}
