/**
 * The scale subresource: one small object (autoscaling/v1 Scale) over every kind that has replicas; reading and writing go to the paths that the kind
 * declares.
 */
import { badRequest, invalid } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { applyJsonPatch } from '#meta/patch/json-patch.ts';
import { applyMergePatch } from '#meta/patch/merge-patch.ts';
import { formatSelector, selectorFrom } from '#meta/selector.ts';
import { Scale } from '#api/autoscaling/scale.ts';
import type { Patch } from '#client/client.ts';
import { strategicMerge } from '#schema/strategic-merge.ts';
import { trackUpdate } from '#schema/managed-fields.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { getEntry } from './read.ts';
import { bodyAs, timestamp } from './prepare.ts';
import { objectOf, shown, type Asker, type Resource } from './resource.ts';
import { write, type Target } from './update.ts';

/** The Scale of an object. */
export function getScale(resource: Resource, target: Target): AnyObject {
  return scaleOf(resource, shown(resource, getEntry(resource, target.namespace, target.name).object));
}

/** PUT of a whole Scale. */
export function putScale(
  resource: Resource,
  asker: Asker,
  target: Target & { readonly body: unknown },
): Promise<AnyObject> {
  return setScale(resource, asker, target, () => target.body);
}

/** PATCH of a Scale by JSON patch, merge or strategic merge patch, or apply. */
export function patchScale(
  resource: Resource,
  asker: Asker,
  target: Target & { readonly patch: Patch },
): Promise<AnyObject> {
  const { type, body } = target.patch;
  return setScale(resource, asker, target, (scale) => {
    if (type === 'json') return applyJsonPatch(scale, body);
    if (type === 'strategic') return strategicMerge(Scale.schema, scale, body);
    return applyMergePatch(scale, body);
  });
}

async function setScale(
  resource: Resource,
  asker: Asker,
  target: Target,
  change: (scale: AnyObject) => unknown,
): Promise<AnyObject> {
  const paths = resource.kind.subresources.scale;
  if (!paths) throw badRequest(`${resource.kind.plural} have no scale`);
  const written = await write(resource, asker, {
    ...target,
    subresource: 'scale',
    make: (old) => {
      if (!old) return undefined;
      const scale = bodyAs(Scale, change(scaleOf(resource, old)), asker) as AnyObject & {
        readonly spec?: { readonly replicas?: number };
      };
      if (scale.metadata.name && scale.metadata.name !== target.name) {
        throw badRequest(
          `the name of the object (${scale.metadata.name}) does not match the name on the URL (${target.name})`,
        );
      }
      const replicas = scale.spec?.replicas ?? 0;
      if (replicas < 0) {
        throw invalid({ group: 'autoscaling', kind: 'Scale' }, target.name, [
          {
            reason: 'FieldValueInvalid',
            field: 'spec.replicas',
            message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
          },
        ]);
      }
      const sent = scale.metadata.resourceVersion;
      const updated = set(
        {
          ...old,
          metadata: {
            ...old.metadata,
            resourceVersion: sent || old.metadata.resourceVersion,
          },
        },
        paths.replicas,
        replicas,
      );
      return trackUpdate({
        kind: resource.kind,
        live: old,
        updated,
        manager: asker.fieldManager,
        time: timestamp(resource.world),
        apiVersion: apiVersionOf(resource.kind),
        subresource: 'scale',
      }) as AnyObject;
    },
  });
  return scaleOf(resource, objectOf(resource, written));
}

function scaleOf(resource: Resource, object: AnyObject): AnyObject {
  const paths = resource.kind.subresources.scale;
  if (!paths) throw badRequest(`${resource.kind.plural} have no scale`);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = read(object, paths.selector);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: (read(object, paths.replicas) as number | undefined) ?? 0 },
    status: {
      replicas: (read(object, paths.statusReplicas) as number | undefined) ?? 0,
      ...(selector === undefined ? {} : { selector: selectorText(selector) }),
    },
  } as AnyObject;
}

/** A selector as it stands, as a LabelSelector, or as a plain map of labels (ReplicationController). */
function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  const isMap = Object.values(selector as object).every((value) => typeof value === 'string');
  return formatSelector(selectorFrom((isMap ? { matchLabels: selector } : selector) as never));
}

const steps = (path: string): string[] => path.split('.').filter(Boolean);

function read(object: unknown, path: string): unknown {
  let value = object;
  for (const step of steps(path)) value = (value as Record<string, unknown> | undefined)?.[step];
  return value;
}

function set(object: AnyObject, path: string, value: unknown): AnyObject {
  const [first, ...rest] = steps(path);
  const inner = (at: unknown, way: readonly string[]): unknown => {
    const [step, ...after] = way;
    if (step === undefined) return value;
    const here = (at ?? {}) as Record<string, unknown>;
    return { ...here, [step]: inner(here[step], after) };
  };
  return {
    ...object,
    [first as string]: inner((object as unknown as Record<string, unknown>)[first as string], rest),
  } as AnyObject;
}
