/**
 * For tests: an object as the server would write it, and the causes it would answer instead. The order is that of the API server's
 * registry: declared defaults, the kind's own, the create strategy, then the checks. Nothing but tests may import it.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Cause } from '#meta/status.ts';
import { applyDefaults } from '#schema/default.ts';
import { apiVersionOf, type DraftObject, type ObjectOf } from '#schema/kind.ts';
import { frozenFields, validate, validateMeta, validateUpdate, withoutRefused } from '#schema/validate.ts';
import type { AnyKind } from './kinds.ts';

const created = '2026-11-21T05:00:00Z';

function filled(kind: AnyKind, draft: unknown): AnyObject {
  const typed = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...(draft as object) };
  const object = applyDefaults(kind.schema, typed);
  return (kind.hooks.fill?.(object) ?? object) as AnyObject;
}

/** The stored form of a new object, checked or not. */
export function written<K extends AnyKind>(kind: K, draft: DraftObject<K>): ObjectOf<K> {
  const object = filled(kind, draft);
  const metadata = Object.assign(
    { uid: '0f0f0f0f-0000-4000-8000-000000000001', creationTimestamp: created },
    kind.scope === 'Namespaced' ? { namespace: 'default' } : {},
    object.metadata,
  );
  const { status: _, ...rest } = object as AnyObject & { status?: unknown };
  const fresh = { ...(kind.subresources.status && kind.kind !== 'Node' ? rest : object), metadata } as AnyObject;
  return (kind.hooks.prepareCreate?.(fresh) ?? fresh) as ObjectOf<K>;
}

/** `field: message` of every cause that refuses a create. */
export function createCauses<K extends AnyKind>(kind: K, draft: unknown): string[] {
  const object = written(kind, draft as DraftObject<K>);
  const { metadata } = object as unknown as AnyObject;
  return texts([
    ...validateMeta(kind, metadata),
    ...(kind.hooks.validateNew?.(object) ?? []),
    ...validate(kind, object),
    ...(kind.hooks.validateCreate?.(object) ?? []),
  ]);
}

/** The same for an update of `old` to what `draft` says. */
export function updateCauses<K extends AnyKind>(kind: K, draft: unknown, old: ObjectOf<K>): string[] {
  const before = old as unknown as AnyObject & { status?: unknown };
  const { status: _, ...rest } = filled(kind, draft) as AnyObject & { status?: unknown };
  const sent = {
    ...rest,
    metadata: { ...before.metadata, ...rest.metadata },
    ...(before.status === undefined ? {} : { status: before.status }),
  };
  const object = (kind.hooks.prepareUpdate?.(sent, old) ?? sent) as ObjectOf<K>;
  const frozen = frozenFields(kind);
  const changes = validateUpdate(kind, object, old);
  const inItself = [...withoutRefused(validate(kind, object), changes), ...(kind.hooks.validateCreate?.(object) ?? [])];
  return texts([
    ...inItself.filter(({ field }) => !frozen.includes(field.split('.', 1)[0] ?? '')),
    ...changes,
    ...(kind.hooks.validateUpdate?.(object, old) ?? []),
  ]);
}

const texts = (causes: readonly Cause[]): string[] => [
  ...new Set(causes.map(({ field, message }) => `${field}: ${message}`)),
];

/** The row of an object's table at a moment; wide columns too. */
export function row<K extends AnyKind>(
  kind: K,
  object: ObjectOf<K>,
  now = Date.parse(created) + 300_000,
): Record<string, unknown> {
  return Object.fromEntries(
    kind.columns.map(({ name, cell }: AnyKind['columns'][number]) => [name, cell(object, { now })]),
  );
}
