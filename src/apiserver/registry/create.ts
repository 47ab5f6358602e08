/**
 * POST: a new object. The order is upstream's: decode and default, admission may change it, the strategy resets what a client must not set,
 * everything is checked, unique values are allocated, and one compare-and-swap writes it.
 */
import { alreadyExists, badRequest, ApiError } from '#meta/status.ts';
import type { AnyObject, DraftMeta } from '#meta/object-meta.ts';
import { trackUpdate } from '#schema/managed-fields.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { Operation } from '#store/store.ts';
import { encode } from '../watch/entry.ts';
import { checkCreate, countsGenerations, decoded, timestamp } from './prepare.ts';
import { nameOf, stored, type Asker, type Resource, type Written } from './resource.ts';

/** etcd's limit, upstream's default: an object of more bytes is refused. */
export const objectBytesMax = 1.5 * 1024 * 1024;

const generatedSuffixLength = 5;
/** With 27^5 suffixes a clash is rare; eight tries are upstream's number. */
const generateTries = 8;

/** Several servers may reach for one address at once, and a namespace or a leader's Lease may change meanwhile. */
const allocationTries = 16;

export interface CreateRequest {
  readonly namespace: string | undefined;
  readonly body: unknown;
  readonly duplicates?: readonly string[];
}

/** Throws AlreadyExists, Invalid, Forbidden, BadRequest, RequestEntityTooLarge. */
export async function create(resource: Resource, asker: Asker, request: CreateRequest): Promise<Written> {
  const draft = decoded(resource, request.body, {
    asker,
    ...(request.duplicates ? { duplicates: request.duplicates } : {}),
  });
  return createDecoded(resource, asker, { namespace: request.namespace, draft });
}

/** The same for an object that is decoded already (apply that creates). */
export async function createDecoded(
  resource: Resource,
  asker: Asker,
  { namespace, draft, managed }: { namespace: string | undefined; draft: AnyObject; managed?: boolean },
): Promise<Written> {
  const generated = !draft.metadata.name && draft.metadata.generateName;
  for (let tries = 1; ; tries++) {
    try {
      return await createOnce(resource, asker, { namespace, draft, managed: managed ?? false });
    } catch (error) {
      if (!(generated && error instanceof ApiError && error.reason === 'AlreadyExists' && tries < generateTries))
        throw error;
    }
  }
}

async function createOnce(
  resource: Resource,
  asker: Asker,
  { namespace, draft, managed }: { namespace: string | undefined; draft: AnyObject; managed: boolean },
): Promise<Written> {
  const { kind, world, admission } = resource;
  let object: AnyObject = { ...draft, metadata: newMeta(resource, namespace, draft.metadata) };
  if (kind.subresources.status && 'status' in object && !keepsStatus(resource)) {
    const { status: _status, ...rest } = object as AnyObject & { status: unknown };
    object = rest;
  }
  const request = {
    operation: 'CREATE' as const,
    kind,
    subresource: undefined,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    old: undefined,
    user: asker.user,
    dryRun: asker.dryRun,
    warn: (warning: string) => void asker.warnings.push(warning),
  };
  // What the server itself adds from here on belongs to nobody.
  if (!managed) {
    object = trackUpdate({
      kind,
      live: undefined,
      updated: object,
      manager: asker.fieldManager,
      time: timestamp(world),
      apiVersion: apiVersionOf(kind),
    }) as AnyObject;
  }
  object = admission.mutate({ ...request, object });
  object = (kind.hooks.prepareCreate?.(object) ?? object) as AnyObject;
  checkCreate(resource, object, admission.causes({ ...request, object }));
  // Taken before admission looks: what changes from here on is noticed by the transaction.
  const placed = (): readonly Operation[] =>
    object.metadata.namespace === undefined ? [] : (resource.namespaceChecks?.(object.metadata.namespace) ?? []);
  let checks = placed();
  admission.validate({ ...request, object });
  asker.warnings.push(...(kind.hooks.warnings?.(object, undefined) ?? []));
  for (let tries = 0; tries < allocationTries; tries++) {
    if (tries > 0) {
      // The namespace may have begun to end meanwhile.
      checks = placed();
      admission.validate({ ...request, object });
    }
    const written = await writeNew(resource, asker, { checked: object, checks });
    if (written) return written;
  }
  throw new ApiError('ServerTimeout', `unique values of ${object.metadata.name} are taken by others too often`, {
    details: { retryAfterSeconds: 1 },
  });
}

/** Undefined: another server took what was allocated here, or what was checked has changed. */
async function writeNew(
  resource: Resource,
  asker: Asker,
  { checked, checks }: { readonly checked: AnyObject; readonly checks: readonly Operation[] },
): Promise<Written | undefined> {
  const { kind } = resource;
  using charge = await resource.quotas?.charge({ kind, object: checked, old: undefined, subresource: undefined });
  const allocation = resource.allocate?.allocate(checked, undefined);
  const object = allocation?.object ?? checked;
  try {
    const key = resource.cache.key(object.metadata.namespace, object.metadata.name);
    if (asker.dryRun) {
      if (resource.cache.get(key)) throw alreadyExists(nameOf(kind), object.metadata.name);
      return { object, created: true };
    }
    const value = encode(resource.storedKind, stored(resource, object));
    checkSize(value.length);
    const result = await resource.store.txn([
      { op: 'put', key, value, expect: 0 },
      ...(allocation?.operations ?? []),
      ...(charge?.operations ?? []),
      ...checks,
      ...(asker.fence?.checks(key) ?? []),
    ]);
    if (!result.ok && result.conflict.key !== key) return undefined;
    if (!result.ok) throw alreadyExists(nameOf(kind), object.metadata.name);
    const entry = resource.cache.written(key, result.revision);
    if (!entry)
      throw new ApiError('InternalError', 'the object was written, but left the cache before it could be read');
    return { entry, created: true };
  } finally {
    allocation?.release();
  }
}

/** Throws upstream's error of an object that etcd would not take. */
export function checkSize(bytes: number): void {
  if (bytes > objectBytesMax) {
    // etcd's words, which clients look for; upstream sends them with 500, for which clients try again in vain.
    throw new ApiError('RequestEntityTooLarge', 'etcdserver: request is too large');
  }
}

/** Node objects come with the kubelet's first status, as upstream's strategy allows. */
const keepsStatus = ({ kind }: Resource): boolean => kind.group === '' && kind.kind === 'Node';

function newMeta(resource: Resource, namespace: string | undefined, sent: DraftMeta): AnyObject['metadata'] {
  const { kind, world } = resource;
  if (namespace !== undefined && sent.namespace && sent.namespace !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  // As upstream: a text that is no number is no version.
  if (/^[0-9]+$/.test(sent.resourceVersion ?? '') && !/^0+$/.test(sent.resourceVersion ?? '')) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const {
    resourceVersion: _1,
    uid: _2,
    creationTimestamp: _3,
    deletionTimestamp: _4,
    deletionGracePeriodSeconds: _5,
    generation: _6,
    namespace: _7,
    name: _8,
    ...rest
  } = sent as AnyObject['metadata'] & { selfLink?: string };
  delete (rest as { selfLink?: string }).selfLink;
  const name =
    sent.name ||
    (sent.generateName
      ? `${sent.generateName.slice(0, 63 - generatedSuffixLength)}${world.random.suffix(generatedSuffixLength)}`
      : '');
  return {
    name,
    ...(kind.scope === 'Namespaced' ? { namespace: namespace ?? sent.namespace ?? 'default' } : {}),
    uid: world.random.uuid(),
    // A kind that does not count them keeps what its author wrote.
    ...(countsGenerations(resource) ? { generation: 1 } : sent.generation ? { generation: sent.generation } : {}),
    creationTimestamp: timestamp(world),
    ...rest,
  } as AnyObject['metadata'];
}
