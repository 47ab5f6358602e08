/**
 * ControllerRevision: a frozen template that a DaemonSet can return to. Its data never changes once written.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { controllerOf } from '#meta/object-meta.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { nonNegative, type Causes } from '../field-checks.ts';

function* dataCauses(data: unknown): Causes {
  if (data === undefined || data === null) yield required('data', 'data is mandatory');
  else if (typeof data !== 'object' || Array.isArray(data)) yield required('data', 'data must be a valid JSON object');
}

export const ControllerRevision = resource({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  columns: [
    nameColumn,
    {
      name: 'Controller',
      type: 'string',
      description: 'The object whose state it holds.',
      cell: (revision) => {
        const owner = controllerOf(revision);
        if (owner === undefined) return '<none>';
        const slash = owner.apiVersion.indexOf('/');
        const group = slash === -1 ? '' : `.${owner.apiVersion.slice(0, slash)}`;
        return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
      },
    },
    { name: 'Revision', type: 'string', description: 'Number of the revision.', cell: ({ revision }) => revision },
    ageColumn,
  ],
  hooks: {
    validateCreate: ({ metadata, data, revision }) => [
      // What cannot change is judged of a new one only.
      ...(metadata.resourceVersion ? [] : dataCauses(data)),
      ...nonNegative('revision', revision),
    ],
    validateUpdate: ({ data }, old) => (deepEqual(data, old.data) ? [] : [invalidValue('data', data, immutableDetail)]),
  },
  name: 'apps.v1.ControllerRevision',
  doc: 'A frozen state that a DaemonSet or StatefulSet can return to.',
  fields: {
    data: s.any(2).optional().doc('The state; cannot be changed.'),
    revision: s.int64(3).default(0).doc('Number of the revision; the highest is the latest.'),
  },
});
export type ControllerRevision = ObjectOf<typeof ControllerRevision>;
