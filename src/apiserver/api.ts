/**
 * The API without a wire: one call in, one answer out, after authentication. The HTTP edge and the direct transport both end here, so that
 * a component in this process and a kubectl far away are treated alike.
 */
import { ApiError, badRequest, forbidden, methodNotSupported } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind, ApiCall, Patch } from '#client/client.ts';
import { Binding } from '#api/core/binding.ts';
import { ComponentStatus } from '#api/core/componentstatus.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Eviction } from '#api/policy/eviction.ts';
import { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import { TokenRequest } from '#api/authentication/tokenrequest.ts';
import { returnsDeleted } from '#schema/discovery.ts';
import type { Verb } from '#schema/kind.ts';
import { StoreFull, StoreUnavailable, Untransformable, type Operation, type Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import type { Admission } from './admission/admission.ts';
import type { Quotas } from './admission/resource-quota.ts';
import type { Attributes } from './attributes.ts';
import type { ServiceAccountTokens, TokenRequestBody } from './authn/service-account-tokens.ts';
import type { Authorizer } from './authz/authorize.ts';
import type { Rbac } from './authz/rbac.ts';
import { evict } from './registry/eviction.ts';
import { bind } from './registry/pod-subresources.ts';
import { componentEntries, componentEntry, type ComponentCheck } from './registry/component-statuses.ts';
import type { Fence } from './registry/fence.ts';
import { create } from './registry/create.ts';
import { remove, removeAll, removeUnreadable, type Deleted } from './registry/delete.ts';
import { bodyAs, decoded } from './registry/prepare.ts';
import { checkReached, checkRevision, getEntry, list, type ListResult } from './registry/read.ts';
import { review } from './registry/reviews.ts';
import { getScale, patchScale, putScale } from './registry/scale.ts';
import { nameOf, shown, type Allocator, type Asker, type Resource, type Written } from './registry/resource.ts';
import { patch, update } from './registry/update.ts';
import type { User } from './user.ts';
import { WatchCache } from './watch/cache.ts';
import type { Entry } from './watch/entry.ts';
import { latest, reached } from './watch/fresh.ts';

export interface ApiParts {
  readonly world: World;
  readonly store: Store;
  readonly kinds: readonly AnyKind[];
}

/** What the later stages of construction add: they need the caches first. */
export interface ApiPolicy {
  readonly authorizer: Authorizer;
  readonly rbac: Rbac;
  readonly tokens: ServiceAccountTokens;
  readonly admission: Admission;
  readonly quotas: Quotas;
  readonly allocators: Readonly<Record<string, Allocator>>;
}

/** What a call is answered with. */
export type Answer =
  | { readonly is: 'entry'; readonly resource: Resource; readonly entry: Entry; readonly code: number }
  | { readonly is: 'list'; readonly resource: Resource; readonly result: ListResult }
  | { readonly is: 'object'; readonly object: AnyObject; readonly code: number; readonly resource?: Resource };

/** How a call came in, beside the call itself. */
export interface CallContext {
  readonly user: User;
  readonly fieldManager: string;
  readonly fieldValidation: Asker['fieldValidation'];
  readonly warnings: string[];
  /** Fields that stood twice in the body. */
  readonly duplicates?: readonly string[];
  readonly fence?: Fence;
}

export class Api {
  readonly world: World;
  readonly store: Store;
  readonly kinds: readonly AnyKind[];
  readonly #caches = new Map<string, WatchCache>();
  readonly #resources = new Map<string, Resource>();
  readonly #components = new Map<string, ComponentCheck>();
  #policy: ApiPolicy | undefined;

  constructor({ world, store, kinds }: ApiParts) {
    this.world = world;
    this.store = store;
    this.kinds = kinds;
    let storeError: Error | undefined;
    void store.failed.then((error) => (storeError = error));
    this.report('etcd-0', () => storeError?.message);
    for (const kind of kinds) {
      if (isStored(kind) && !kind.storedAs) this.#caches.set(idOf(kind), new WatchCache(store, kind));
    }
  }

  /** Tells how to ask a part of the control plane, `scheduler` or `controller-manager`, whether it is well. */
  report(component: string, check: ComponentCheck): void {
    this.#components.set(component, check);
  }

  /** Loads every cache. */
  async start(): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.start()));
  }

  [Symbol.dispose](): void {
    for (const cache of this.#caches.values()) cache[Symbol.dispose]();
  }

  /** Switches the API on: until then no call is answered. */
  arm(policy: ApiPolicy): void {
    this.#policy = policy;
    const namespaces = this.#caches.get(idOf(Namespace));
    for (const kind of this.kinds) {
      const stored = kind.storedAs ? kind.storedAs.kind() : kind;
      const cache = this.#caches.get(idOf(stored));
      if (!cache) continue;
      const allocate = policy.allocators[idOf(stored)];
      this.#resources.set(idOf(kind), {
        world: this.world,
        store: this.store,
        kind,
        storedKind: stored,
        cache,
        admission: policy.admission,
        quotas: policy.quotas,
        ...(namespaces && kind.scope === 'Namespaced' ? { namespaceChecks: checksOf(namespaces) } : {}),
        ...(allocate ? { allocate } : {}),
      });
    }
  }

  get policy(): ApiPolicy {
    if (!this.#policy) throw new ApiError('ServiceUnavailable', 'the API server is starting');
    return this.#policy;
  }

  /** The cache of a stored kind; a kind of this API always has one. */
  cache(kind: { readonly group: string; readonly version: string; readonly plural: string }): WatchCache {
    const cache = this.#caches.get(idOf(kind));
    if (!cache) throw new Error(`no cache of ${idOf(kind)}`);
    return cache;
  }

  resource(kind: { readonly group: string; readonly version: string; readonly plural: string }): Resource {
    const resource = this.#resources.get(idOf(kind));
    if (!resource) throw new ApiError('MethodNotAllowed', `${kind.plural} are not stored`);
    return resource;
  }

  /** What RBAC is asked about a call. */
  attributesOf(call: ApiCall, user: User): Attributes {
    const { kind } = call;
    return {
      user,
      verb: call.verb,
      path: '',
      resource: {
        group: kind.group,
        version: kind.version,
        plural: kind.plural,
        namespace: call.namespace,
        // A watch of one object by field selector may be allowed by name, as at the edge.
        name: call.name ?? /^metadata\.name=([^,=!]+)$/.exec(call.options.fieldSelector ?? '')?.[1],
        subresource: call.subresource,
      },
    };
  }

  /** Carries out any verb but watch. The caller has authorized it. Throws ApiError. */
  async call(call: ApiCall, context: CallContext): Promise<Answer> {
    try {
      const isRead = call.verb === 'get' || call.verb === 'list';
      await (isRead ? reached(this.store, call.options.resourceVersion) : latest(this.store));
      return await this.#call(call, context);
    } catch (error) {
      if (error instanceof StoreFull || error instanceof StoreUnavailable)
        throw new ApiError('ServiceUnavailable', error.message, { cause: error });
      if (error instanceof Untransformable)
        throw new ApiError('InternalError', `Internal error occurred: ${error.message}`, { cause: error });
      throw error;
    }
  }

  async #call(call: ApiCall, context: CallContext): Promise<Answer> {
    const { kind, namespace, name, subresource, body } = call;
    const asker: Asker = { ...context, dryRun: call.options.dryRun ?? false };
    if (!isStored(kind)) return this.#ask(call, context);
    const resource = this.resource(kind);
    if (subresource !== undefined && subresource !== 'status') return this.#subresource(resource, call, asker);
    if (subresource === 'status' && !kind.subresources.status) throw notServed();
    if (!kind.verbs.includes(call.verb)) throw methodNotSupported(nameOf(kind), call.verb);
    if (kind === ComponentStatus) return this.#componentStatuses(resource, call);
    const target = { namespace, name: name ?? '', ...(subresource === undefined ? {} : { subresource }) };
    const duplicates = context.duplicates ? { duplicates: context.duplicates } : {};
    switch (call.verb) {
      case 'get':
        checkRevision(call.options.resourceVersion);
        checkReached(call.options.resourceVersion, resource.cache.revision);
        return { is: 'entry', resource, entry: getEntry(resource, namespace, target.name), code: 200 };
      case 'list':
        return { is: 'list', resource, result: await list(resource, namespace, call.options) };
      case 'create':
        if (subresource) throw methodNotSupported(nameOf(kind), 'create');
        return answerTo(resource, await create(resource, asker, { namespace, body, ...duplicates }));
      case 'update':
        return answerTo(resource, await update(resource, asker, { ...target, body, ...duplicates }));
      case 'patch': {
        const change = { type: call.options.patchType ?? 'merge', body } as Patch;
        return answerTo(
          resource,
          await patch(resource, asker, { ...target, patch: change, force: call.options.force ?? false, ...duplicates }),
        );
      }
      case 'delete':
        if (call.options.ignoreStoreReadErrorWithClusterBreakingPotential)
          return this.#removeUnreadable(resource, call, asker);
        return deletedAnswer(
          resource,
          await remove(resource, asker, { namespace, name: target.name, options: call.options }),
          call.options.orphanDependents === false,
        );
      case 'deletecollection': {
        return {
          is: 'list',
          resource,
          result: await removeAll(resource, asker, { namespace, options: call.options }),
        };
      }
      case 'watch':
        throw badRequest('a watch is not a call');
      default:
        call.verb satisfies never;
        throw badRequest(`unknown verb ${String(call.verb)}`);
    }
  }

  /** A right of its own, and no more than that the name was there can be answered. */
  async #removeUnreadable(resource: Resource, call: ApiCall, { user, dryRun }: Asker): Promise<Answer> {
    const { kind, namespace, name = '' } = call;
    const verb = 'unsafe-delete-ignore-read-errors';
    if (!this.policy.authorizer.allows({ ...this.attributesOf(call, user), verb }))
      throw forbidden(nameOf(kind), name, `not permitted to do "${verb}", reason: `);
    await removeUnreadable(resource, { namespace, name, dryRun });
    const details = { name, ...(kind.group ? { group: kind.group } : {}), kind: kind.kind };
    return {
      is: 'object',
      code: 200,
      object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } as unknown as AnyObject,
    };
  }

  #componentStatuses(resource: Resource, { verb, name = '' }: ApiCall): Answer {
    if (verb === 'get')
      return { is: 'entry', resource, entry: componentEntry(resource, this.#components, name), code: 200 };
    const entries = componentEntries(resource, this.#components);
    return { is: 'list', resource, result: { entries, revision: resource.cache.revision } };
  }

  async #subresource(resource: Resource, call: ApiCall, asker: Asker): Promise<Answer> {
    const { kind, namespace, name = '', subresource, body, verb } = call;
    const target = { namespace, name };
    if (subresource === 'scale' && kind.subresources.scale) {
      if (verb === 'get') return { is: 'object', object: getScale(resource, target), code: 200 };
      if (verb === 'update')
        return { is: 'object', object: await putScale(resource, asker, { ...target, body }), code: 200 };
      if (verb === 'patch') {
        const change = { type: call.options.patchType ?? 'merge', body } as Patch;
        return { is: 'object', object: await patchScale(resource, asker, { ...target, patch: change }), code: 200 };
      }
      throw methodNotSupported(nameOf(kind), verb);
    }
    const verbs: readonly string[] | undefined = kind.subresources.other?.[subresource ?? '']?.verbs;
    if (!verbs) throw notServed();
    if (!verbs.includes(verb)) throw methodNotSupported(nameOf(kind), verb);
    switch (`${kind.plural}/${subresource}`) {
      case 'pods/binding': {
        const binding = bodyAs(Binding, body, asker);
        this.#admit(call, asker, binding);
        await bind(resource, asker, { ...target, body: binding, nodes: this.cache(Node) });
        return success(201);
      }
      case 'pods/eviction': {
        const eviction = bodyAs(Eviction, body, asker);
        this.#admit(call, asker, eviction);
        await evict(resource, asker, { ...target, body: eviction, budgets: this.resource(PodDisruptionBudget) });
        return success(201);
      }
      case 'serviceaccounts/token': {
        const account = getEntry(resource, namespace, name).object;
        const request = bodyAs(TokenRequest, body, asker);
        this.#admit(call, asker, request);
        const issued = await this.policy.tokens.issue(account, request as unknown as TokenRequestBody);
        const { creationTimestamp: _c, ...metadata } = request.metadata;
        return {
          is: 'object',
          object: { ...issued, metadata: { ...metadata, name, namespace } } as unknown as AnyObject,
          code: 201,
        };
      }
      case 'namespaces/finalize':
        return answerTo(resource, await update(resource, asker, { ...target, subresource: 'finalize', body }));
      case 'certificatesigningrequests/approval':
      case 'pods/ephemeralcontainers':
      case 'pods/resize':
        if (verb === 'get') return { is: 'entry', resource, entry: getEntry(resource, namespace, name), code: 200 };
        if (verb === 'update')
          return answerTo(
            resource,
            await update(resource, asker, { ...target, subresource: subresource as string, body }),
          );
        return answerTo(
          resource,
          await patch(resource, asker, {
            ...target,
            subresource: subresource as string,
            patch: { type: call.options.patchType ?? 'merge', body } as Patch,
          }),
        );
      default:
        throw notServed();
    }
  }

  /** A POST to a subresource goes past the plugins that may refuse it. */
  #admit({ kind, subresource, namespace, name }: ApiCall, { user, dryRun, warnings }: Asker, object: AnyObject): void {
    this.policy.admission.validate({
      operation: 'CREATE',
      kind,
      subresource,
      namespace,
      name,
      object,
      old: undefined,
      user,
      dryRun,
      warn: (warning) => void warnings.push(warning),
    });
  }

  /** Reviews, and POST of a Binding to the collection `bindings`. */
  async #ask(call: ApiCall, context: CallContext): Promise<Answer> {
    const { kind } = call;
    const { user } = context;
    if (call.verb !== 'create' || call.name !== undefined) throw methodNotSupported(nameOf(kind), call.verb);
    const asker: Asker = { ...context, dryRun: call.options.dryRun ?? false };
    const body = decoded({ kind }, call.body, { asker });
    if (kind.group === '' && kind.plural === 'bindings') {
      await bind(this.resource({ group: '', version: 'v1', plural: 'pods' }), asker, {
        namespace: call.namespace,
        name: body.metadata.name,
        body,
        nodes: this.cache(Node),
      });
      return success(201);
    }
    const { authorizer, rbac, tokens } = this.policy;
    const object = await review({ world: this.world, authorizer, rbac, tokens }, kind, {
      user,
      namespace: call.namespace,
      body,
    });
    return { is: 'object', object, code: 201 };
  }
}

/** So nothing comes into a namespace that goes, or is gone, by the time it is written. */
const checksOf =
  (namespaces: WatchCache) =>
  (name: string): readonly Operation[] => {
    const entry = namespaces.get(namespaces.key(undefined, name));
    return entry ? [{ op: 'check', key: entry.key, expect: entry.revision }] : [];
  };

/** `apps/v1/deployments`. */
export const idOf = (kind: { readonly group: string; readonly version: string; readonly plural: string }): string =>
  `${kind.group}/${kind.version}/${kind.plural}`;

/** Reviews and bindings are only asked, never kept. */
export const isStored = (kind: AnyKind): boolean => kind.verbs.some((verb: Verb) => verb !== 'create');

/** For paths that lead to nothing that is served. */
export function notServed(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

function answerTo(resource: Resource, written: Written): Answer {
  const code = written.created ? 201 : 200;
  return 'entry' in written
    ? { is: 'entry', resource, entry: written.entry, code }
    : { is: 'object', resource, object: shown(resource, written.object), code };
}

/**
 * The object when it waits for its end, otherwise a Status, except for some kinds. 202 says that it waits to those who asked with orphanDependents=false; others, as
 * upstream has it, get 200.
 */
function deletedAnswer(resource: Resource, deleted: Deleted, accepts: boolean): Answer {
  const { kind } = resource;
  const code = accepts && !deleted.gone ? 202 : 200;
  if (deleted.entry) return { is: 'entry', resource, entry: deleted.entry, code };
  if (!deleted.gone || returnsDeleted(kind))
    return { is: 'object', resource, object: shown(resource, deleted.object), code };
  return {
    is: 'object',
    code: 200,
    object: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: {
        name: deleted.object.metadata.name,
        ...(kind.group ? { group: kind.group } : {}),
        kind: kind.plural,
        uid: deleted.object.metadata.uid,
      },
    } as unknown as AnyObject,
  };
}

const success = (code: number): Answer => ({
  is: 'object',
  code,
  object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code } as unknown as AnyObject,
});
