/**
 * StorageVersionMigration: an order to write all objects of a resource anew, in the version that is stored now. Carrying it out is a controller's.
 */
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { dns1035Label, dns1123Subdomain, type NameCheck } from '#meta/names.ts';
import type { Cause } from '#meta/status.ts';
import { nameColumn } from '../columns.ts';
import { conditionCauses } from '../condition-validation.ts';
import type { Causes } from '../field-checks.ts';

const groupResource = struct(
  'meta.v1.GroupResource',
  {
    group: s.string(1).default('').doc('The API group; empty is the core group.'),
    resource: s.string(2).default('').doc('The resource, in the plural: deployments.'),
  },
  { doc: 'A resource in any version.' },
);

const storageVersionMigrationSpec = struct(
  'storagemigration.v1.StorageVersionMigrationSpec',
  {
    resource: s.field(1, groupResource).default({}).doc('The resource whose objects are written anew.'),
  },
  { doc: 'What is migrated.' },
);

const storageVersionMigrationStatus = struct(
  'storagemigration.v1.StorageVersionMigrationStatus',
  {
    conditions: s
      .list(1, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail: Running, Succeeded, Failed.'),
    resourceVersion: s
      .string(2)
      .optional()
      .doc('The version of the collection at the start: objects that are older are written anew.'),
  },
  { doc: 'How far it is.' },
);
interface StorageVersionMigrationStatus extends Of<typeof storageVersionMigrationStatus> {}

function* resourceCauses(at: string, { group, resource: name }: Of<typeof groupResource>): Causes {
  const rules: readonly (readonly [string, string, NameCheck])[] = [
    ['resource', name, dns1035Label],
    ['group', group, dns1123Subdomain],
  ];
  if (name === '') yield required(`${at}.resource`, 'resource is required to be set');
  for (const [field, value, check] of rules) {
    const messages = value === '' ? [] : check(value);
    if (messages.length > 0) yield invalidValue(`${at}.${field}`, value, messages.join(','));
  }
}

/** The last moment of a migration is one of success or failure, and final. */
function* statusCauses(status: StorageVersionMigrationStatus, old: StorageVersionMigrationStatus): Causes {
  const { resourceVersion = '', conditions = [] } = status;
  const path = 'status.conditions';
  if (resourceVersion !== '' && !/^[1-9][0-9]*$/.test(resourceVersion))
    yield invalidValue(
      'status.resourceVersion',
      resourceVersion,
      `resource version is not well formed: ${resourceVersion}`,
    );
  yield* conditionCauses(path, conditions);
  if (old.resourceVersion && old.resourceVersion !== resourceVersion)
    yield invalidValue('status.resourceVersion', resourceVersion, immutableDetail);
  const [succeeded, failed] = ['Succeeded', 'Failed'].map((type) => holds(status, type));
  const refuse = (why: string): Cause => invalidValue(path, conditions, why);
  if (succeeded && failed) yield refuse('Both success and failed conditions cannot be true at the same time');
  if (holds(old, 'Succeeded') && !succeeded) yield refuse('Success condition cannot be set to false once it is true');
  if (holds(old, 'Failed') && !failed) yield refuse('Failed condition cannot be set to false once it is true');
}

const holds = ({ conditions = [] }: StorageVersionMigrationStatus, type: string): boolean =>
  conditions.some((one) => one.type === type && one.status === 'True');

export const StorageVersionMigration = resource({
  group: 'storagemigration.k8s.io',
  version: 'v1',
  kind: 'StorageVersionMigration',
  plural: 'storageversionmigrations',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    { ...nameColumn, format: '' },
    {
      name: 'Resource',
      type: 'string',
      description: 'What is migrated.',
      cell: ({ spec: { resource: of } }) => (of.group === '' ? of.resource : `${of.resource}.${of.group}`),
    },
    {
      name: 'Status',
      type: 'string',
      description: 'How far it is.',
      cell: ({ status }) => ['Succeeded', 'Failed', 'Running'].find((type) => holds(status, type)) ?? 'Unknown',
    },
  ],
  hooks: {
    needsVersion: true,
    generation: false,
    prepareCreate: (migration) => ({ ...migration, status: {} }),
    validateCreate: ({ spec }) => [...resourceCauses('spec.resource', spec.resource)],
    validateStatus: ({ status }, { status: old }) => [...statusCauses(status ?? {}, old ?? {})],
  },
  name: 'storagemigration.v1.StorageVersionMigration',
  doc: 'An order to write all objects of a resource anew, so that none is left in an old version.',
  fields: {
    spec: s
      .field(2, storageVersionMigrationSpec)
      .immutable('internal')
      .default({})
      .doc('What is migrated. It cannot be changed.'),
    status: s.field(3, storageVersionMigrationStatus).default({}).doc('How far it is.'),
  },
});
export type StorageVersionMigration = ObjectOf<typeof StorageVersionMigration>;
