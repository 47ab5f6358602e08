/**
 * What create and update share: from what a client sent to an object that may be stored. Decoding, defaulting and the checks are derived from the
 * Kind; this file only fixes their order.
 */
import { badRequest, invalid, type Cause } from '#meta/status.ts';
import type { AnyObject, OwnerReference } from '#meta/object-meta.ts';
import { sameValue } from '#meta/same.ts';
import { formatTime } from '#meta/time.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import { frozenFields, validate, validateMeta, validateUpdate, withoutRefused } from '#schema/validate.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { AnyKind } from '#client/client.ts';
import type { World } from '#world/world.ts';
import type { Asker, Resource } from './resource.ts';

/** Strictly decoded, pruned and (unless `bare`) defaulted. Throws BadRequest for wrong types and a foreign kind. */
export function decoded(
  resource: Pick<Resource, 'kind'>,
  body: unknown,
  {
    asker,
    duplicates,
    bare,
    patched,
  }: { asker: Asker; duplicates?: readonly string[]; bare?: boolean; patched?: boolean },
): AnyObject {
  const { kind } = resource;
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('the body of the request must be an object');
  const sent = body as { apiVersion?: unknown; kind?: unknown };
  const apiVersion = apiVersionOf(kind);
  if (
    (sent.kind !== undefined && sent.kind !== kind.kind) ||
    (sent.apiVersion !== undefined && sent.apiVersion !== apiVersion)
  ) {
    throw badRequest(
      `${String(sent.kind ?? kind.kind)} in version "${String(sent.apiVersion ?? apiVersion)
        .split('/')
        .at(-1)}" cannot be handled as a ${kind.kind}: ` +
        `no kind "${String(sent.kind ?? kind.kind)}" is registered for version "${String(sent.apiVersion ?? apiVersion)}" of this resource`,
    );
  }
  const { object, warnings } = decode(kind, body, {
    strict: asker.fieldValidation,
    ...(duplicates === undefined ? {} : { duplicates: [...duplicates] }),
    // An applied configuration states its zeros: `hostNetwork: false` takes a true back.
    ...(bare ? { keepZeros: true } : {}),
  });
  asker.warnings.push(...warnings);
  let metadata = (object as Partial<AnyObject>).metadata ?? ({} as AnyObject['metadata']);
  const { ownerReferences = [] } = metadata;
  // Hardly anything has two owners, and this is on the way of every write.
  const owners = ownerReferences.length > 1 ? distinctOwners(ownerReferences) : undefined;
  if (owners && owners.doubles.length > 0) {
    metadata = { ...metadata, ownerReferences: owners.distinct };
    asker.warnings.push(
      `.metadata.ownerReferences contains duplicate entries${patched ? ' after mutating admission happens' : ''}; API server dedups owner references in 1.20+, ` +
        `and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${owners.doubles.join(', ')}`,
    );
  }
  const typed = {
    ...(object as object),
    apiVersion,
    kind: kind.kind,
    metadata,
  } as AnyObject;
  return bare ? typed : defaulted(resource, typed);
}

/** Each owner once; `doubles` are the uids of those that stood there again, equal in every field. */
function distinctOwners(owners: readonly OwnerReference[]): {
  readonly distinct: readonly OwnerReference[];
  readonly doubles: readonly string[];
} {
  const distinct: OwnerReference[] = [];
  const doubles: string[] = [];
  const byUid = new Map<string, OwnerReference[]>();
  for (const owner of owners) {
    const known = byUid.get(owner.uid);
    if (known?.some((other) => sameValue(other, owner))) doubles.push(owner.uid);
    else {
      distinct.push(owner);
      byUid.set(owner.uid, [...(known ?? []), owner]);
    }
  }
  return { distinct, doubles };
}

/** The body of a subresource, decoded as its own kind: Scale, Eviction, Binding, TokenRequest. Throws BadRequest. */
export function bodyAs(kind: AnyKind, body: unknown, asker: Asker): AnyObject {
  return decoded({ kind }, body, { asker });
}

/** Declared defaults, then the kind's own. */
export function defaulted(resource: Pick<Resource, 'kind'>, object: AnyObject): AnyObject {
  const filled = applyDefaults(resource.kind.schema, object) as AnyObject;
  return (resource.kind.hooks.fill?.(filled) ?? filled) as AnyObject;
}

/** Throws 422 with every cause, those of admission before the others. */
export function checkCreate(resource: Resource, object: AnyObject, admitted: readonly Cause[] = []): void {
  const { kind } = resource;
  refuse(resource, object, [
    ...admitted,
    ...validateMeta(kind, object.metadata),
    ...(kind.hooks.validateNew?.(object) ?? []),
    ...validate(kind, object),
    ...(kind.hooks.validateCreate?.(object) ?? []),
  ]);
}

/** Throws 422 with every cause. A status write is checked as such. */
export function checkUpdate(
  resource: Resource,
  object: AnyObject,
  { old, subresource, admitted = [] }: { old: AnyObject; subresource: string | undefined; admitted?: readonly Cause[] },
): void {
  const { kind } = resource;
  if (subresource === 'status') {
    refuse(resource, object, [
      ...admitted,
      ...validateMeta(kind, object.metadata),
      ...(kind.hooks.validateStatus?.(object, old) ?? []),
    ]);
    return;
  }
  const changes = validateUpdate(kind, object, old);
  refuse(resource, object, [
    ...admitted,
    ...newlyWrong(resource, object, { old, changes }),
    ...changes,
    ...((subresource !== undefined && kind.hooks.validateSubresource
      ? kind.hooks.validateSubresource(object, old, subresource)
      : kind.hooks.validateUpdate?.(object, old)) ?? []),
  ]);
}

/** Upstream's kinds that judge a generateName when they are created, and look at it no more. */
const namedOnce: ReadonlySet<string> = new Set([
  '/events',
  '/podtemplates',
  '/resourcequotas',
  '/services',
  'apiextensions.k8s.io/customresourcedefinitions',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'autoscaling/horizontalpodautoscalers',
  'batch/cronjobs',
  'batch/jobs',
  'certificates.k8s.io/podcertificaterequests',
  'coordination.k8s.io/leases',
  'events.k8s.io/events',
  'networking.k8s.io/networkpolicies',
  'networking.k8s.io/servicecidrs',
  'resource.k8s.io/devicetaintrules',
  'resource.k8s.io/resourceslices',
  'scheduling.k8s.io/priorityclasses',
  'storage.k8s.io/csidrivers',
]);

/**
 * What is wrong with an object in itself, without what was wrong with it before in the very same way: rules grow stricter, and an object that an older
 * version took must stay writable in all its other fields (upstream ratchets field by field, to the same effect).
 */
function newlyWrong(
  { kind }: Resource,
  object: AnyObject,
  { old, changes }: { readonly old: AnyObject; readonly changes: readonly Cause[] },
): readonly Cause[] {
  const frozen = frozenFields(kind);
  const isFrozen = (path: string): boolean => frozen.some((field) => path === field || path.startsWith(`${field}.`));
  // An update asks of every generateName that it fits into a path; some kinds ask no more.
  const loose = object.metadata.generateName
    ? validateMeta(kind, object.metadata, 'loose').filter(({ field }) => field === 'metadata.generateName')
    : [];
  const isNamedOnce = namedOnce.has(`${kind.group}/${kind.plural}`);
  const wrong = (one: AnyObject): readonly Cause[] => [
    ...validateMeta(kind, one.metadata, isNamedOnce ? 'loose' : undefined),
    ...(one === object ? loose : []),
    // The status is that of the old object, and whoever wrote it has answered for it.
    ...withoutRefused(validate(kind, one), changes).filter(
      ({ field }) => !(kind.subresources.status && /^status\b/.test(field)),
    ),
    ...(kind.hooks.validateCreate?.(one) ?? []),
  ];
  const causes = wrong(object).filter(({ field }) => !isFrozen(field));
  if (causes.length === 0) return causes;
  const before = new Set(wrong(old).map(({ field, message }) => `${field}\0${message}`));
  return causes.filter(({ field, message }) => !before.has(`${field}\0${message}`));
}

function refuse(resource: Resource, object: AnyObject, causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  const seen = new Set<string>();
  const distinct = causes.filter(({ field, message }) => {
    const id = `${field}\0${message}`;
    return !seen.has(id) && seen.add(id);
  });
  // Upstream checks what is stored, and calls it so.
  throw invalid(resource.kind.storedAs?.kind() ?? resource.kind, object.metadata.name ?? '', distinct);
}

/** Now, as objects carry it. */
export const timestamp = (world: World): string => formatTime(world.clock.now());

/** Whether updates of this kind raise metadata.generation. */
export const countsGenerations = (resource: Resource): boolean =>
  resource.kind.hooks.generation ?? resource.kind.subresources.status === true;
