/**
 * Runs controllers: wakes keys, keeps the picture honest, carries out actions. After a write, a key is not reconciled again until its views have seen that write
 * (the gate); after a failure whose outcome is unknown, until they have seen what the server has now. That replaces
 * expectations. It must never decide anything itself.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import { controllerOf, type AnyObject, type OwnerReference } from '#meta/object-meta.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { AnyKind, Client, Patch } from '#client/client.ts';
import { keyOf, type ObjectKey, type View } from '#client/view.ts';
import type { World } from '#world/world.ts';
import type { Action } from './action.ts';
import type { Claim, Controller, Picture } from './controller.ts';
import { eventRecorder, type EventRecorder } from './events.ts';
import { WorkQueue } from './queue.ts';
import { orphansIn, type Views } from './views.ts';

const defaultWorkers = 5;
/** Batches of creates grow 1, 2, 4 …: a broken template costs one request, not a thousand. */
const batchMax = 512;

export interface Runner extends AsyncDisposable {
  readonly name: string;
  /** True when nothing waits or runs. */
  readonly idle: boolean;
}

export interface RunnerClients {
  readonly views: Views;
  /** Acts as the controller's own identity. */
  readonly client: Client;
}

/** Starts a controller; it works once the views it needs are there. */
export function startController(world: World, { views, client }: RunnerClients, controller: Controller): Runner {
  return new ControllerRunner(world, views, client, controller);
}

/** A condition that must hold before a key is looked at again. */
interface Gate {
  readonly view: View<AnyObject>;
  readonly passed: () => boolean;
}

class ControllerRunner implements Runner {
  readonly name: string;
  readonly #world: World;
  readonly #views: Views;
  readonly #client: Client;
  readonly #controller: Controller;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;
  readonly #gates = new Map<ObjectKey, Gate[]>();
  readonly #failures = new Map<ObjectKey, NonNullable<Picture['failure']>>();
  readonly #subscriptions = new DisposableStack();
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(world: World, views: Views, client: Client, controller: Controller) {
    this.name = controller.name;
    this.#world = world;
    this.#views = views;
    this.#client = client;
    this.#controller = controller;
    this.#queue = new WorkQueue(world.clock);
    this.#events = eventRecorder(world, client, { component: controller.component ?? controller.name });
    this.#running = this.#run();
  }

  get idle(): boolean {
    return this.#queue.idle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#subscriptions.dispose();
    this.#queue.close();
    await this.#running;
    await this.#events.flushed();
  }

  async #run(): Promise<void> {
    const { claims = [], watches = [], reads = [], workers = defaultWorkers } = this.#controller;
    const needed = [
      this.#controller.for,
      ...claims.map(({ kind }) => kind),
      ...watches.map(({ kind }) => kind),
      ...reads,
    ];
    const stopped = new Promise<void>((resolve) =>
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([Promise.all(needed.map((kind) => this.#views.of(kind).synced)), stopped]);
    if (this.#stop.signal.aborted) return;
    this.#subscribe();
    for (const object of this.#own.all()) this.#queue.add(keyOf(object));
    // Owners may have gone while nobody looked.
    for (const claim of claims) {
      for (const object of (this.#views.of(claim.kind) as unknown as View<AnyObject>).all()) {
        const owner = controllerOf(object);
        if (owner) for (const key of this.#ownersOf(object, claim)) this.#queue.add(key);
      }
    }
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  get #own(): View<AnyObject> {
    return this.#views.of(this.#controller.for) as unknown as View<AnyObject>;
  }

  #subscribe(): void {
    const { claims = [], watches = [] } = this.#controller;
    const add = (key: ObjectKey): void => this.#queue.add(key);
    this.#subscriptions.use(this.#own.onChange(({ old, now }) => add(keyOf((now ?? old) as AnyObject))));
    for (const claim of claims) {
      const view = this.#views.of(claim.kind) as unknown as View<AnyObject>;
      this.#subscriptions.use(
        view.onChange(({ old, now }) => {
          for (const object of [old, now]) if (object) for (const key of this.#ownersOf(object, claim)) add(key);
        }),
      );
    }
    for (const { kind, wakes } of watches) {
      const view = this.#views.of(kind) as unknown as View<AnyObject>;
      this.#subscriptions.use(
        view.onChange((change) => {
          for (const key of wakes(change, this.#views)) add(key);
        }),
      );
    }
    // A gate opens when its view moves on.
    const seen = new Set<View<AnyObject>>();
    for (const kind of [this.#controller.for, ...claims.map((claim) => claim.kind)]) {
      const view = this.#views.of(kind) as unknown as View<AnyObject>;
      if (seen.has(view)) continue;
      seen.add(view);
      this.#subscriptions.use(
        view.onRevision(() => {
          for (const key of this.#gates.keys()) if (this.#isOpen(key)) add(key);
        }),
      );
    }
  }

  /** Keys of the owners that an object concerns: its controller, or everybody who would adopt it. */
  *#ownersOf(object: AnyObject, claim: Claim<AnyObject>): Generator<ObjectKey> {
    const owner = controllerOf(object);
    const { namespace } = object.metadata;
    const kind = this.#controller.for;
    if (owner) {
      if (owner.kind === kind.kind && groupOf(owner.apiVersion) === kind.group) {
        yield kind.scope === 'Namespaced' && namespace ? `${namespace}/${owner.name}` : owner.name;
      }
      return;
    }
    if (!claim.selector) return;
    for (const candidate of this.#own.by('namespace', namespace ?? '')) {
      if (selects(claim.selector(candidate as never), object)) yield keyOf(candidate);
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.#queue.take();
      if (key === undefined) return;
      try {
        await this.#reconcile(key);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!isApiError(error, 'Conflict', 'NotFound', 'AlreadyExists')) {
          this.#world.log.info('a reconcile failed and is tried again', {
            controller: this.name,
            key,
            error: String(error),
          });
        }
        this.#queue.retry(key);
      } finally {
        this.#queue.done(key);
      }
    }
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    if (!this.#isOpen(key)) return; // The gate adds it again.
    this.#gates.delete(key);
    const object = this.#own.get(key);
    const picture = this.#picture(key, object);
    if (!object) {
      this.#failures.delete(key);
      await this.#perform(key, this.#controller.gone?.(key, picture) ?? []);
      this.#queue.forget(key);
      return;
    }
    if (await this.#settleClaims(key, object)) return;
    await this.#perform(key, this.#controller.reconcile(object as never, picture));
    // The plan has now told of the failure and got past it: the next one shall take it back.
    if (this.#failures.delete(key)) this.#queue.add(key);
    this.#queue.forget(key);
    if (this.#controller.resyncMs !== undefined) this.#queue.addAfter(key, this.#controller.resyncMs);
  }

  #isOpen(key: ObjectKey): boolean {
    return (this.#gates.get(key) ?? []).every((gate) => gate.passed());
  }

  #picture(key: ObjectKey, object: AnyObject | undefined): Picture {
    const views = this.#views;
    return {
      of: (kind) => views.of(kind),
      now: this.#world.clock.now(),
      failure: this.#failures.get(key),
      suffix: (length) => this.#world.random.suffix(length),
      claimed: (kind) => {
        if (!object) return [];
        const claim = this.#controller.claims?.find((each) => each.kind === kind);
        const owned = views.of(kind).by('owner', object.metadata.uid) as readonly AnyObject[];
        const selector = claim?.selector?.(object as never);
        return (selector ? owned.filter((each) => selects(selector, each)) : owned) as never;
      },
    };
  }

  /** Adopts and releases; true when something was written, and the plan must wait until that is seen. */
  async #settleClaims(key: ObjectKey, owner: AnyObject): Promise<boolean> {
    let wrote = false;
    for (const { kind, selector } of this.#controller.claims ?? []) {
      const wanted = selector?.(owner as never);
      if (!wanted) continue;
      const view = this.#views.of(kind) as unknown as View<AnyObject>;
      for (const object of view.by('owner', owner.metadata.uid)) {
        if (object.metadata.deletionTimestamp !== undefined || selects(wanted, object)) continue;
        await this.#write(key, kind, () =>
          this.#client.patch(kind, object.metadata.name, releasePatch(object, owner), { ...placeOf(object) }),
        );
        wrote = true;
      }
      if (owner.metadata.deletionTimestamp !== undefined) continue;
      const orphans = view
        .by('owner', orphansIn(owner.metadata.namespace))
        .filter((object) => adoptable(object) && selects(wanted, object));
      if (orphans.length === 0) continue;
      // The view may be behind: only a live owner may adopt.
      const live = await this.#client.get(this.#controller.for, owner.metadata.name, { ...placeOf(owner) });
      if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp !== undefined) continue;
      for (const object of orphans) {
        await this.#write(key, kind, () =>
          this.#client.patch(kind, object.metadata.name, adoptPatch(this.#controller.for, object, owner), {
            ...placeOf(object),
          }),
        );
        wrote = true;
      }
    }
    return wrote;
  }

  async #perform(key: ObjectKey, actions: Iterable<Action>): Promise<void> {
    /** UIDs of objects written in this reconcile: their version in the view is known to be old. */
    const touched = new Set<string>();
    let batch: Action[] = [];
    const flush = async (): Promise<void> => {
      const all = batch;
      batch = [];
      for (let start = 0, size = 1; start < all.length; start += size, size = Math.min(size * 2, batchMax)) {
        if (start > 0) size = Math.min(size, all.length - start);
        const results = await Promise.allSettled(
          all.slice(start, start + size).map((action) => this.#act(key, action, touched)),
        );
        const failed = results.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      }
    };
    let previous: string | undefined;
    for (const action of actions) {
      const batchable = action.do === 'create' || action.do === 'remove';
      const group = batchable ? action.do : undefined;
      if (group !== previous) await flush();
      previous = group;
      if (batchable) batch.push(action);
      else await this.#act(key, action, touched);
    }
    await flush();
  }

  async #act(key: ObjectKey, action: Action, touched: Set<string>): Promise<void> {
    switch (action.do) {
      case 'create': {
        const { kind, object, namespace, announce } = action;
        try {
          const made = await this.#write(key, kind, () =>
            this.#client.create(kind, object as never, namespace === undefined ? {} : { namespace }),
          );
          if (announce?.done)
            this.#events.record(
              announce.about,
              'Normal',
              announce.done.reason,
              announce.done.message(made as AnyObject),
            );
        } catch (error) {
          if (action.unlessExists && isApiError(error, 'AlreadyExists')) return;
          this.#failures.set(key, { during: 'create', message: (error as Error).message });
          // A namespace that ends refuses everything: not worth an event.
          if (announce?.failed && !isNamespaceEnding(error)) {
            this.#events.record(
              announce.about,
              'Warning',
              announce.failed.reason,
              announce.failed.message(error as Error),
            );
          }
          throw error;
        }
        return;
      }
      case 'update': {
        const { kind, object, subresource } = action;
        touched.add(object.metadata.uid);
        await this.#write(key, kind, () =>
          this.#client.update(kind, object as never, { ...placeOf(object), ...(subresource ? { subresource } : {}) }),
        );
        return;
      }
      case 'patch': {
        const { kind, target, patch, subresource, force } = action;
        if (target.metadata.uid !== undefined) touched.add(target.metadata.uid);
        await this.#write(key, kind, () =>
          this.#client.patch(kind, target.metadata.name, ofSameObject(patch, target.metadata.uid), {
            ...placeOf(target),
            ...(subresource ? { subresource } : {}),
            ...(force ? { force } : {}),
          }),
        );
        return;
      }
      case 'status': {
        const { kind, object, status } = action;
        if (deepEqual((object as AnyObject & { status?: unknown }).status, status)) return;
        // Our own write in this reconcile is no reason to refuse the next one.
        const { resourceVersion, ...meta } = object.metadata;
        const metadata = touched.has(object.metadata.uid) ? meta : { ...meta, resourceVersion };
        const changed = { ...object, metadata, status };
        touched.add(object.metadata.uid);
        await this.#write(key, kind, () =>
          this.#client.update(kind, changed as never, { ...placeOf(object), subresource: 'status' }),
        );
        return;
      }
      case 'remove':
        await this.#remove(key, action);
        return;
      case 'event':
        this.#events.record(action.about, action.type, action.reason, action.message);
        return;
      case 'wake':
        this.#queue.addAfter(key, action.afterMs);
        return;
      default:
        action satisfies never;
    }
  }

  async #remove(key: ObjectKey, { kind, target, options, announce }: Extract<Action, { do: 'remove' }>): Promise<void> {
    const { name, uid } = target.metadata;
    const view = this.#views.of(kind) as unknown as View<AnyObject>;
    try {
      await this.#client.delete(kind, name, {
        ...placeOf(target),
        ...options,
        preconditions: { ...(uid === undefined ? {} : { uid }), ...options.preconditions },
      });
      if (announce?.done)
        this.#events.record(announce.about, 'Normal', announce.done.reason, announce.done.message(target as AnyObject));
    } catch (error) {
      if (!isApiError(error, 'NotFound')) {
        this.#failures.set(key, { during: 'remove', message: (error as Error).message });
        if (announce?.failed)
          this.#events.record(
            announce.about,
            'Warning',
            announce.failed.reason,
            announce.failed.message(error as Error),
          );
        if (!isApiError(error)) await this.#lookAgain(key, kind);
        throw error;
      }
    }
    this.#close(key, view, () => {
      const object = view.get(keyOf(target));
      return object === undefined || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined;
    });
  }

  /** Carries out a write and closes the gate of `key` until its result is in the view. */
  async #write<T extends { readonly metadata: { readonly resourceVersion: string } }>(
    key: ObjectKey,
    kind: AnyKind,
    send: () => Promise<T>,
  ): Promise<T> {
    let written: T;
    try {
      written = await send();
    } catch (error) {
      // The server said no, and why: nothing was written. Anything else may have been.
      if (!isApiError(error) || isApiError(error, 'ServiceUnavailable', 'Timeout', 'InternalError'))
        await this.#lookAgain(key, kind);
      throw error;
    }
    const revision = Number(written.metadata.resourceVersion);
    const view = this.#views.of(kind) as unknown as View<AnyObject>;
    this.#close(key, view, () => view.revision >= revision);
    return written;
  }

  #close(key: ObjectKey, view: View<AnyObject>, passed: () => boolean): void {
    if (passed()) return;
    const gates = this.#gates.get(key);
    if (gates) gates.push({ view, passed });
    else this.#gates.set(key, [{ view, passed }]);
  }

  /** After an ambiguous failure: whatever the server has now must be seen first. */
  async #lookAgain(key: ObjectKey, kind: AnyKind): Promise<void> {
    const { metadata } = await this.#views.client.list(kind, { limit: 1 });
    const revision = Number(metadata.resourceVersion);
    const view = this.#views.of(kind) as unknown as View<AnyObject>;
    this.#close(key, view, () => view.revision >= revision);
  }
}

/** The patch of exactly this object: one of the same name that came later is another. */
function ofSameObject(patch: Patch, uid: string | undefined): Patch {
  if (uid === undefined || (patch.type !== 'merge' && patch.type !== 'strategic')) return patch;
  const body = patch.body as { readonly metadata?: object };
  return { ...patch, body: { ...body, metadata: { ...body.metadata, uid } } };
}

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] as string) : '');

const placeOf = (object: { readonly metadata: { readonly namespace?: string } }): { namespace?: string } =>
  object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace };

const selects = (selector: unknown, object: AnyObject): boolean =>
  selector !== undefined && matches(selectorFrom(selector as never), object.metadata.labels ?? {});

/** A finished pod is nobody's any more, but for Jobs, which count them: those own theirs from birth. */
const adoptable = (object: AnyObject): boolean => object.metadata.deletionTimestamp === undefined;

const isNamespaceEnding = (error: unknown): boolean =>
  isApiError(error, 'Forbidden') &&
  (error.details?.causes ?? []).some((cause) => (cause.reason as string) === 'NamespaceTerminating');

/** The reference that makes `owner` the controller. */
export const controllerReference = (
  kind: AnyKind,
  owner: { readonly metadata: { readonly name: string; readonly uid: string } },
): OwnerReference => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

const adoptPatch = (kind: AnyKind, object: AnyObject, owner: AnyObject) => ({
  type: 'strategic' as const,
  body: { metadata: { uid: object.metadata.uid, ownerReferences: [controllerReference(kind, owner)] } },
});

const releasePatch = (object: AnyObject, owner: AnyObject) => ({
  type: 'strategic' as const,
  body: { metadata: { uid: object.metadata.uid, ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }] } },
});
