/**
 * Makes a Client of a transport: the only place where a typed call becomes an ApiCall. It adds nothing and retries nothing.
 */
import type { AnyObject, List } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { DraftObject, ObjectOf, Verb } from '#schema/kind.ts';
import type {
  AnyKind,
  ApiCall,
  Client,
  DeleteOptions,
  ListOptions,
  Patch,
  ReadOptions,
  Transport,
  WatchOptions,
  WriteOptions,
} from './client.ts';

interface Draft {
  readonly metadata: { readonly name?: string; readonly namespace?: string };
}

/** A Client whose calls travel over `transport`. */
export function clientOf(transport: Transport): Client {
  const call = <T>(
    verb: Verb,
    kind: AnyKind,
    name: string | undefined,
    options: ApiCall['options'],
    body?: unknown,
  ): Promise<T> =>
    transport.call({
      verb,
      kind,
      namespace: kind.scope === 'Namespaced' ? options.namespace : undefined,
      name,
      subresource: options.subresource,
      body,
      options,
    }) as Promise<T>;

  return {
    get: <K extends AnyKind>(kind: K, name: string, options: ReadOptions = {}) =>
      call<ObjectOf<K>>('get', kind, name, options),
    list: <K extends AnyKind>(kind: K, options: ListOptions = {}) =>
      call<List<ObjectOf<K>>>('list', kind, undefined, options),
    watch: <K extends AnyKind>(kind: K, options: WatchOptions) =>
      transport.watch(
        {
          verb: 'watch',
          kind,
          namespace: kind.scope === 'Namespaced' ? options.namespace : undefined,
          name: undefined,
          subresource: undefined,
          body: undefined,
          options,
        },
        options,
      ) as AsyncIterable<WatchEvent<ObjectOf<K>>>,
    create: <K extends AnyKind>(kind: K, object: DraftObject<K>, options: WriteOptions = {}) =>
      call<ObjectOf<K>>('create', kind, undefined, placed(object as Draft, options), object),
    update: <K extends AnyKind>(kind: K, object: DraftObject<K>, options: WriteOptions = {}) =>
      call<ObjectOf<K>>('update', kind, (object as Draft).metadata.name, placed(object as Draft, options), object),
    patch: <K extends AnyKind>(kind: K, name: string, patch: Patch, options: WriteOptions = {}) =>
      call<ObjectOf<K>>('patch', kind, name, { ...options, patchType: patch.type }, patch.body),
    delete: (kind, name, options: DeleteOptions = {}) => call<AnyObject | undefined>('delete', kind, name, options),
    deleteCollection: (kind, options = {}) => call<void>('deletecollection', kind, undefined, options),
    post: <T>(kind: AnyKind, name: string, subresource: string, body: unknown, options: WriteOptions = {}) =>
      call<T>('create', kind, name, { ...options, subresource }, body),
  };
}

/** The object's own namespace counts when the options name none. */
function placed(object: Draft, options: WriteOptions): WriteOptions {
  const { namespace } = object.metadata;
  return options.namespace === undefined && namespace !== undefined ? { ...options, namespace } : options;
}
