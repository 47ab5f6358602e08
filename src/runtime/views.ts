/**
 * One view a kind for all controllers of a process, started when the first one asks for it. Every view is indexed by namespace and by controlling owner,
 * which is what claims need; pods also by node.
 */
import { controllerOf, type AnyObject } from '#meta/object-meta.ts';
import type { AnyKind, Client } from '#client/client.ts';
import { startView, type View } from '#client/view.ts';
import type { ObjectOf } from '#schema/kind.ts';
import type { World } from '#world/world.ts';

export interface Views extends AsyncDisposable {
  of<K extends AnyKind>(kind: K): View<ObjectOf<K>>;
  /** What the views read with: it may list every kind they hold. */
  readonly client: Client;
  /** Resolves when every view asked for so far has its first list. */
  synced(): Promise<void>;
}

/** The index value of an object that no controller owns. */
export const orphansIn = (namespace: string | undefined): string => `orphan:${namespace ?? ''}`;

export function viewsOf(world: World, client: Client): Views {
  const views = new Map<string, View<AnyObject>>();
  return {
    client,
    of<K extends AnyKind>(kind: K): View<ObjectOf<K>> {
      const id = `${kind.group}/${kind.version}/${kind.plural}`;
      let view = views.get(id);
      if (!view) {
        view = startView(world, client, kind, {
          indexes: {
            namespace: (object: AnyObject) => [object.metadata.namespace ?? ''],
            owner: (object: AnyObject) => [controllerOf(object)?.uid ?? orphansIn(object.metadata.namespace)],
            ...(kind.plural === 'pods' && kind.group === ''
              ? {
                  node: (object: AnyObject) => [
                    (object as AnyObject & { spec: { nodeName?: string } }).spec.nodeName ?? '',
                  ],
                }
              : {}),
          },
        } as never) as unknown as View<AnyObject>;
        views.set(id, view);
      }
      return view as unknown as View<ObjectOf<K>>;
    },
    async synced() {
      await Promise.all([...views.values()].map((view) => view.synced));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...views.values()].map((view) => view[Symbol.asyncDispose]()));
    },
  };
}
