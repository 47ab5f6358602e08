/**
 * ConfigMap: settings as keys and values, at most 1 MiB.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { configMapCauses, configMapUpdateCauses } from './data-validation.ts';

export const ConfigMap = resource({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  scope: 'Namespaced',
  columns: [
    nameColumn,
    {
      name: 'Data',
      type: 'string',
      description: 'Number of keys.',
      cell: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    },
    ageColumn,
  ],
  hooks: {
    validateCreate: (map) => [...configMapCauses(map)],
    validateUpdate: (map, old) => [...configMapUpdateCauses(map, old)],
  },
  name: 'core.v1.ConfigMap',
  doc: 'Settings for programs, as keys and values.',
  fields: {
    immutable: s
      .boolean(4)
      .keepsZero()
      .optional()
      .doc('When true, the data cannot be changed; only the whole ConfigMap can be deleted.'),
    data: s.map(2, t.string).optional().doc('Keys with text. Keys consist of letters, digits, -, _ and dots.'),
    binaryData: s.map(3, t.bytes).optional().doc('Keys with bytes, in base64. A key may not be in data too.'),
  },
});
export type ConfigMap = ObjectOf<typeof ConfigMap>;
