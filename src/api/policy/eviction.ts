/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { deleteOptions } from '#schema/meta-types.ts';

export const Eviction = resource({
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  plural: 'evictions',
  scope: 'Namespaced',
  verbs: [],
  name: 'policy.v1.Eviction',
  doc: '',
  fields: {
    deleteOptions: s.field(2, deleteOptions).optional().doc(''),
  },
});
export type Eviction = ObjectOf<typeof Eviction>;
