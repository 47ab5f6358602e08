/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { objectReference } from './references.ts';

export const Binding = resource({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
  verbs: ['create'],
  name: 'core.v1.Binding',
  doc: '',
  fields: {
    target: s.field(2, objectReference).default({}).doc(''),
  },
});
export type Binding = ObjectOf<typeof Binding>;
