/** A Client over objects in memory, for components that only list and watch: a test sets and removes objects, watchers see it at once. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { Client } from '#client/client.ts';

export interface MemoryClient {
  readonly client: Client;
  set(plural: string, object: object): void;
  remove(plural: string, namespace: string, name: string): void;
}

export function memoryClient(): MemoryClient {
  const objects = new Map<string, Map<string, AnyObject>>();
  const watchers = new Set<{ plural: string; push(event: WatchEvent<AnyObject>): void }>();
  let revision = 1;
  const of = (plural: string): Map<string, AnyObject> => {
    const found = objects.get(plural) ?? new Map<string, AnyObject>();
    objects.set(plural, found);
    return found;
  };
  const tell = (plural: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: AnyObject): void => {
    for (const watcher of watchers) if (watcher.plural === plural) watcher.push({ type, object });
  };
  const client = {
    async list({ plural }: { plural: string }) {
      return { metadata: { resourceVersion: String(revision) }, items: [...of(plural).values()] };
    },
    async *watch({ plural }: { plural: string }, { signal }: { signal: AbortSignal }) {
      const queue: WatchEvent<AnyObject>[] = [];
      let wake = (): void => {};
      const watcher = {
        plural,
        push(event: WatchEvent<AnyObject>) {
          queue.push(event);
          wake();
        },
      };
      watchers.add(watcher);
      signal.addEventListener('abort', () => wake());
      try {
        while (!signal.aborted) {
          yield* queue.splice(0);
          if (queue.length === 0 && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        watchers.delete(watcher);
      }
    },
    async create(_kind: unknown, object: unknown) {
      return object;
    },
  };
  return {
    client: client as never,
    set(plural, value) {
      const given = value as { metadata: { namespace?: string; name: string } };
      const key = `${given.metadata.namespace ?? ''}/${given.metadata.name}`;
      const before = of(plural).get(key);
      const object = { ...given, metadata: { ...given.metadata, resourceVersion: String(++revision) } } as AnyObject;
      of(plural).set(key, object);
      tell(plural, before ? 'MODIFIED' : 'ADDED', object);
    },
    remove(plural, namespace, name) {
      const before = of(plural).get(`${namespace}/${name}`);
      if (!before) return;
      of(plural).delete(`${namespace}/${name}`);
      const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++revision) } };
      tell(plural, 'DELETED', object);
    },
  };
}
