/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';

export const ConfigMap = resource({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  scope: 'Namespaced',
  name: 'core.v1.ConfigMap',
  doc: '',
  fields: {
    immutable: s.boolean(4).optional().doc(''),
    data: s.map(2, t.string).optional().doc(''),
    binaryData: s.map(3, t.bytes).optional().doc(''),
  },
});
export type ConfigMap = ObjectOf<typeof ConfigMap>;
