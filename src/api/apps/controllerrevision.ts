/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';

export const ControllerRevision = resource({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  name: 'apps.v1.ControllerRevision',
  doc: '',
  fields: {
    data: s.any(2).optional().doc(''),
    revision: s.int64(3).default(0).doc(''),
  },
});
export type ControllerRevision = ObjectOf<typeof ControllerRevision>;
