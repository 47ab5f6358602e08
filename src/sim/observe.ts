/**
 * A client whose calls are told to the checkers: what was asked, what the store's revision was before and after, and what was answered. It stands right before the server,
 * so that nothing the network does to an answer hides it. It must never change a call.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import type { Millis } from '#world/world.ts';

/** One call that has been answered. */
export interface Call {
  readonly by: string;
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete';
  readonly kind: AnyKind;
  readonly name: string | undefined;
  readonly body: unknown;
  readonly options: {
    readonly namespace?: string;
    readonly subresource?: string;
    readonly resourceVersion?: string;
    readonly labelSelector?: string;
    readonly fieldSelector?: string;
    readonly continue?: string;
    readonly limit?: number;
    readonly dryRun?: boolean;
  };
  /** The newest revision when it was asked, and when it was answered. */
  readonly since: number;
  readonly until: number;
  /** No other write of the same object was under way meanwhile, as far as anybody can know. */
  readonly alone: boolean;
  readonly outcome: { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };
}

export type Asked = Pick<Call, 'verb' | 'kind' | 'name' | 'body' | 'options'>;

/** A watch that is open. */
export interface Stream {
  readonly by: string;
  readonly kind: AnyKind;
  readonly options: WatchOptions;
  /** Its reader waits for the server, and not the other way round. */
  waiting: boolean;
  /** Nobody reads it any more. */
  ended: boolean;
  /** How far its server was at this time; as far as the store when absent. */
  readonly revisionAt?: ((time: Millis) => number) | undefined;
}

export interface Observer {
  /** The newest revision that is known to be committed. */
  revision(): number;
  /** A call begins; the answer says at its end whether it was alone with its object, and that it has ended. */
  asks(call: Asked): (outcome: Call['outcome']) => boolean;
  called(call: Call): void;
  opened(stream: Stream): void;
  saw(stream: Stream, event: WatchEvent<AnyObject>): void;
  /** Its reader has come back for more, however long that took. */
  awaits(stream: Stream): void;
}

/** `client`, whose calls are made by `by`. `revisionAt` tells how far its server was, if that is one of several. */
export function observed(client: Client, by: string, observer: Observer, revisionAt?: Stream['revisionAt']): Client {
  async function call<T>(
    asked: Pick<Call, 'verb' | 'kind' | 'name' | 'body'> & { options: object | undefined },
    send: () => Promise<T>,
  ): Promise<T> {
    const since = observer.revision();
    const question: Asked = { ...asked, options: asked.options ?? {} };
    const ended = observer.asks(question);
    const done = (outcome: Call['outcome']): void =>
      observer.called({ ...question, by, since, until: observer.revision(), alone: ended(outcome), outcome });
    try {
      const value = await send();
      done({ ok: true, value });
      return value;
    } catch (error) {
      done({ ok: false, error });
      throw error;
    }
  }

  async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
    const stream: Stream = { by, kind, options, waiting: true, ended: false, revisionAt };
    observer.opened(stream);
    try {
      for await (const event of client.watch(kind, options) as AsyncIterable<WatchEvent<AnyObject>>) {
        stream.waiting = false;
        observer.saw(stream, event);
        yield event;
        stream.waiting = true;
        observer.awaits(stream);
      }
    } finally {
      stream.ended = true;
    }
  }

  const nameOf = (object: unknown): string | undefined => (object as { metadata?: { name?: string } }).metadata?.name;
  return {
    ...client,
    get: (kind, name, options) =>
      call({ verb: 'get', kind, name, body: undefined, options }, () => client.get(kind, name, options)),
    list: (kind, options) =>
      call({ verb: 'list', kind, name: undefined, body: undefined, options }, () => client.list(kind, options)),
    watch: (kind, options) => watch(kind, options) as never,
    create: (kind, object, options) =>
      call({ verb: 'create', kind, name: nameOf(object), body: object, options }, () =>
        client.create(kind, object, options),
      ),
    update: (kind, object, options) =>
      call({ verb: 'update', kind, name: nameOf(object), body: object, options }, () =>
        client.update(kind, object, options),
      ),
    patch: (kind, name, patch, options) =>
      call({ verb: 'patch', kind, name, body: patch, options }, () => client.patch(kind, name, patch, options)),
    delete: (kind, name, options) =>
      call({ verb: 'delete', kind, name, body: undefined, options }, () => client.delete(kind, name, options)),
  };
}
