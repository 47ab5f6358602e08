/** One store seen by several API servers, each late in its own way, as etcd's watches are: for tests of what each may answer. */
import type { Revision, Store } from '#store/store.ts';
import { Watchers, type Change } from '#store/watchers.ts';
import type { Millis, World } from '#world/world.ts';

/** `store` as one of several processes sees it: what others write comes up to `lagMsMax` late. */
export async function lateStore(world: World, store: Store, lagMsMax: Millis = 20): Promise<Store> {
  const watchers = new Watchers();
  const waiting: { readonly revision: Revision; readonly resolve: () => void }[] = [];
  const queue: Change[] = [];
  let delivered = store.revision();
  let draining: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    for (let change = queue.shift(); change; change = queue.shift()) {
      await world.clock.sleep(world.random.fraction() * lagMsMax);
      delivered = change.revision;
      watchers.notify(change);
      for (const each of waiting.filter(({ revision }) => revision <= delivered)) each.resolve();
      waiting.splice(0, waiting.length, ...waiting.filter(({ revision }) => revision > delivered));
    }
    draining = undefined;
  };
  const subscription = await store.watch('', delivered, (events, revision) => {
    queue.push({ events, revision });
    draining ??= drain();
  });
  const reached = async (revision: Revision): Promise<void> => {
    if (revision > delivered) await new Promise<void>((resolve) => waiting.push({ revision, resolve }));
  };
  const pause = (): Promise<void> => world.clock.sleep(world.random.fraction() * 3);

  return {
    async get(key, options) {
      await pause();
      const at = store.revision();
      const entry = await store.get(key, options);
      await reached(at);
      return entry;
    },
    async range(prefix, options) {
      await pause();
      const result = await store.range(prefix, options);
      await reached(result.revision);
      return result;
    },
    async txn(operations) {
      await pause();
      const result = await store.txn(operations);
      await reached(result.revision);
      return result;
    },
    async watch(prefix, after, onEvents) {
      const registration = watchers.add(prefix, after, onEvents);
      const until = delivered;
      using _history = await store.watch('', after, (events, revision) => {
        if (revision <= until) registration.replay({ events, revision });
      });
      registration.live();
      return registration;
    },
    compact: (revision) => store.compact(revision),
    revision: () => delivered,
    async sync() {
      await pause();
      const revision = store.revision();
      await reached(revision);
      return revision;
    },
    compactRevision: () => store.compactRevision(),
    sizeBytes: () => store.sizeBytes(),
    failed: store.failed,
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      await draining;
    },
  };
}
