/**
 * Writes Events about objects: the same event again raises a count instead of making a new object, and a component that talks too much about one object is
 * cut short (upstream's correlator: https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go). A lost event never fails the work it speaks of.
 */
import { Lru } from '#base/lru.ts';
import { formatTime } from '#meta/time.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { Event } from '#api/core/event.ts';
import type { Client } from '#client/client.ts';
import type { World } from '#world/world.ts';

export interface EventRecorder {
  record(about: AnyObject | ObjectRef, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Resolves when everything recorded so far is written or lost. */
  flushed(): Promise<void>;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}

const rememberedMax = 4_096;
/** Of one source about one object: 25 at once, then one every five minutes. */
const burst = 25;
const refillMs = 5 * 60 * 1000;
const messageMax = 1024;

export function eventRecorder(
  world: World,
  client: Client,
  source: { readonly component: string; readonly host?: string },
): EventRecorder {
  const known = new Lru<string, { name: string; count: number }>({ limit: rememberedMax });
  const buckets = new Lru<string, { tokens: number; at: number }>({ limit: rememberedMax });
  let tail = Promise.resolve();

  const allowed = (key: string): boolean => {
    const now = world.clock.monotonic();
    const bucket = buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  };

  const write = async (reference: ObjectRef, type: string, reason: string, message: string): Promise<void> => {
    const namespace = reference.namespace ?? 'default';
    const now = formatTime(world.clock.now());
    const id = [reference.uid ?? reference.name, namespace, reference.fieldPath ?? '', type, reason, message].join(
      '\0',
    );
    const before = known.get(id);
    if (before) {
      try {
        await client.patch(
          Event,
          before.name,
          { type: 'merge', body: { count: before.count + 1, lastTimestamp: now, message } },
          { namespace },
        );
        known.set(id, { ...before, count: before.count + 1 });
        return;
      } catch (error) {
        // Expired meanwhile: a new one follows.
        world.log.debug('an event could not be counted up', { error: String(error) });
      }
    }
    const name = `${reference.name}.${Math.floor(world.clock.now() * 1000).toString(16)}${world.random.suffix(3)}`;
    await client.create(
      Event,
      {
        metadata: { name, namespace },
        involvedObject: { ...reference },
        reason,
        message,
        type,
        source: { component: source.component, ...(source.host === undefined ? {} : { host: source.host }) },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
        reportingComponent: source.component,
        reportingInstance: source.host ?? '',
      } as never,
      { namespace },
    );
    known.set(id, { name, count: 1 });
  };

  return {
    record(about, type, reason, text) {
      const reference = 'metadata' in about ? referenceTo(about) : about;
      if (!allowed([source.component, source.host ?? '', reference.uid ?? reference.name].join('\0'))) return;
      const message = text.length > messageMax ? `${text.slice(0, messageMax - 3)}...` : text;
      tail = tail
        .then(() => write(reference, type, reason, message))
        .catch((error: unknown) => world.log.debug('an event was lost', { reason, error: String(error) }));
    },
    flushed: () => tail,
  };
}

export const referenceTo = (object: AnyObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  name: object.metadata.name,
  uid: object.metadata.uid,
  resourceVersion: object.metadata.resourceVersion,
});
