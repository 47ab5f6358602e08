/** Rules of slices of devices. Wording is upstream's. */
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { dns1123Subdomain, shortName } from '#meta/names.ts';
import { internalValue } from '#schema/go-internal.ts';
import { t } from '#schema/type.ts';
import { named, type Causes } from '../field-checks.ts';
import { nodeSelectorTerm } from '../core/node-selector.ts';
import { nodeSelectorCauses } from '../core/placement-validation.ts';
import { counterCauses, deviceCauses } from './device-validation.ts';
import { driverName, poolName } from './device-names.ts';
import { limited } from './lists.ts';
import type { ResourceSliceSpec } from './resourceslice.ts';

const devicesMax = 128;
/** With taints or counters: so that a slice stays within what etcd takes. */
const richDevicesMax = 64;
const counterSetsMax = 8;

export function* sliceCauses(spec: ResourceSliceSpec): Causes {
  const { driver, pool, devices, sharedCounters } = spec;
  yield* driverName('spec.driver', driver);
  yield* poolName('spec.pool.name', pool?.name);
  if ((pool?.resourceSliceCount ?? 0) <= 0)
    yield invalidValue('spec.pool.resourceSliceCount', pool?.resourceSliceCount ?? 0, 'must be greater than zero');
  if ((pool?.generation ?? 0) < 0)
    yield invalidValue('spec.pool.generation', pool.generation, 'must be greater than or equal to zero');
  yield* placeCauses(spec);
  if (sharedCounters !== undefined && devices !== undefined)
    yield invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed');
  yield* limited('spec.devices', devices, {
    max: isRich(spec) ? richDevicesMax : devicesMax,
    each: (device, at) => deviceCauses(at, device, spec.perDeviceNodeSelection === true),
    key: ({ name }) => name,
    told: 'key',
  });
  yield* limited('spec.sharedCounters', sharedCounters, {
    max: counterSetsMax,
    key: ({ name }) => name,
    *each({ name, counters }, at) {
      if (name) yield* named(shortName, `${at}.name`, name);
      yield* counterCauses(`${at}.counters`, counters);
    },
  });
}

const isRich = ({ devices = [] }: ResourceSliceSpec): boolean =>
  devices.some(({ taints, consumesCounters }) => (taints?.length ?? 0) > 0 || (consumesCounters?.length ?? 0) > 0);

const placeDetail = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

function* placeCauses(spec: ResourceSliceSpec): Causes {
  const given: string[] = [];
  if (spec.nodeName !== undefined) {
    if (spec.nodeName === '')
      yield invalidValue('spec.nodeName', '', 'must be either unset or set to a non-empty string');
    else {
      given.push('`nodeName`');
      yield* named(dns1123Subdomain, 'spec.nodeName', spec.nodeName);
    }
  }
  if (spec.nodeSelector !== undefined) {
    given.push('`nodeSelector`');
    yield* nodeSelectorCauses('spec.nodeSelector', spec.nodeSelector);
    const terms = spec.nodeSelector.nodeSelectorTerms;
    if (terms?.length !== 1)
      yield invalidValue(
        'spec.nodeSelector.nodeSelectorTerms',
        internalValue(t.list(nodeSelectorTerm), terms),
        'must have exactly one node selector term',
      );
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] === true) given.push(`\`${field}\``);
    else if (spec[field] === false) yield invalidValue(`spec.${field}`, false, 'must be either unset or set to true');
  }
  if (given.length === 0) yield required('spec', placeDetail);
  else if (given.length > 1)
    yield invalidValue('spec', `{${given.join(', ')}}`, `${placeDetail}, but multiple fields are set`);
}

export function* sliceUpdateCauses(spec: ResourceSliceSpec, old: ResourceSliceSpec): Causes {
  if (spec.pool?.name !== old.pool?.name) yield invalidValue('spec.pool.name', spec.pool?.name ?? '', immutableDetail);
  if (spec.driver !== old.driver) yield invalidValue('spec.driver', spec.driver ?? '', immutableDetail);
  if (spec.nodeName !== old.nodeName) yield invalidValue('spec.nodeName', spec.nodeName, immutableDetail);
}
