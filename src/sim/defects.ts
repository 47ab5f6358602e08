/**
 * Defects on purpose: small wrong things put between the parts of a cluster, each of which a checker or the story must notice. A checker that lets one of them through
 * proves nothing. They are wrappers for tests; the product knows nothing of them.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import { Node } from '#api/core/node.ts';
import type { AnyKind, Client, WriteOptions } from '#client/client.ts';
import type { Operation, Store, StoreEvent } from '#store/store.ts';
import type { Defect } from './cluster.ts';

export interface KnownDefect {
  readonly name: string;
  readonly defect: Defect;
  /** The story that it is put into: an ordinary day when absent. */
  readonly story?: 'gates' | 'compaction' | 'leaders' | 'crashes' | 'evictions' | 'clocks' | 'leaks' | 'identities';
}

type Events = AsyncIterable<WatchEvent<AnyObject>>;
type Body = AnyObject & {
  spec?: { replicas?: number; nodeName?: string; ports?: object[] };
  status?: Record<string, unknown>;
};

const json = (value: Buffer): Body => JSON.parse(value.toString('utf8')) as Body;

/** Every object that is put under `prefix`, as `change` makes it. */
function rewrite(prefix: string, change: (object: Body) => Body): Defect {
  return {
    store: (store) => ({
      ...store,
      txn: (operations) =>
        store.txn(
          operations.map((each) =>
            each.op === 'put' && each.key.startsWith(prefix)
              ? { ...each, value: Buffer.from(JSON.stringify(change(json(each.value)))) }
              : each,
          ),
        ),
    }),
  };
}

const storeWith = (change: (store: Store) => Partial<Store>): Defect => ({
  store: (store) => ({ ...store, ...change(store) }),
});

/** Every watch of the controllers, as `change` shows it. */
const watchWith = (change: (events: Events) => Events): Defect => ({
  server: (client, name) =>
    name === 'controller-manager'
      ? { ...client, watch: (kind, options) => change(client.watch(kind, options) as Events) as never }
      : client,
});

/** The calls of one component, as `change` makes them. */
const componentWith = (component: string, change: (client: Client) => Partial<Client>): Defect => ({
  component: (client, name) => (name.startsWith(component) ? { ...client, ...change(client) } : client),
});

const isPut = (operation: Operation, prefix: string): operation is Extract<Operation, { op: 'put' }> =>
  operation.op === 'put' && operation.key.startsWith(prefix);
const maps = '/registry/configmaps/default/';
const pods = '/registry/pods/default/';

/** Replicas of a ReplicaSet that a deployment controller writes. */
const scaledBy = (scale: (replicas: number) => number): Defect => {
  const scaled = <T>(kind: { plural: string }, body: T): T => {
    const { spec } = body as Body;
    return kind.plural === 'replicasets' && spec?.replicas !== undefined
      ? { ...body, spec: { ...spec, replicas: scale(spec.replicas) } }
      : body;
  };
  return componentWith('deployment-controller', (client) => ({
    create: (kind, object, options) => client.create(kind, scaled(kind, object), options),
    update: (kind, object, options) => client.update(kind, scaled(kind, object), options),
    patch: (kind, name, patch, options) =>
      client.patch(kind, name, { ...patch, body: scaled(kind, patch.body) } as typeof patch, options),
  }));
};

/** Status writes of a component to one resource, as `change` makes them. */
const statusOf = (
  component: string,
  resource: string,
  change: (status: Record<string, unknown>) => Record<string, unknown>,
): Defect => {
  const changed = <T>(kind: { plural: string }, body: T): T => {
    const { status } = body as Body;
    return kind.plural === resource && status ? { ...body, status: change(status) } : body;
  };
  return componentWith(component, (client) => ({
    update: (kind, object, options) => client.update(kind, changed(kind, object), options),
    patch: (kind, name, patch, options) =>
      client.patch(kind, name, { ...patch, body: changed(kind, patch.body) } as typeof patch, options),
  }));
};

const storeDefects: readonly KnownDefect[] = [
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

const watchDefects: readonly KnownDefect[] = [
  {
    name: 'a watch starts one event late',
    defect: watchWith(async function* (events) {
      let first = true;
      for await (const event of events) {
        if (!first || event.type === 'BOOKMARK') yield event;
        if (event.type !== 'BOOKMARK') first = false;
      }
    }),
  },
  {
    name: 'a watch leaves events out',
    defect: watchWith(async function* (events) {
      let count = 0;
      for await (const event of events) if (event.type === 'BOOKMARK' || ++count % 7 !== 0) yield event;
    }),
  },
  {
    name: 'an event is delivered twice',
    defect: watchWith(async function* (events) {
      let count = 0;
      for await (const event of events) {
        yield event;
        if (event.type !== 'BOOKMARK' && ++count % 7 === 0) yield event;
      }
    }),
  },
  {
    name: 'two events change places',
    defect: watchWith(async function* (events) {
      let held: WatchEvent<AnyObject> | undefined;
      for await (const event of events) {
        if (held) {
          yield event;
          yield held;
          held = undefined;
        } else if (event.type === 'MODIFIED') held = event;
        else yield event;
      }
    }),
  },
  {
    name: 'no bookmarks come',
    defect: watchWith(async function* (events) {
      for await (const event of events) if (event.type !== 'BOOKMARK') yield event;
    }),
  },
  {
    name: 'a bookmark promises what is yet to come',
    defect: watchWith(async function* (events) {
      for await (const event of events)
        yield event.type === 'BOOKMARK'
          ? { type: 'BOOKMARK', object: { metadata: { resourceVersion: '900000' } } }
          : event;
    }),
  },
  {
    name: 'an event carries half of what was written',
    defect: watchWith(async function* (events) {
      for await (const event of events) {
        if (event.type !== 'MODIFIED') yield event;
        else {
          const { status: _lost, ...object } = event.object as Body;
          yield { type: 'MODIFIED', object: object as unknown as AnyObject };
        }
      }
    }),
  },
  {
    name: 'a creation is shown as a change',
    defect: watchWith(async function* (events) {
      for await (const event of events) yield event.type === 'ADDED' ? { ...event, type: 'MODIFIED' } : event;
    }),
  },
];

const serverDefects: readonly KnownDefect[] = [
  {
    name: 'a read after a write comes from a stale cache',
    defect: {
      server: (client) => {
        const seen = new Map<string, unknown>();
        return {
          ...client,
          async get(kind, name, options) {
            const key = `${kind.plural}/${options?.namespace}/${name}`;
            if (!seen.has(key)) seen.set(key, await client.get(kind, name, options));
            return seen.get(key) as never;
          },
        };
      },
    },
  },
  {
    name: 'a list comes from a stale cache',
    defect: {
      server: (client) => {
        const seen = new Map<string, unknown>();
        return {
          ...client,
          async list(kind, options) {
            const key = `${kind.plural}/${JSON.stringify(options)}`;
            if (!seen.has(key)) seen.set(key, await client.list(kind, options));
            return seen.get(key) as never;
          },
        };
      },
    },
  },
  {
    name: 'a write of the status changes the spec',
    defect: {
      server: (client) => {
        const spoil = async (kind: AnyKind, name: string, options: WriteOptions): Promise<never> => {
          const { subresource: _status, ...where } = options;
          const live = (await client.get(kind, name, where)) as Body;
          return client.update(kind, { ...live, spec: { ...live.spec, minReadySeconds: 7 } }, where) as Promise<never>;
        };
        return {
          ...client,
          update: (kind, object, options) =>
            kind.plural === 'deployments' && options?.subresource === 'status'
              ? spoil(kind, (object as unknown as AnyObject).metadata.name, options)
              : client.update(kind, object, options),
          patch: (kind, name, patch, options) =>
            kind.plural === 'deployments' && options?.subresource === 'status'
              ? spoil(kind, name, options)
              : client.patch(kind, name, patch, options),
        };
      },
    },
  },
];

const componentDefects: readonly KnownDefect[] = [
  { name: 'the surge is off by one', defect: scaledBy((replicas) => (replicas > 0 ? replicas + 1 : 0)) },
  {
    name: 'pods are available before minReadySeconds',
    defect: statusOf('replicaset-controller', 'replicasets', (status) => ({
      ...status,
      availableReplicas: status['readyReplicas'],
    })),
  },
  {
    name: 'a pod IP is given twice',
    defect: statusOf('node-', 'pods', (status) =>
      status['podIP'] ? { ...status, podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }] } : status,
    ),
  },
  {
    name: 'a lease never expires',
    defect: {
      component: (client, name) => {
        if (name !== 'node-lifecycle-controller') return client;
        const isEnd = (body: unknown): boolean => /"Unknown"|unreachable/.test(JSON.stringify(body));
        return {
          ...client,
          update: (kind, object, options) =>
            isEnd(object) ? Promise.resolve(object as never) : client.update(kind, object, options),
          patch: (kind, each, patch, options) =>
            isEnd(patch.body) ? client.get(kind, each) : client.patch(kind, each, patch, options),
        };
      },
    },
  },
  {
    name: 'orphans go with their owner',
    defect: {
      component: (client, name) =>
        name === 'generic-garbage-collector'
          ? {
              ...client,
              patch: (kind, each, patch, options) =>
                kind.plural === 'pods' ? client.get(kind, each, options) : client.patch(kind, each, patch, options),
              update: (kind, object, options) =>
                kind.plural === 'pods' ? Promise.resolve(object as never) : client.update(kind, object, options),
            }
          : client,
    },
  },
  {
    name: 'a settled cluster goes on writing',
    defect: componentWith('node-1', (client) => {
      let count = 0;
      return {
        async update(kind, object, options) {
          const body = { metadata: { annotations: { count: String(++count) } } };
          if (kind.plural === 'leases') await client.patch(Node, 'node-1', { type: 'merge', body });
          return client.update(kind, object, options);
        },
      };
    }),
  },
  {
    name: 'the gate of the runner is ignored',
    story: 'gates',
    defect: {
      component: (client, name) =>
        name === 'controller-manager'
          ? {
              ...client,
              watch: (kind, options) =>
                (async function* () {
                  // A place far ahead: whatever a controller has written counts as seen.
                  yield { type: 'BOOKMARK', object: { metadata: { resourceVersion: '900000' } } };
                  yield* client.watch(kind, options) as Events;
                })() as never,
            }
          : client,
    },
  },
];

const leaderDefects: readonly KnownDefect[] = [
  { name: 'what a leader writes is not held to its term', story: 'leaders', defect: { unfenced: true } },
  {
    name: 'a leader goes on when it has lost its lease',
    story: 'leaders',
    defect: { unfenced: true, overstays: true },
  },
];

const machineDefects: readonly KnownDefect[] = [
  {
    name: 'a write is acknowledged before it is synced',
    story: 'crashes',
    defect: { disk: (disk) => ({ ...disk, sync: async () => {} }) },
  },
  {
    name: 'a server that starts again forgets its disk',
    story: 'crashes',
    defect: {
      disk: (disk) => ({ ...disk, readText: async (path) => (path === '/log' ? undefined : disk.readText(path)) }),
    },
  },
  {
    name: 'an eviction ignores the budget',
    story: 'evictions',
    defect: {
      server: (client) => ({
        ...client,
        async post(kind, name, subresource, body, options) {
          if (subresource !== 'eviction') return client.post(kind, name, subresource, body, options);
          const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
          const patch = { type: 'strategic', body: { status: { conditions: [condition] } } } as const;
          await client.patch(kind, name, patch, { ...options, subresource: 'status' });
          return client.delete(kind, name, options) as Promise<never>;
        },
      }),
    },
  },
  {
    name: 'a view takes an old state for a new one',
    story: 'evictions',
    defect: {
      component: (client, name) =>
        name === 'controller-manager'
          ? {
              ...client,
              watch: (kind, options) =>
                (async function* () {
                  const alive = new Map<string, AnyObject>();
                  for await (const event of client.watch(kind, options) as Events) {
                    yield event;
                    if (kind.plural !== 'pods' || event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
                    const { uid, resourceVersion, deletionTimestamp } = event.object.metadata;
                    const old = alive.get(uid);
                    if (event.type === 'DELETED' && old)
                      yield { type: 'ADDED', object: { ...old, metadata: { ...old.metadata, resourceVersion } } };
                    else if (deletionTimestamp === undefined) alive.set(uid, event.object);
                  }
                })() as never,
            }
          : client,
    },
  },
  {
    name: 'a lease is measured by another clock than the one that wrote it',
    story: 'clocks',
    defect: {
      component: (client, name, world) =>
        name === 'controller-manager'
          ? {
              ...client,
              watch: (kind, options) =>
                (async function* () {
                  for await (const event of client.watch(kind, options) as Events) {
                    const { renewTime } = (event.object as { spec?: { renewTime?: string } }).spec ?? {};
                    const isOld = renewTime !== undefined && Date.parse(renewTime) < world.clock.now() - 40_000;
                    if (!isOld) yield event;
                  }
                })() as never,
            }
          : client,
    },
  },
  { name: 'a container stays when it is removed', story: 'leaks', defect: { runtime: ['removalLost'] } },
  {
    name: 'two pods have one identity',
    story: 'identities',
    defect: rewrite(pods, (object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { 'apps.kubernetes.io/pod-index': '0' } },
    })),
  },
];

export const knownDefects: readonly KnownDefect[] = [
  ...storeDefects,
  ...watchDefects,
  ...serverDefects,
  ...componentDefects,
  ...leaderDefects,
  ...machineDefects,
];
