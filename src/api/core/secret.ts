/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';

export const Secret = resource({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  name: 'core.v1.Secret',
  doc: '',
  fields: {
    immutable: s.boolean(5).optional().doc(''),
    data: s.map(2, t.bytes).optional().doc(''),
    stringData: s.map(4, t.string).optional().doc(''),
    type: s.string(3).default('Opaque').doc(''),
  },
});
export type Secret = ObjectOf<typeof Secret>;
