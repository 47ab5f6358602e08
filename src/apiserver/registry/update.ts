/**
 * PUT, PATCH and apply, on the object or one of its subresources: read, make the new object, check, compare-and-swap, and again from the
 * beginning when somebody wrote in between. A write that changes nothing is not written.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { ApiError, badRequest, conflict, invalid, modified, notFound } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { applyJsonPatch } from '#meta/patch/json-patch.ts';
import { applyMergePatch } from '#meta/patch/merge-patch.ts';
import type { Patch } from '#client/client.ts';
import { applyConflict, applyFields, trackUpdate } from '#schema/managed-fields.ts';
import { strategicMerge } from '#schema/strategic-merge.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { encode, type Entry } from '../watch/entry.ts';
import { checkSize, createDecoded } from './create.ts';
import { checkUpdate, countsGenerations, decoded, defaulted, timestamp } from './prepare.ts';
import { nameOf, shown, stored, type Asker, type Resource, type Written } from './resource.ts';

/** A write of others between read and compare-and-swap starts it anew; this often at most. */
const triesMax = 64;

export interface Target {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource?: string | undefined;
}

/** Replaces an object. Throws NotFound, Conflict, Invalid … */
export function update(
  resource: Resource,
  asker: Asker,
  request: Target & { readonly body: unknown; readonly duplicates?: readonly string[] },
): Promise<Written> {
  const draft = decoded(resource, request.body, {
    asker,
    ...(request.duplicates ? { duplicates: request.duplicates } : {}),
  });
  checkNamespace(resource, draft, request);
  if (!draft.metadata.name) {
    throw badRequest(`the name of the object (${request.name} based on URL) was undeterminable: name must be provided`);
  }
  if (draft.metadata.name !== request.name) {
    throw badRequest(
      `the name of the object (${draft.metadata.name}) does not match the name on the URL (${request.name})`,
    );
  }
  return write(resource, asker, {
    ...request,
    make: (old) => {
      if (old && resource.kind.hooks.needsVersion && !draft.metadata.resourceVersion)
        throw versionMissing(resource, request.name);
      if (old)
        return track(resource, asker, {
          live: old,
          updated: { ...draft, metadata: { ...draft.metadata, name: request.name } },
          target: request,
        });
      if (request.subresource || !createsOnUpdate.has(`${resource.kind.group}/${resource.kind.plural}`))
        return undefined;
      if (draft.metadata.uid)
        throw conflict(
          nameOf(resource.kind),
          request.name,
          `Precondition failed: UID in precondition: ${draft.metadata.uid}, UID in object meta: `,
        );
      return draft;
    },
  });
}

/** Where an object lives is said by the path; the object may repeat it. */
function checkNamespace({ kind }: Resource, { metadata }: AnyObject, { namespace }: Target): void {
  if (kind.scope === 'Namespaced' && metadata.namespace && metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Upstream names the resource where other errors name the kind, and prints the number that was not sent. */
const versionMissing = ({ kind }: Resource, name: string): ApiError =>
  invalid({ group: kind.group, kind: kind.plural }, name, [
    {
      reason: 'FieldValueInvalid',
      field: 'metadata.resourceVersion',
      message: 'Invalid value: 0: must be specified for an update',
    },
  ]);

/** Upstream's kinds whose PUT may create. */
const createsOnUpdate = new Set([
  '/endpoints',
  '/events',
  '/services',
  '/limitranges',
  'coordination.k8s.io/leases',
  'events.k8s.io/events',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
]);

/** Changes an object by a patch; server-side apply creates what is missing. */
export function patch(
  resource: Resource,
  asker: Asker,
  request: Target & { readonly patch: Patch; readonly force?: boolean; readonly duplicates?: readonly string[] },
): Promise<Written> {
  const change = request.patch;
  const quiet = { ...asker, warnings: [] as string[] };
  if (change.type === 'apply') return apply(resource, asker, { ...request, body: change.body });
  return write(resource, asker, {
    ...request,
    make: (old) => {
      if (!old) return undefined;
      const patched = patchedBy(resource, change, old);
      const updated = decoded(resource, patched, {
        asker: quiet,
        patched: true,
        ...(request.duplicates ? { duplicates: request.duplicates } : {}),
      });
      for (const warning of quiet.warnings.splice(0))
        if (!asker.warnings.includes(warning)) asker.warnings.push(warning);
      checkNamespace(resource, updated, request);
      if (updated.metadata.name !== request.name) {
        throw badRequest(
          `the name of the object (${updated.metadata.name}) does not match the name on the URL (${request.name})`,
        );
      }
      return track(resource, asker, { live: old, updated, target: request });
    },
  });
}

function patchedBy(resource: Resource, change: Patch, old: AnyObject): unknown {
  switch (change.type) {
    case 'json':
      return applyJsonPatch(old, change.body);
    case 'merge':
      return applyMergePatch(old, change.body);
    case 'strategic':
      return strategicMerge(resource.kind.schema, old, change.body);
    default:
      throw badRequest(`${change.type} cannot be computed from the old object alone`);
  }
}

function apply(
  resource: Resource,
  asker: Asker,
  request: Target & { readonly body: unknown; readonly force?: boolean; readonly duplicates?: readonly string[] },
): Promise<Written> {
  const { kind, world } = resource;
  const sent = request.body as {
    apiVersion?: unknown;
    kind?: unknown;
    metadata?: { name?: unknown; managedFields?: unknown };
  } | null;
  if (sent === null || typeof sent !== 'object')
    throw badRequest('error decoding YAML: the applied configuration must be an object');
  if (sent.metadata?.managedFields !== undefined && sent.metadata.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  if (sent.metadata?.name !== undefined && sent.metadata.name !== request.name) {
    throw badRequest(
      `metadata.name (${String(sent.metadata.name)}) does not match the name on the URL (${request.name})`,
    );
  }
  // Only what the applier wrote is theirs: the configuration is decoded without defaults.
  const applied = withoutDefaults(resource, asker, request.body, request.duplicates);
  return write(resource, asker, {
    ...request,
    applying: true,
    make: (old) => {
      if (!old && request.subresource) return undefined;
      const { object, conflicts } = applyFields({
        kind,
        live: old,
        applied,
        manager: asker.fieldManager,
        force: request.force ?? false,
        time: timestamp(world),
        apiVersion: apiVersionOf(kind),
        ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
      });
      if (conflicts.length > 0) throw applyConflict(conflicts);
      return defaulted(resource, { ...(object as AnyObject), apiVersion: apiVersionOf(kind), kind: kind.kind });
    },
  });
}

function withoutDefaults(
  resource: Resource,
  asker: Asker,
  body: unknown,
  duplicates: readonly string[] | undefined,
): AnyObject {
  return decoded(resource, body, { asker, ...(duplicates ? { duplicates } : {}), bare: true });
}

function track(
  resource: Resource,
  asker: Asker,
  { live, updated, target }: { live: AnyObject; updated: AnyObject; target: Target },
): AnyObject {
  return trackUpdate({
    kind: resource.kind,
    live,
    updated,
    manager: asker.fieldManager,
    time: timestamp(resource.world),
    apiVersion: apiVersionOf(resource.kind),
    ...(target.subresource === undefined ? {} : { subresource: target.subresource }),
  }) as AnyObject;
}

interface WriteRequest extends Target {
  /** The new object from the old one; undefined: there is nothing to change, NotFound. May throw. */
  readonly make: (old: AnyObject | undefined) => AnyObject | undefined;
  readonly applying?: boolean;
}

/** The loop that all writes to an existing object share. */
export async function write(resource: Resource, asker: Asker, request: WriteRequest): Promise<Written> {
  const { kind, cache } = resource;
  const key = cache.key(request.namespace, request.name);
  for (let tries = 0; tries < triesMax; tries++) {
    const entry = cache.get(key);
    const old = entry && shown(resource, entry.object);
    const made = request.make(old);
    if (!made) throw notFound(nameOf(kind), request.name);
    if (!entry || !old) {
      if (made.metadata.resourceVersion)
        throw conflict(
          nameOf(kind),
          request.name,
          'the object was deleted: a resourceVersion cannot be given for a new one',
        );
      const draft = { ...made, metadata: { ...made.metadata, name: request.name } };
      return createDecoded(resource, asker, {
        namespace: request.namespace,
        draft,
        managed: request.applying ?? false,
      });
    }
    const done = await attempt(resource, asker, { entry, old, made, request });
    if (done) return done;
  }
  throw new ApiError(
    'ServerTimeout',
    `The object "${request.name}" is being written by others too often; please try again`,
    {
      details: { retryAfterSeconds: 1 },
    },
  );
}

/** One compare-and-swap; undefined when somebody was faster. */
async function attempt(
  resource: Resource,
  asker: Asker,
  { entry, old, made, request }: { entry: Entry; old: AnyObject; made: AnyObject; request: WriteRequest },
): Promise<Written | undefined> {
  const { kind, admission } = resource;
  const { subresource } = request;
  const sentVersion = made.metadata.resourceVersion;
  if (sentVersion && sentVersion !== String(entry.revision)) throw modified(nameOf(kind), request.name);
  if (made.metadata.uid && made.metadata.uid !== old.metadata.uid) {
    throw conflict(
      nameOf(kind),
      request.name,
      `Precondition failed: UID in precondition: ${made.metadata.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  let object = isolated(resource, made, old, subresource);
  const admit = {
    operation: 'UPDATE' as const,
    kind,
    subresource,
    namespace: request.namespace,
    name: request.name,
    old,
    user: asker.user,
    dryRun: asker.dryRun,
    warn: (warning: string) => void (asker.warnings.includes(warning) || asker.warnings.push(warning)),
  };
  object = admission.mutate({ ...admit, object });
  const now = timestamp(resource.world);
  if (!subresource) {
    object = (kind.hooks.prepareUpdate?.(object, old) ?? object) as AnyObject;
    object = (kind.hooks.stampUpdate?.(object, old, now) ?? object) as AnyObject;
  }
  if (subresource === 'status') object = (kind.hooks.prepareStatus?.(object, old, { now }) ?? object) as AnyObject;
  // Where a pod runs is no wish of its author's: its generation stays.
  if (subresource !== 'binding') object = withGeneration(resource, object, { old, subresource });
  checkUpdate(resource, object, { old, subresource, admitted: admission.causes({ ...admit, object }) });
  admission.validate({ ...admit, object });
  const found = subresource === 'status' ? kind.hooks.statusWarnings?.(object) : kind.hooks.warnings?.(object, old);
  asker.warnings.push(...(found ?? []).filter((warning) => !asker.warnings.includes(warning)));
  using charge = await resource.quotas?.charge({ kind, object, old, subresource });
  const allocation = subresource ? undefined : resource.allocate?.allocate(object, old);
  if (allocation) object = allocation.object;
  try {
    // What is stored in an older form (under a key that is being replaced) is written anew by whoever writes at all, as upstream has it.
    if (unchanged(object, old) && (asker.dryRun || !(await resource.store.stale?.(entry.key)))) return { entry };
    if (asker.dryRun) {
      return { object: { ...object, metadata: { ...object.metadata, resourceVersion: String(entry.revision) } } };
    }
    const gone = isFinished(object);
    const value = encode(resource.storedKind, stored(resource, object));
    checkSize(value.length);
    const result = await resource.store.txn([
      gone
        ? { op: 'delete', key: entry.key, expect: entry.revision }
        : { op: 'put', key: entry.key, value, expect: entry.revision },
      ...(gone ? (resource.allocate?.released(old) ?? []) : (allocation?.operations ?? [])),
      ...(charge?.operations ?? []),
      ...(asker.fence?.checks(entry.key) ?? []),
    ]);
    if (!result.ok) return undefined;
    if (gone)
      return { object: { ...object, metadata: { ...object.metadata, resourceVersion: String(result.revision) } } };
    const now = resource.cache.written(entry.key, result.revision);
    if (!now) throw new ApiError('InternalError', 'the object was written, but left the cache before it could be read');
    return { entry: now };
  } finally {
    allocation?.release();
  }
}

/** A deleted object whose last finalizer went, and whose grace is over, goes too. */
export function isFinished(object: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (finalizers?.length ?? 0) > 0 || (deletionGracePeriodSeconds ?? 0) > 0)
    return false;
  // A namespace also waits for its own kind of finalizers.
  const spec = (object as { spec?: { finalizers?: readonly string[] } }).spec;
  return !(object.kind === 'Namespace' && (spec?.finalizers?.length ?? 0) > 0);
}

/** Keeps what this endpoint must not write: status on the object, everything else on a subresource. */
function isolated(resource: Resource, made: AnyObject, old: AnyObject, subresource: string | undefined): AnyObject {
  const { kind } = resource;
  const metadata = {
    ...made.metadata,
    name: old.metadata.name,
    namespace: old.metadata.namespace,
    uid: old.metadata.uid,
    creationTimestamp: old.metadata.creationTimestamp,
    resourceVersion: old.metadata.resourceVersion,
  } as Record<string, unknown>;
  if (old.metadata.namespace === undefined) delete metadata['namespace'];
  if (old.metadata.generation === undefined) delete metadata['generation'];
  else metadata['generation'] = old.metadata.generation;
  // What the object has of its deletion stays; what it has not is refused by validation.
  metadata['deletionTimestamp'] = old.metadata.deletionTimestamp ?? metadata['deletionTimestamp'];
  metadata['deletionGracePeriodSeconds'] ??= old.metadata.deletionGracePeriodSeconds;
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const)
    if (metadata[field] === undefined) delete metadata[field];
  if (subresource === undefined) {
    if (!kind.subresources.status) return { ...made, metadata } as unknown as AnyObject;
    const { status: _sent, ...rest } = made as AnyObject & { status?: unknown };
    const { status } = old as AnyObject & { status?: unknown };
    return { ...rest, metadata, ...(status === undefined ? {} : { status }) } as unknown as AnyObject;
  }
  if (subresource === 'status') {
    const { status } = made as AnyObject & { status?: unknown };
    const { status: _old, ...rest } = old as AnyObject & { status?: unknown };
    const kept = { ...old.metadata } as Record<string, unknown>;
    for (const field of ['annotations', 'labels', 'managedFields', ...(kind.kind === 'Pod' ? ['finalizers'] : [])]) {
      if (field === 'labels' && kind.kind !== 'Pod' && kind.kind !== 'Node') continue;
      if (metadata[field] === undefined) delete kept[field];
      else kept[field] = metadata[field];
    }
    return { ...rest, metadata: kept, ...(status === undefined ? {} : { status }) } as unknown as AnyObject;
  }
  const pick = pickers[subresource];
  if (pick) {
    const kept = {
      ...old.metadata,
      ...(metadata['managedFields'] ? { managedFields: metadata['managedFields'] } : {}),
    };
    return { ...old, ...pick(made as never, old as never), metadata: kept } as AnyObject;
  }
  // Binding and scale make exactly the object they mean.
  return { ...made, metadata } as unknown as AnyObject;
}

type Part = Readonly<Record<string, unknown>>;
interface WithSpec {
  readonly status?: Part;
  readonly spec?: Part & { readonly containers?: readonly Part[]; readonly initContainers?: readonly Part[] };
}

/** Subresources that take a whole object and write one part of it. */
const pickers: Readonly<Record<string, (made: WithSpec, old: WithSpec) => Part>> = {
  approval: (made, old) => ({ status: withField(old.status, 'conditions', made.status?.['conditions']) }),
  finalize: (made, old) => ({ spec: withField(old.spec, 'finalizers', made.spec?.['finalizers']) }),
  ephemeralcontainers: (made, old) => ({
    spec: withField(old.spec, 'ephemeralContainers', made.spec?.['ephemeralContainers']),
  }),
  resize: (made, old) => ({
    spec: {
      ...withField(old.spec, 'resources', made.spec?.['resources']),
      containers: resized(made.spec?.containers, old.spec?.containers),
      ...(old.spec?.initContainers
        ? { initContainers: resized(made.spec?.initContainers, old.spec.initContainers) }
        : {}),
    },
  }),
};

function withField(part: Part | undefined, field: string, value: unknown): Part {
  const { [field]: _old, ...rest } = part ?? {};
  return value === undefined ? rest : { ...rest, [field]: value };
}

/** The old containers with the new ones' resources. */
function resized(made: readonly Part[] | undefined, old: readonly Part[] | undefined): readonly Part[] {
  return (old ?? []).map((container) => {
    const wanted = made?.find(({ name }) => name === container['name']);
    if (!wanted) return container;
    return withField(
      withField(container, 'resources', wanted['resources']),
      'resizePolicy',
      wanted['resizePolicy'] ?? container['resizePolicy'],
    );
  });
}

function withGeneration(
  resource: Resource,
  object: AnyObject,
  { old, subresource }: { readonly old: AnyObject; readonly subresource: string | undefined },
): AnyObject {
  if (!countsGenerations(resource)) return object;
  const notes = ({ metadata }: AnyObject): unknown =>
    subresource === undefined && resource.kind.hooks.annotationsCount ? (metadata.annotations ?? {}) : undefined;
  const same = deepEqual(desired(object), desired(old)) && deepEqual(notes(object), notes(old));
  const generation = (old.metadata.generation ?? 1) + (same ? 0 : 1);
  return generation === object.metadata.generation
    ? object
    : { ...object, metadata: { ...object.metadata, generation } };
}

function desired(object: AnyObject): unknown {
  const { metadata: _m, status: _s, apiVersion: _a, kind: _k, ...rest } = object as AnyObject & { status?: unknown };
  return rest;
}

/** Nothing but a bookkeeping time would change. */
function unchanged(object: AnyObject, old: AnyObject): boolean {
  const { managedFields: newManaged, resourceVersion: _1, ...newMeta } = object.metadata;
  const { managedFields: oldManaged, resourceVersion: _2, ...oldMeta } = old.metadata;
  if (!deepEqual({ ...object, metadata: newMeta }, { ...old, metadata: oldMeta })) return false;
  const timeless = (entries: typeof newManaged) => (entries ?? []).map(({ time: _t, ...rest }) => rest);
  return deepEqual(timeless(newManaged), timeless(oldManaged));
}
