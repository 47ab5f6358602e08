/**
 * The shapes that stored objects can take on their way out: a Table (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables),
 * or metadata alone, of one object or of a list.
 */
import { badRequest } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { tableOf, type TableOptions } from '#schema/table.ts';
import type { Resource } from '../registry/resource.ts';
import type { Document } from './encode.ts';
import type { Form } from './negotiate.ts';

export interface Shaping {
  readonly form: Form;
  readonly includeObject: TableOptions['includeObject'];
}

/** How much of each object a Table carries. Throws BadRequest. */
export function includeObjectOf(query: URLSearchParams): TableOptions['includeObject'] {
  const value = query.get('includeObject');
  if (!value) return 'Metadata';
  if (value === 'Metadata' || value === 'None' || value === 'Object') return value;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

const apiVersionOf = ({ version }: Form): string => `meta.k8s.io/${version}`;

/** One object as a Table or as metadata. */
export function shapedObject(resource: Resource, object: AnyObject, shaping: Shaping): Document {
  return shaping.form.as === 'Table' ? table(resource, [object], shaping) : metadataOf(object, shaping.form);
}

/** A list as a Table or as a list of metadata. */
export function shapedList(
  resource: Resource,
  { objects, metadata }: { objects: readonly AnyObject[]; metadata: Document },
  shaping: Shaping,
): Document {
  const { form } = shaping;
  if (form.as === 'Table') return { ...table(resource, objects, shaping), metadata };
  const items = objects.map((object) => metadataOf(object, form));
  return { kind: 'PartialObjectMetadataList', apiVersion: apiVersionOf(form), metadata, items };
}

function table(resource: Resource, objects: readonly AnyObject[], { form, includeObject }: Shaping): Document {
  const made = tableOf(resource.kind, objects, { now: resource.world.clock.now(), includeObject });
  return { ...made, apiVersion: apiVersionOf(form) };
}

const metadataOf = ({ metadata }: AnyObject, form: Form): Document => ({
  kind: 'PartialObjectMetadata',
  apiVersion: apiVersionOf(form),
  metadata,
});

/** A bookmark: nothing but a revision. */
export function bookmarkOf(
  { kind }: Resource,
  { revision, end }: { revision: number; end: boolean },
  form: Form,
): Document {
  const metadata = {
    resourceVersion: String(revision),
    ...(form.as === 'object' && form.encoding === 'json' ? { creationTimestamp: null } : {}),
    ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  switch (form.as) {
    case 'object':
      return { kind: kind.kind, apiVersion: kind.group ? `${kind.group}/${kind.version}` : kind.version, metadata };
    case 'Table':
      return { kind: 'Table', apiVersion: apiVersionOf(form), metadata, columnDefinitions: null, rows: [] };
    case 'PartialObjectMetadata':
      return { kind: 'PartialObjectMetadata', apiVersion: apiVersionOf(form), metadata };
    default:
      return form.as satisfies never;
  }
}
