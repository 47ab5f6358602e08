/**
 * Secret: confidential values. `stringData` is only for writing: it is merged into `data` and never stored or shown.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { secretCauses, secretUpdateCauses } from './data-validation.ts';

export const Secret = resource({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', description: 'What the keys are meant for.', cell: ({ type }) => type },
    {
      name: 'Data',
      type: 'string',
      description: 'Number of keys.',
      cell: ({ data }) => Object.keys(data ?? {}).length,
    },
    ageColumn,
  ],
  selectable: { type: ({ type }) => type },
  hooks: {
    validateCreate: (secret) => [...secretCauses(secret)],
    validateUpdate: (secret, old) => [...secretUpdateCauses(secret, old)],
    fill: (draft) => {
      if (draft.stringData === undefined) return draft;
      const { stringData, ...rest } = draft;
      const data = { ...rest.data };
      for (const [key, text] of Object.entries(stringData)) data[key] = Buffer.from(text, 'utf8').toString('base64');
      return { ...rest, data };
    },
  },
  name: 'core.v1.Secret',
  doc: 'Confidential values, kept apart from pods. Values are bytes, in base64.',
  fields: {
    immutable: s
      .boolean(5)
      .keepsZero()
      .optional()
      .doc('When true, data cannot be changed; only the whole Secret can be deleted.'),
    data: s
      .map(2, t.bytes)
      .optional()
      .doc('Keys and values in base64. Keys consist of letters, digits, -, _ and dots.'),
    stringData: s.map(4, t.string).optional().doc('Write-only: plain text values that go into data and win over it.'),
    type: s.string(3).default('Opaque').doc('What the keys are meant for; cannot be changed.'),
  },
});
export type Secret = ObjectOf<typeof Secret>;
