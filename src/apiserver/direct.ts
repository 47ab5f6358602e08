/**
 * The transport for components in this process: the same frozen objects, no bytes, no copies, but the same authorization as over the wire.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { ApiCall, Transport, WatchOptions } from '#client/client.ts';
import type { Api, Answer } from './api.ts';
import type { Fence } from './registry/fence.ts';
import { shown, type Resource } from './registry/resource.ts';
import type { User } from './user.ts';
import { startWatch } from './watch/watch.ts';

/** How often an idle watch with bookmarks is told the current revision. */
const bookmarkMs = 10_000;

/** Calls `api` as `user`; `manager` is the field manager of its writes, which `fence` holds to a leader's term. */
export function directTransport(api: Api, user: User, manager: string, fence?: Fence): Transport {
  return {
    async call(call) {
      api.policy.authorizer.check(api.attributesOf(call, user));
      const answer = await api.call(call, {
        user,
        fieldManager: call.options.fieldManager ?? manager,
        fieldValidation: 'Ignore',
        warnings: [],
        ...(fence ? { fence } : {}),
      });
      return plain(answer, call);
    },
    watch: (call, options) => watched(api, user, call, options),
  };
}

function plain(answer: Answer, call: ApiCall): unknown {
  if (answer.is === 'list') {
    const { resource, result } = answer;
    return {
      metadata: {
        resourceVersion: String(result.revision),
        ...(result.continue === undefined ? {} : { continue: result.continue }),
        ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
      },
      items: result.entries.map((entry) => shown(resource, entry.object)),
    };
  }
  const object = answer.is === 'entry' ? shown(answer.resource, answer.entry.object) : answer.object;
  return call.verb === 'delete' && object.kind === 'Status' ? undefined : object;
}

async function* watched(
  api: Api,
  user: User,
  call: ApiCall,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<AnyObject>> {
  api.policy.authorizer.check(api.attributesOf(call, user));
  const resource: Resource = api.resource(call.kind);
  const { cursor, initial, revision, see, markEnd } = await startWatch(resource, call.namespace, options);
  for (const { type, entry } of initial ?? []) yield { type, object: shown(resource, entry.object) };
  if (markEnd) yield bookmark(revision, true);
  let told = revision;
  const stop = (): void => cursor.wake();
  options.signal.addEventListener('abort', stop);
  try {
    while (!options.signal.aborted) {
      const events = cursor.take();
      for (const event of events) {
        const delivery = see(event);
        if (!delivery) continue;
        told = event.revision;
        yield { type: delivery.type, object: shown(resource, delivery.entry.object) };
        if (options.signal.aborted) return;
      }
      if (events.length > 0) continue;
      let due = false;
      const ring = (): void => {
        due = true;
        cursor.wake();
      };
      const quiet = options.bookmarks ? api.world.clock.after(bookmarkMs, ring, { unref: true }) : undefined;
      await cursor.wait();
      quiet?.cancel();
      if (due && resource.cache.revision > told && !cursor.pending) {
        told = resource.cache.revision;
        yield bookmark(told, false);
      }
    }
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

const bookmark = (revision: number, end: boolean): WatchEvent<AnyObject> => ({
  type: 'BOOKMARK',
  object: {
    metadata: {
      resourceVersion: String(revision),
      ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  },
});
