/** Defects of controllers and kubelets: what they write, and what they leave out. */
import { Node } from '#api/core/node.ts';
import type { Client } from '#client/client.ts';
import type { Defect } from '../cluster.ts';
import { viewsWith, type Body, type KnownDefect } from './parts.ts';

/** The calls of one component, as `change` makes them. */
const componentWith = (component: string, change: (client: Client) => Partial<Client>): Defect => ({
  component: (client, name) => (name.startsWith(component) ? { ...client, ...change(client) } : client),
});

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

export const componentDefects: readonly KnownDefect[] = [
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
    defect: viewsWith(async function* (events) {
      // A place far ahead: whatever a controller has written counts as seen.
      yield { type: 'BOOKMARK', object: { metadata: { resourceVersion: '900000' } } };
      yield* events;
    }),
  },
];
