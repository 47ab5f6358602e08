/**
 * DeviceTaintRule: an administrator's taint on all devices of a driver, a pool, or on one device.
 */
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { tooMany } from '#meta/causes.ts';
import { dns1123Label } from '#meta/names.ts';
import { ageColumn, nameColumn, since } from '../columns.ts';
import { conditionCauses } from '../condition-validation.ts';
import { named } from '../field-checks.ts';
import { driverName, poolName } from './device-names.ts';
import { taintCauses } from './device-validation.ts';
import { deviceTaint } from './device.ts';

const conditionsMax = 8;

const deviceTaintSelector = struct(
  'resource.v1.DeviceTaintSelector',
  {
    driver: s.string(2).keepsZero().optional().doc('Only devices of this driver.'),
    pool: s
      .string(3)
      .keepsZero()
      .optional()
      .doc('Only devices of pools of this name; drivers may have pools of the same name.'),
    device: s
      .string(4)
      .keepsZero()
      .optional()
      .doc('Only devices of this name; pools may have devices of the same name.'),
  },
  { doc: 'Chooses devices: all that is given must fit. An empty one chooses every device.' },
);

export const deviceTaintRuleSpec = struct(
  'resource.v1.DeviceTaintRuleSpec',
  {
    deviceSelector: s
      .field(1, deviceTaintSelector)
      .optional()
      .doc('The devices; every device when absent, so take care.'),
    taint: s.field(2, deviceTaint).doc('The taint they get.'),
  },
  { doc: 'A taint and the devices that get it.' },
);
export interface DeviceTaintRuleSpec extends Of<typeof deviceTaintRuleSpec> {}

const deviceTaintRuleStatus = struct(
  'resource.v1.DeviceTaintRuleStatus',
  {
    conditions: s
      .list(1, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail; at most 8. EvictionInProgress tells whether pods are still to be evicted.'),
  },
  { doc: 'What was last seen.' },
);

export const DeviceTaintRule = resource({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceTaintRule',
  plural: 'devicetaintrules',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'Key', type: 'string', description: 'Key of the taint.', cell: ({ spec }) => spec.taint?.key ?? '' },
    { name: 'Value', type: 'string', description: 'Its value.', cell: ({ spec }) => spec.taint?.value ?? '' },
    { name: 'Effect', type: 'string', description: 'What it does.', cell: ({ spec }) => spec.taint?.effect ?? '' },
    {
      name: 'TimeAdded',
      type: 'string',
      description: 'How long it has been there.',
      cell: ({ spec: { taint } }, { now }) => (taint?.timeAdded === undefined ? '' : since(taint.timeAdded, now)),
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    prepareCreate: (rule) =>
      withTime({ ...rule, status: {} }, rule.spec.taint?.timeAdded ?? rule.metadata.creationTimestamp),
    stampUpdate: (rule, old, now) => {
      const before = old.spec.taint?.timeAdded;
      const sent = rule.spec.taint?.timeAdded ?? now;
      // The time is that of the effect, unless the writer says otherwise.
      const isNew = rule.spec.taint?.effect !== old.spec.taint?.effect && sent === before;
      return withTime(rule, isNew ? now : sent);
    },
    validateCreate: ({ spec: { deviceSelector: selector = {}, taint } }) => [
      ...(selector.driver === undefined ? [] : driverName('spec.deviceSelector.driver', selector.driver)),
      ...(selector.pool === undefined ? [] : poolName('spec.deviceSelector.pool', selector.pool)),
      ...named(dns1123Label, 'spec.deviceSelector.device', selector.device),
      ...taintCauses('spec.taint', taint ?? {}),
    ],
    validateStatus: ({ status: { conditions = [] } = {} }) => [
      ...conditionCauses('status.conditions', conditions),
      ...(conditions.length > conditionsMax ? [tooMany('status.conditions', conditions.length, conditionsMax)] : []),
    ],
  },
  name: 'resource.v1.DeviceTaintRule',
  doc: 'Taints devices of any driver: keeps claims from them, or evicts the pods that use them.',
  fields: {
    spec: s
      .field(2, deviceTaintRuleSpec)
      .default({} as never)
      .doc('A taint and the devices that get it.'),
    status: s.field(3, deviceTaintRuleStatus).default({}).doc('What was last seen.'),
  },
});
export type DeviceTaintRule = ObjectOf<typeof DeviceTaintRule>;

function withTime<T extends { readonly spec: DeviceTaintRuleSpec }>(rule: T, timeAdded: string | undefined): T {
  const { taint } = rule.spec;
  if (timeAdded === undefined || taint === undefined || taint.timeAdded === timeAdded) return rule;
  return { ...rule, spec: { ...rule.spec, taint: { ...taint, timeAdded } } };
}
