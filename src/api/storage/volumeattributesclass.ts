/**
 * VolumeAttributesClass: settings of a volume that its driver can change while it is in use.
 */
import { forbiddenField, required } from '#meta/causes.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, t } from '#schema/type.ts';
import { ageColumn } from '../columns.ts';
import { driverCauses, parameterCauses } from './class-validation.ts';

const defaultAnnotation = 'volumeattributesclass.alpha.kubernetes.io/is-default-class';

export const VolumeAttributesClass = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  scope: 'Cluster',
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Unique among the classes.',
      cell: ({ metadata: { name, annotations } }) =>
        annotations?.[defaultAnnotation] === 'true' ? `${name} (default)` : name,
    },
    { name: 'DriverName', type: 'string', description: 'The CSI driver.', cell: ({ driverName }) => driverName },
    ageColumn,
  ],
  hooks: {
    validateCreate: ({ driverName, parameters }) => [
      ...driverCauses('driverName', driverName),
      ...parameterCauses(parameters),
      // An empty map is as good as none.
      ...(parameters !== undefined && Object.keys(parameters).length === 0
        ? [required('parameters', 'must contain at least one key/value pair')]
        : []),
    ],
    validateUpdate: (now, old) => [
      ...(now.driverName === old.driverName
        ? []
        : [forbiddenField('driverName', 'updates to driverName are forbidden.')]),
      ...(deepEqual(now.parameters, old.parameters)
        ? []
        : [forbiddenField('parameters', 'updates to parameters are forbidden.')]),
    ],
  },
  name: 'storage.v1.VolumeAttributesClass',
  doc: 'Settings of volumes, such as their throughput, that a driver can change while they are in use.',
  fields: {
    driverName: s.string(2).doc('The CSI driver; cannot be changed.'),
    parameters: s
      .map(3, t.string)
      .requiredAs('must contain at least one key/value pair')
      .doc('Settings for the driver: at least one and at most 512 of them. Cannot be changed.'),
  },
});
export type VolumeAttributesClass = ObjectOf<typeof VolumeAttributesClass>;
