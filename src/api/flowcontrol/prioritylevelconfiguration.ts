/**
 * PriorityLevelConfiguration: how many requests of a level are served at once, and what becomes of the others.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { flowCondition } from './condition.ts';
import { flowConditionCauses } from './flowschema-validation.ts';
import { priorityLevelCauses } from './prioritylevel-validation.ts';

export const queuingConfiguration = struct(
  'flowcontrol.v1.QueuingConfiguration',
  {
    queues: s
      .int32(1)
      .keepsZero()
      .default(64)
      .doc('How many queues; more of them keep flows better apart. With 1, flows do not matter.'),
    handSize: s
      .int32(2)
      .keepsZero()
      .default(8)
      .doc('How many queues a flow may use; a request goes to the shortest. Not more than queues.'),
    queueLengthLimit: s
      .int32(3)
      .keepsZero()
      .default(50)
      .doc('How many requests may wait in a queue; more are refused.'),
  },
  { doc: 'How requests wait.' },
);
export interface QueuingConfiguration extends Of<typeof queuingConfiguration> {}

export const limitResponse = struct(
  'flowcontrol.v1.LimitResponse',
  {
    type: s.oneOf(1, 'Queue', 'Reject').doc('Queue, to wait until the level has room; or Reject.'),
    queuing: s.field(2, queuingConfiguration).optional().doc('How they wait; only, and then needed, with Queue.'),
  },
  { doc: 'What becomes of requests for which the level has no room.' },
);
export interface LimitResponse extends Of<typeof limitResponse> {}

export const limitedPriorityLevelConfiguration = struct(
  'flowcontrol.v1.LimitedPriorityLevelConfiguration',
  {
    nominalConcurrencyShares: s
      .int32(1)
      .keepsZero()
      .default(30)
      .doc('The share of the server that the level has, compared with the shares of the other levels.'),
    limitResponse: s
      .field(2, limitResponse)
      .default({} as never)
      .doc('What becomes of requests without room.'),
    lendablePercent: s
      .int32(3)
      .keepsZero()
      .default(0)
      .doc('How much of its share other levels may use meanwhile, in percent.'),
    borrowingLimitPercent: s
      .int32(4)
      .keepsZero()
      .optional()
      .doc('How much it may use of others, in percent of its own share; no limit when absent.'),
  },
  { doc: 'How the level is limited.' },
);
export interface LimitedPriorityLevel extends Of<typeof limitedPriorityLevelConfiguration> {}

export const exemptPriorityLevelConfiguration = struct(
  'flowcontrol.v1.ExemptPriorityLevelConfiguration',
  {
    nominalConcurrencyShares: s
      .int32(1)
      .keepsZero()
      .default(0)
      .doc('A share that is set aside for the level; it is not limited by it.'),
    lendablePercent: s
      .int32(2)
      .keepsZero()
      .default(0)
      .doc('How much of its share other levels may use meanwhile, in percent.'),
  },
  { doc: 'How the exempt level takes part in sharing.' },
);
export interface ExemptPriorityLevel extends Of<typeof exemptPriorityLevelConfiguration> {}

export const priorityLevelConfigurationSpec = struct(
  'flowcontrol.v1.PriorityLevelConfigurationSpec',
  {
    type: s.oneOf(1, 'Exempt', 'Limited').doc('Exempt, for requests that never wait; or Limited.'),
    limited: s.field(2, limitedPriorityLevelConfiguration).optional().doc('With, and only with, Limited.'),
    exempt: s.field(3, exemptPriorityLevelConfiguration).optional().doc('Only with Exempt.'),
  },
  { doc: 'How requests of the level are served.' },
);
export interface PriorityLevelSpec extends Of<typeof priorityLevelConfigurationSpec> {}

const priorityLevelCondition = flowCondition('flowcontrol.v1.PriorityLevelConfigurationCondition');

export const priorityLevelConfigurationStatus = struct(
  'flowcontrol.v1.PriorityLevelConfigurationStatus',
  {
    conditions: s
      .list(1, priorityLevelCondition, {
        list: 'map',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);

const queuing = ({ limited }: PriorityLevelSpec, key: keyof QueuingConfiguration): number | string =>
  limited?.limitResponse.queuing?.[key] ?? '<none>';

export const PriorityLevelConfiguration = resource({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', description: 'Exempt or Limited.', cell: ({ spec }) => spec.type },
    {
      name: 'NominalConcurrencyShares',
      type: 'string',
      description: 'Its share of the server.',
      cell: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? '<none>',
    },
    { name: 'Queues', type: 'string', description: 'How many queues.', cell: ({ spec }) => queuing(spec, 'queues') },
    {
      name: 'HandSize',
      type: 'string',
      description: 'How many queues a flow may use.',
      cell: ({ spec }) => queuing(spec, 'handSize'),
    },
    {
      name: 'QueueLengthLimit',
      type: 'string',
      description: 'How many requests wait in a queue.',
      cell: ({ spec }) => queuing(spec, 'queueLengthLimit'),
    },
    ageColumn,
  ],
  hooks: {
    fill: (level) => {
      const { spec } = level;
      if (spec?.type === 'Exempt' && spec.exempt === undefined)
        return { ...level, spec: { ...spec, exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } };
      return level;
    },
    prepareCreate: (level) => ({ ...level, status: {} }),
    validateCreate: ({ metadata, spec }) => [...priorityLevelCauses(metadata.name, spec)],
    validateStatus: ({ status }) => [...flowConditionCauses(status.conditions)],
  },
  name: 'flowcontrol.v1.PriorityLevelConfiguration',
  doc: 'How many requests of a level the API server works on at once, and how the others wait.',
  fields: {
    spec: s
      .field(2, priorityLevelConfigurationSpec)
      .default({} as never)
      .doc('How requests of the level are served.'),
    status: s.field(3, priorityLevelConfigurationStatus).default({}).doc('What was last seen.'),
  },
});
export type PriorityLevelConfiguration = ObjectOf<typeof PriorityLevelConfiguration>;
