/** A client whose calls all go one way, whatever they ask: what stands between a component and a server has one door for calls and one for watches. */
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';

export interface Doors {
  /** Carries out one call at the client that is right for it now. */
  call<T>(send: (to: Client) => Promise<T>): Promise<T>;
  watch(kind: AnyKind, options: WatchOptions): AsyncIterable<WatchEvent<AnyObject>>;
}

export const clientThrough = ({ call, watch }: Doors): Client => ({
  get: (kind, name, options) => call((to) => to.get(kind, name, options)),
  list: (kind, options) => call((to) => to.list(kind, options)),
  watch: (kind, options) => watch(kind, options) as never,
  create: (kind, object, options) => call((to) => to.create(kind, object, options)),
  update: (kind, object, options) => call((to) => to.update(kind, object, options)),
  patch: (kind, name, patch, options) => call((to) => to.patch(kind, name, patch, options)),
  delete: (kind, name, options) => call((to) => to.delete(kind, name, options)),
  deleteCollection: (kind, options) => call((to) => to.deleteCollection(kind, options)),
  post: (kind, name, subresource, body, options) => call((to) => to.post(kind, name, subresource, body, options)),
});
