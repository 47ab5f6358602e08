/**
 * ComponentStatus: whether the parts of the control plane answer. It is asked, never stored; upstream has it for old clients only.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { nameColumn } from '../columns.ts';

export const componentCondition = struct(
  'core.v1.ComponentCondition',
  {
    type: s.string(1).doc('What is observed: Healthy.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    message: s.string(3).optional().doc('What the component answered.'),
    error: s.string(4).optional().doc('Why it could not be asked.'),
  },
  { doc: "One aspect of a component's state." },
);
export interface ComponentCondition extends Of<typeof componentCondition> {}

const words: Readonly<Record<string, string>> = { True: 'Healthy', False: 'Unhealthy' };

export const ComponentStatus = resource({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  deprecated: 'v1 ComponentStatus is deprecated in v1.19+',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  scope: 'Cluster',
  verbs: ['get', 'list'],
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      description: 'Healthy, Unhealthy or Unknown.',
      cell: ({ conditions }) => words[healthOf(conditions)?.status ?? ''] ?? 'Unknown',
    },
    {
      name: 'Message',
      type: 'string',
      description: 'What the component answered.',
      cell: ({ conditions }) => healthOf(conditions)?.message ?? '',
    },
    {
      name: 'Error',
      type: 'string',
      description: 'Why it could not be asked.',
      cell: ({ conditions }) => healthOf(conditions)?.error ?? '',
    },
  ],
  name: 'core.v1.ComponentStatus',
  doc: 'Whether a part of the control plane is well. Old: ask the /livez and /readyz of the component.',
  fields: {
    conditions: s
      .list(2, componentCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
  },
});
export type ComponentStatus = ObjectOf<typeof ComponentStatus>;

const healthOf = (conditions: readonly ComponentCondition[] | undefined): ComponentCondition | undefined =>
  conditions?.find(({ type }) => type === 'Healthy');
