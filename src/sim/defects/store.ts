/** Defects of the store: what it acknowledges, keeps, tells and forgets, and what stands in the objects it holds. */
import type { Operation, Store, StoreEvent } from '#store/store.ts';
import type { Defect } from '../cluster.ts';
import { json, pods, rewrite, type KnownDefect } from './parts.ts';

const maps = '/registry/configmaps/default/';

const storeWith = (change: (store: Store) => Partial<Store>): Defect => ({
  store: (store) => ({ ...store, ...change(store) }),
});

const isPut = (operation: Operation, prefix: string): operation is Extract<Operation, { op: 'put' }> =>
  operation.op === 'put' && operation.key.startsWith(prefix);

export const storeDefects: readonly KnownDefect[] = [
  {
    name: 'a write is acknowledged before it is committed',
    defect: storeWith((store) => ({
      async txn(operations) {
        if (!operations.some((each) => isPut(each, maps))) return store.txn(operations);
        void (async () => {
          for (let turn = 0; turn < 50; turn++) await Promise.resolve();
          await store.txn(operations);
        })();
        return { ok: true, revision: store.revision() + 1 };
      },
    })),
  },
  {
    name: 'a revision is published before its data',
    defect: storeWith((store) => ({ revision: () => store.revision() + 1 })),
  },
  {
    name: 'a revision is used twice',
    defect: storeWith((store) => ({
      async txn(operations) {
        const result = await store.txn(operations);
        return result.ok && operations.some((each) => isPut(each, maps))
          ? { ...result, revision: result.revision - 1 }
          : result;
      },
    })),
  },
  {
    name: 'a precondition is forgotten',
    defect: storeWith((store) => ({
      txn: (operations) =>
        store.txn(
          operations.map((each): Operation => {
            if (each.op !== 'put' || !isPut(each, maps) || each.expect === 0) return each;
            const { expect: _forgotten, ...rest } = each;
            return rest;
          }),
        ),
    })),
  },
  {
    name: 'a deletion is acknowledged and not carried out',
    defect: storeWith((store) => ({
      txn: (operations) => store.txn(operations.filter((each) => each.op === 'put' || !each.key.startsWith(maps))),
    })),
  },
  {
    name: 'the delete event is lost',
    defect: storeWith((store) => ({
      watch: (prefix, after, onEvents) =>
        store.watch(prefix, after, (events, revision) => {
          const left = events.filter((each: StoreEvent) => each.type === 'put' || !each.entry.key.startsWith(maps));
          if (left.length > 0) onEvents(left, revision);
        }),
    })),
  },
  {
    name: 'a deleted object comes back',
    defect: storeWith((store) => ({
      async txn(operations) {
        const result = await store.txn(operations);
        for (const { op, key } of operations) {
          const old = op === 'delete' && key.startsWith(maps) && result.ok;
          const entry = old ? await store.get(key, { revision: result.revision - 1 }) : undefined;
          if (entry) await store.txn([{ op: 'put', key, value: entry.value }]);
        }
        return result;
      },
    })),
  },
  {
    name: 'compaction forgets that something was deleted',
    story: 'compaction',
    defect: storeWith((store) => {
      const deleted = new Map<string, Buffer>();
      return {
        async txn(operations) {
          for (const { op, key } of operations) {
            const entry = op === 'delete' && key.startsWith(maps) ? await store.get(key) : undefined;
            if (entry) deleted.set(key, entry.value);
          }
          return store.txn(operations);
        },
        async compact(revision) {
          await store.compact(revision);
          for (const [key, value] of deleted) await store.txn([{ op: 'put', key, value }]);
          deleted.clear();
        },
      };
    }),
  },
  {
    name: 'finalizers are not waited for',
    defect: storeWith((store) => ({
      txn: (operations) =>
        store.txn(
          operations.map((each) =>
            each.op === 'put' && each.key.startsWith(maps) && json(each.value).metadata.deletionTimestamp
              ? { op: 'delete', key: each.key }
              : each,
          ),
        ),
    })),
  },
  {
    name: 'an object changes its uid',
    defect: rewrite(maps, (object) => ({
      ...object,
      metadata: { ...object.metadata, uid: `${object.metadata.uid}${object.metadata.deletionTimestamp ? 'f' : ''}` },
    })),
  },
  {
    name: 'a node port is given twice',
    defect: rewrite('/registry/services/specs/default/', (object) => ({
      ...object,
      spec: { ...object.spec, ports: object.spec?.ports?.map((port) => ({ ...port, nodePort: 30_000 })) ?? [] },
    })),
  },
  {
    name: 'a cluster IP is given twice',
    defect: rewrite('/registry/services/specs/default/', (object) => ({
      ...object,
      spec: { ...object.spec, clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77'] },
    })),
  },
  {
    name: 'a pod is bound twice',
    defect: rewrite(pods, (object) =>
      object.status?.['podIP'] ? { ...object, spec: { ...object.spec, nodeName: 'node-9' } } : object,
    ),
  },
  {
    name: 'two controllers own one object',
    defect: rewrite(pods, ({ metadata, ...rest }) => ({
      ...rest,
      metadata: {
        ...metadata,
        ownerReferences: (metadata.ownerReferences ?? []).flatMap((each) => [each, { ...each, uid: `${each.uid}-2` }]),
      },
    })),
  },
];
