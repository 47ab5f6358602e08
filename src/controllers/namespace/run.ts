/**
 * Empties a namespace that is being deleted, then lets it go: everything in it is deleted, pods first in their own time, and the namespace's conditions say what it
 * waits for (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/, KEP-5080 for the order). It streams deletions, so it is a shell, not a plan.
 */
import { isApiError } from '#meta/status.ts';
import { formatTime } from '#meta/time.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import type { AnyKind, Client } from '#client/client.ts';
import type { View } from '#client/view.ts';
import { WorkQueue } from '#runtime/queue.ts';
import type { Views } from '#runtime/views.ts';
import type { World } from '#world/world.ts';
import { withCondition } from '../conditions.ts';

export const namespaceControllerName = 'namespace-controller';
const finalizer = 'kubernetes';
/** How soon a namespace that still has content is looked at again. */
const againMs = 250;
const againMsMax = 5_000;

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];

interface Remains {
  /** Objects left, by resource. */
  readonly counts: ReadonlyMap<string, number>;
  /** Finalizers that objects wait for, with how many do. */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** Starts it. `kinds` are all kinds of this API; those in namespaces that can be deleted are its business. */
export function startNamespaceController(
  world: World,
  { views, client }: { views: Views; client: Client },
  kinds: readonly AnyKind[],
): AsyncDisposable & { readonly idle: boolean } {
  const contents = kinds.filter(
    (kind) => kind.scope === 'Namespaced' && !kind.storedAs && kind.verbs.includes('deletecollection'),
  );
  const queue = new WorkQueue(world.clock);
  const view = views.of(Namespace) as View<Namespace>;
  const stop = new AbortController();
  const tries = new Map<string, number>();
  const subscription = view.onChange(({ now }) => {
    if (now?.metadata.deletionTimestamp !== undefined) queue.add(now.metadata.name);
  });

  const work = async (): Promise<void> => {
    await view.synced;
    for (const namespace of view.all())
      if (namespace.metadata.deletionTimestamp !== undefined) queue.add(namespace.metadata.name);
    for (let name = await queue.take(); name !== undefined; name = await queue.take()) {
      try {
        const namespace = view.get(name);
        if (namespace?.metadata.deletionTimestamp !== undefined) {
          const done = await empty(world, client, namespace, contents);
          if (done) tries.delete(name);
          else {
            const count = tries.get(name) ?? 0;
            tries.set(name, count + 1);
            queue.addAfter(name, Math.min(againMs * 1.5 ** count, againMsMax));
          }
        }
        queue.forget(name);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!isApiError(error, 'Conflict', 'NotFound'))
          world.log.warn('a namespace could not be emptied', { namespace: name, error: String(error) });
        queue.retry(name);
      } finally {
        queue.done(name);
      }
    }
  };
  const running = Promise.all([work(), work()]);
  return {
    get idle() {
      return queue.idle;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      subscription[Symbol.dispose]();
      queue.close();
      await running;
    },
  };
}

/** One round; true when the namespace is free to go. */
async function empty(world: World, client: Client, namespace: Namespace, kinds: readonly AnyKind[]): Promise<boolean> {
  if (!(namespace.spec?.finalizers ?? []).includes(finalizer)) return true;
  const pods = kinds.filter((kind) => kind === Pod);
  let remains = await sweep(client, namespace.metadata.name, pods);
  // Secrets, accounts and the like go only after the pods that use them.
  if (remains.counts.size === 0)
    remains = await sweep(
      client,
      namespace.metadata.name,
      kinds.filter((kind) => kind !== Pod),
    );
  if (remains.counts.size > 0 || remains.failures.length > 0) {
    await tell(world, client, namespace, remains);
    return false;
  }
  const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== finalizer);
  await client.update(Namespace, { ...namespace, spec: { ...namespace.spec, finalizers } } as never, {
    subresource: 'finalize',
  });
  return true;
}

async function sweep(client: Client, namespace: string, kinds: readonly AnyKind[]): Promise<Remains> {
  const counts = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  for (const kind of kinds) {
    const id = kind.group ? `${kind.plural}.${kind.group}` : kind.plural;
    try {
      const before = await client.list(kind, { namespace });
      if (before.items.length === 0) continue;
      await client.deleteCollection(kind, { namespace, propagationPolicy: 'Background' });
      const after = await client.list(kind, { namespace });
      if (after.items.length > 0) counts.set(id, after.items.length);
      for (const object of after.items)
        for (const name of object.metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
    } catch (error) {
      failures.push(`${id}: ${(error as Error).message}`);
    }
  }
  return { counts, finalizers, failures };
}

async function tell(world: World, client: Client, namespace: Namespace, remains: Remains): Promise<void> {
  const at = formatTime(world.clock.now());
  let conditions: readonly Condition[] = namespace.status?.conditions ?? [];
  const set = (
    type: string,
    holds: boolean,
    words: readonly [reason: string, message: string, otherReason: string, otherMessage: string],
  ): void => {
    const [reason, message, otherReason, otherMessage] = words;
    const next = {
      type,
      status: holds ? 'True' : 'False',
      reason: holds ? reason : otherReason,
      message: holds ? message : otherMessage,
      lastTransitionTime: at,
    };
    conditions = withCondition(conditions, next as Condition);
  };
  const left = [...remains.counts].map(([id, count]) => `${id} has ${count} resource instances`).join(', ');
  const waiting = [...remains.finalizers].map(([name, count]) => `${name} in ${count} resource instances`).join(', ');
  set('NamespaceDeletionDiscoveryFailure', false, [
    '',
    '',
    'ResourcesDiscovered',
    'All resources successfully discovered',
  ]);
  set('NamespaceDeletionGroupVersionParsingFailure', false, [
    '',
    '',
    'ParsedGroupVersions',
    'All legacy kube types successfully parsed',
  ]);
  set('NamespaceDeletionContentFailure', remains.failures.length > 0, [
    'ContentDeletionFailed',
    `Failed to delete all resource types, ${remains.failures.length} remaining: ${remains.failures.join('; ')}`,
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ]);
  set('NamespaceContentRemaining', remains.counts.size > 0, [
    'SomeResourcesRemain',
    `Some resources are remaining: ${left}`,
    'ContentRemoved',
    'All content successfully removed',
  ]);
  set('NamespaceFinalizersRemaining', remains.finalizers.size > 0, [
    'SomeFinalizersRemain',
    `Some content in the namespace has finalizers remaining: ${waiting}`,
    'ContentHasNoFinalizers',
    'All content-preserving finalizers finished',
  ]);
  if (conditions === namespace.status?.conditions) return;
  await client.update(
    Namespace,
    { ...namespace, status: { ...namespace.status, phase: 'Terminating', conditions } } as never,
    { subresource: 'status' },
  );
}
