/**
 * Eviction: asks to delete a pod with respect for disruption budgets. The body of the pod's eviction subresource.
 */
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
  doc: "Asks to delete a pod, unless a disruption budget forbids it; sent to the pod's eviction subresource.",
  fields: {
    deleteOptions: s.field(2, deleteOptions).optional().doc('Options of the deletion.'),
  },
});
export type Eviction = ObjectOf<typeof Eviction>;
