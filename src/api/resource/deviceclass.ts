/**
 * DeviceClass: what an administrator calls a kind of device, for claims to ask for.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { inline, s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { deviceConfiguration, deviceSelector } from './device-claim.ts';
import { configsMax, configurationCauses, selectorCauses } from './device-claim-validation.ts';
import { extendedResourceName } from './device-names.ts';
import { limited } from './lists.ts';

const deviceClassConfiguration = struct(
  'resource.v1.DeviceClassConfiguration',
  { ...inline(1, deviceConfiguration) },
  { doc: 'Settings that every claim of the class brings to a driver.' },
);

export const deviceClassSpec = struct(
  'resource.v1.DeviceClassSpec',
  {
    selectors: s
      .list(1, deviceSelector)
      .optional()
      .doc('What a device of the class is like: all must hold; at most 32. Without any, every device belongs to it.'),
    config: s
      .list(2, deviceClassConfiguration)
      .optional()
      .doc('Settings for drivers, given to them with every claim of the class; at most 32.'),
    extendedResourceName: s
      .string(4)
      .keepsZero()
      .optional()
      .doc(
        'Name under which pods may ask for devices of the class in resources.limits, as for an extended resource: example.com/gpu.',
      ),
  },
  { doc: 'What the class means.' },
);
export interface DeviceClassSpec extends Of<typeof deviceClassSpec> {}

export const DeviceClass = resource({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  scope: 'Cluster',
  columns: [nameColumn, ageColumn],
  hooks: {
    name: 'longName',
    looseGenerateName: true,
    generation: true,
    validateCreate: ({ spec }) => [
      ...selectorCauses('spec.selectors', spec.selectors),
      ...limited('spec.config', spec.config, {
        max: configsMax,
        each: (config, at) => configurationCauses(at, config),
      }),
      ...extendedResourceName('spec.extendedResourceName', spec.extendedResourceName),
    ],
  },
  name: 'resource.v1.DeviceClass',
  doc: 'A kind of device, with what claims of it bring along. Made by administrators.',
  fields: {
    spec: s.field(2, deviceClassSpec).default({}).doc('What the class means.'),
  },
});
export type DeviceClass = ObjectOf<typeof DeviceClass>;
