/** Defects that need a story of their own to matter: leaders that change, servers that crash, evictions, clocks, leaks and identities. */
import type { AnyObject } from '#meta/object-meta.ts';
import { pods, rewrite, viewsWith, type KnownDefect } from './parts.ts';

export const defectsWithStories: readonly KnownDefect[] = [
  { name: 'what a leader writes is not held to its term', story: 'leaders', defect: { unfenced: true } },
  {
    name: 'a leader goes on when it has lost its lease',
    story: 'leaders',
    defect: { unfenced: true, overstays: true },
  },
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
    defect: viewsWith(async function* (events, { kind }) {
      const alive = new Map<string, AnyObject>();
      for await (const event of events) {
        yield event;
        if (kind.plural !== 'pods' || event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
        const { uid, resourceVersion, deletionTimestamp } = event.object.metadata;
        const old = alive.get(uid);
        if (event.type === 'DELETED' && old)
          yield { type: 'ADDED', object: { ...old, metadata: { ...old.metadata, resourceVersion } } };
        else if (deletionTimestamp === undefined) alive.set(uid, event.object);
      }
    }),
  },
  {
    name: 'a lease is measured by another clock than the one that wrote it',
    story: 'clocks',
    defect: viewsWith(async function* (events, { world }) {
      for await (const event of events) {
        const { renewTime } = (event.object as { spec?: { renewTime?: string } }).spec ?? {};
        const isOld = renewTime !== undefined && Date.parse(renewTime) < world.clock.now() - 40_000;
        if (!isOld) yield event;
      }
    }),
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
