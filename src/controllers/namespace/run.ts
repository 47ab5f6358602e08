/**
 * Empties a namespace that is being deleted, then lets it go: everything in it is deleted, pods first in their own time, and the namespace's conditions say what it
 * waits for (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/, KEP-5080 for the order). It streams deletions, so it is a shell, not a plan.
 */
import { isApiError } from '#meta/status.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import { APIService } from '#api/apiregistration/apiservice.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import type { AnyKind, Client } from '#client/client.ts';
import type { View } from '#client/view.ts';
import { WorkQueue } from '#runtime/queue.ts';
import type { Views } from '#runtime/views.ts';
import type { World } from '#world/world.ts';
import { conditionsAfter, isEmpty, longestGrace, remainsOf, type Findings } from './plan.ts';

export const namespaceControllerName = 'namespace-controller';
const finalizer = 'kubernetes';
/** How soon a namespace that still has content is looked at again. */
const againMs = 250;
const againMsMax = 5_000;

/** Starts it. `kinds` are all kinds of this API; those in namespaces that can be deleted are its business. */
export function startNamespaceController(
  world: World,
  { views, client }: { views: Views; client: Client },
  kinds: readonly AnyKind[],
): AsyncDisposable & { readonly idle: boolean } {
  const contents = kinds.filter(
    (kind) => kind.scope === 'Namespaced' && !kind.storedAs && kind.verbs.includes('delete'),
  );
  const queue = new WorkQueue(world.clock);
  const view = views.of(Namespace) as View<Namespace>;
  const services = views.of(APIService) as View<APIService>;
  const stop = new AbortController();
  const tries = new Map<string, number>();
  const subscription = view.onChange(({ now }) => {
    if (now?.metadata.deletionTimestamp !== undefined) queue.add(now.metadata.name);
  });

  const work = async (): Promise<void> => {
    await Promise.all([view.synced, services.synced]);
    if (stop.signal.aborted) return;
    for (const namespace of view.all())
      if (namespace.metadata.deletionTimestamp !== undefined) queue.add(namespace.metadata.name);
    for (let name = await queue.take(); name !== undefined; name = await queue.take()) {
      try {
        const namespace = view.get(name);
        if (namespace?.metadata.deletionTimestamp !== undefined) {
          const done = await empty(world, client, { namespace, kinds: contents, hidden: hiddenOf(services) });
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

/** Groups and versions that another server has and that cannot be asked now. */
function hiddenOf(services: View<APIService>): readonly string[] {
  const hidden: string[] = [];
  for (const { spec, status } of services.all()) {
    const isAway = status?.conditions?.some(({ type, status: holds }) => type === 'Available' && holds === 'False');
    if (spec.service !== undefined && isAway === true) hidden.push(`${spec.group ?? ''}/${spec.version ?? ''}`);
  }
  return hidden;
}

interface Task {
  readonly namespace: Namespace;
  readonly kinds: readonly AnyKind[];
  readonly hidden: readonly string[];
}

/** One round; true when the namespace is free to go. */
async function empty(world: World, client: Client, { namespace, kinds, hidden }: Task): Promise<boolean> {
  if (!(namespace.spec?.finalizers ?? []).includes(finalizer)) return true;
  const round = { world, client, namespace };
  let found = await sweep(round, [Pod]);
  // What pods use (accounts, secrets, policies) goes only when the pods have gone.
  if (found.counts.size === 0) {
    const rest = await sweep(
      round,
      kinds.filter((kind) => kind !== Pod),
    );
    found = { ...rest, failures: [...found.failures, ...rest.failures] };
  }
  const findings = { ...found, hidden };
  if (!isEmpty(findings)) {
    await tell(world, client, namespace, findings);
    return false;
  }
  const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== finalizer);
  await client.update(Namespace, { ...namespace, spec: { ...namespace.spec, finalizers } } as never, {
    subresource: 'finalize',
  });
  return true;
}

interface Round {
  readonly world: World;
  readonly client: Client;
  readonly namespace: Namespace;
}

/** Deletes what is there of these kinds. One that fails does not keep the others. */
async function sweep(
  { world, client, namespace }: Round,
  kinds: readonly AnyKind[],
): Promise<Omit<Findings, 'hidden'>> {
  const counts = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  const place = { namespace: namespace.metadata.name };
  const deletedAt = parseTime(namespace.metadata.deletionTimestamp ?? '') ?? 0;
  for (const kind of kinds) {
    try {
      const before = await client.list(kind, place);
      if (before.items.length === 0) continue;
      await removeAll(client, kind, { namespace: namespace.metadata.name, names: before.items });
      const after = await client.list(kind, place);
      const grace = kind === Pod ? longestGrace(before.items as unknown as Pod[]) : 0;
      const remains = remainsOf(kind, after.items, { now: world.clock.now(), graceEnds: deletedAt + grace });
      if (remains.count > 0) counts.set(`${kind.plural}.${kind.group}`, remains.count);
      for (const [name, count] of remains.finalizers) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
      if (remains.failure !== undefined) failures.push(remains.failure);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return { counts, finalizers, failures };
}

async function removeAll(
  client: Client,
  kind: AnyKind,
  { namespace, names }: { namespace: string; names: readonly { readonly metadata: { readonly name: string } }[] },
): Promise<void> {
  const options = { namespace, propagationPolicy: 'Background' } as const;
  if (kind.verbs.includes('deletecollection')) {
    await client.deleteCollection(kind, options);
    return;
  }
  for (const { metadata } of names) {
    try {
      await client.delete(kind, metadata.name, options);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

async function tell(world: World, client: Client, namespace: Namespace, findings: Findings): Promise<void> {
  const conditions = conditionsAfter(namespace.status?.conditions, findings, formatTime(world.clock.now()));
  if (conditions === namespace.status?.conditions) return;
  await client.update(
    Namespace,
    { ...namespace, status: { ...namespace.status, phase: 'Terminating', conditions } } as never,
    { subresource: 'status' },
  );
}
