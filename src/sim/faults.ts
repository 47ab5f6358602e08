/**
 * A client through a bad network: every call takes a while, some requests are lost on the way there, some answers on the way back, and a whole component can be cut off
 * or die at one of its writes, before or after the server has carried it out.
 */
import type { WatchEvent } from '#meta/watch-event.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind, Client, WatchOptions } from '#client/client.ts';
import { NetworkError, type Millis, type World } from '#world/world.ts';

export interface Faults {
  /** Chances of one call, 0 to 1. */
  readonly loseRequest?: number;
  readonly loseReply?: number;
  /** A watch breaks off at an event. */
  readonly breakWatch?: number;
  /** The longest way there or back. */
  readonly delayMsMax?: Millis;
}

/** One life of a component: its calls stop when it dies. */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** No packet gets through, for now. */
  cut: boolean;
  writes: number;
}

export interface Hooks {
  /** Asked at every write: 'before' and 'after' kill the caller there. */
  readonly dies?: (life: Life, what: string) => 'before' | 'after' | undefined;
  /** The life ended at a write. */
  readonly died?: (life: Life) => void;
  readonly wrote?: (life: Life, what: string, result: unknown) => void;
  /** An event of a watch over everything of a kind, in the order of its delivery. */
  readonly saw?: (stream: object, kind: AnyKind, event: WatchEvent<AnyObject>, from: string | undefined) => void;
  /** Calls whose answer the host works out on its own time. */
  readonly host?: <T>(work: () => Promise<T>) => Promise<T>;
}

const never = <T>(): Promise<T> => new Promise(() => {});
const delayMsDefault: Millis = 3;

/** `client` as `life` reaches it. */
export function faultyClient(
  world: World,
  client: Client,
  { life, faults, hooks }: { life: Life; faults: Faults; hooks: Hooks },
): Client {
  const { random, clock } = world;
  const pause = (): Promise<void> => clock.sleep(random.fraction() * (faults.delayMsMax ?? delayMsDefault));
  const chance = (of: number | undefined): boolean => of !== undefined && of > 0 && random.fraction() < of;
  const gone = (way: string): NetworkError => new NetworkError('ECONNRESET', `the ${way} was lost`);

  async function call<T>(what: string, isWrite: boolean, send: () => Promise<T>): Promise<T> {
    if (!life.alive) return never();
    await pause();
    if (!life.alive) return never();
    if (life.cut || chance(faults.loseRequest)) throw gone('request');
    let dies: 'before' | 'after' | undefined;
    if (isWrite) {
      life.writes++;
      dies = hooks.dies?.(life, what);
    }
    if (dies === 'before') {
      hooks.died?.(life);
      return never();
    }
    let outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };
    try {
      outcome = { ok: true, value: await send() };
      if (isWrite) hooks.wrote?.(life, what, outcome.value);
    } catch (error) {
      outcome = { ok: false, error };
      if (isWrite) hooks.wrote?.(life, what, error);
    }
    if (dies === 'after') {
      hooks.died?.(life);
      return never();
    }
    await pause();
    if (!life.alive) return never();
    if (life.cut || chance(faults.loseReply)) throw gone('reply');
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  async function* watch(kind: AnyKind, options: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
    if (!life.alive) await never();
    await pause();
    if (life.cut || chance(faults.loseRequest)) throw gone('request');
    const stream = {};
    const whole =
      options.fieldSelector === undefined && options.labelSelector === undefined && options.namespace === undefined;
    for await (const event of client.watch(kind, options) as AsyncIterable<WatchEvent<AnyObject>>) {
      await pause();
      if (!life.alive) await never();
      if (life.cut || chance(faults.breakWatch)) throw gone('stream');
      if (whole) hooks.saw?.(stream, kind, event, options.resourceVersion);
      yield event;
    }
  }

  const what = (
    verb: string,
    kind: AnyKind,
    name: string | undefined,
    place: { namespace?: string; subresource?: string } = {},
  ): string =>
    `${verb} ${kind.plural}${place.subresource ? `/${place.subresource}` : ''} ${place.namespace ? `${place.namespace}/` : ''}${name ?? ''}`;
  const named = (object: unknown): { name?: string; generateName?: string; namespace?: string } =>
    (object as { metadata: object }).metadata;
  const where = (object: unknown, options: { namespace?: string } = {}): { namespace?: string } => {
    const namespace = options.namespace ?? named(object).namespace;
    return namespace === undefined ? { ...options } : { ...options, namespace };
  };

  return {
    get: (kind, name, options) => call(what('get', kind, name, options), false, () => client.get(kind, name, options)),
    list: (kind, options) => call(what('list', kind, undefined, options), false, () => client.list(kind, options)),
    watch: (kind, options) => watch(kind, options) as never,
    create: (kind, object, options) =>
      call(
        what('create', kind, named(object).name ?? `${named(object).generateName}*`, where(object, options)),
        true,
        () => client.create(kind, object, options),
      ),
    update: (kind, object, options) =>
      call(what('update', kind, named(object).name, where(object, options)), true, () =>
        client.update(kind, object, options),
      ),
    patch: (kind, name, patch, options) =>
      call(what('patch', kind, name, options), true, () => client.patch(kind, name, patch, options)),
    delete: (kind, name, options) =>
      call(what('delete', kind, name, options), true, () => client.delete(kind, name, options)),
    deleteCollection: (kind, options) =>
      call(what('deletecollection', kind, undefined, options), true, () => client.deleteCollection(kind, options)),
    post: <T>(kind: AnyKind, name: string, subresource: string, body: unknown, options?: { namespace?: string }) => {
      const send = (): Promise<T> => client.post<T>(kind, name, subresource, body, options);
      // Tokens are signed on the host's threads.
      const sending =
        subresource === 'token' && hooks.host ? () => (hooks.host as NonNullable<Hooks['host']>)(send) : send;
      return call(what('post', kind, name, { ...options, subresource }), true, sending);
    },
  };
}
