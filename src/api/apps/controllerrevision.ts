/**
 * ControllerRevision: a frozen template that a DaemonSet can return to. Its data never changes once written.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';

export const ControllerRevision = resource({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  name: 'apps.v1.ControllerRevision',
  doc: 'A frozen state that a DaemonSet or StatefulSet can return to.',
  fields: {
    data: s.any(2).optional().doc('The state; cannot be changed.'),
    revision: s.int64(3).default(0).doc('Number of the revision; the highest is the latest.'),
  },
});
export type ControllerRevision = ObjectOf<typeof ControllerRevision>;
