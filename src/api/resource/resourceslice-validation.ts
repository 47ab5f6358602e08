/** Rules of slices of devices. Wording is upstream's. */
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import { named, type Causes } from '../field-checks.ts';
import { nodeSelectorCauses } from '../core/placement-validation.ts';
import { distinct, limited } from './device-claim-validation.ts';
import { counterCauses, deviceCauses, skipCauses } from './device-validation.ts';
import { driverName, fullyQualifiedName, poolName } from './device-names.ts';
import type { ResourceSliceSpec } from './resourceslice.ts';

const devicesMax = 128;
/** With taints, counters or lists of values: so that a slice stays within what etcd takes. */
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
  });
  yield* distinct('spec.devices', devices, ({ name }) => name);
  yield* limited('spec.sharedCounters', sharedCounters, {
    max: counterSetsMax,
    *each({ name, counters }, at) {
      if (name) yield* named(dns1123Label, `${at}.name`, name);
      yield* counterCauses(`${at}.counters`, counters);
    },
  });
  yield* distinct('spec.sharedCounters', sharedCounters, ({ name }) => name);
  yield* partitionCauses(spec);
  yield* skipCauses('spec.skipNodeOperations', spec.skipNodeOperations);
}

const isRich = ({ devices = [] }: ResourceSliceSpec): boolean =>
  devices.some(
    ({ taints, consumesCounters, attributes = {} }) =>
      (taints?.length ?? 0) > 0 ||
      (consumesCounters?.length ?? 0) > 0 ||
      Object.values(attributes).some(
        ({ ints, bools, strings, versions }) => (ints ?? bools ?? strings ?? versions) !== undefined,
      ),
  );

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
    if ((terms?.length ?? 0) > 1)
      yield invalidValue('spec.nodeSelector.nodeSelectorTerms', terms, 'must have exactly one node selector term');
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] === true) given.push(`\`${field}\``);
    else if (spec[field] === false) yield invalidValue(`spec.${field}`, false, 'must be either unset or set to true');
  }
  if (given.length === 0) yield required('spec', placeDetail);
  else if (given.length > 1)
    yield invalidValue('spec', `{${given.join(', ')}}`, `${placeDetail}, but multiple fields are set`);
}

/** Every device that takes from counters must have the attribute, as a string. */
function* partitionCauses({ driver, devices = [], partitionTypeAttribute: name }: ResourceSliceSpec): Causes {
  if (name === undefined) return;
  const malformed = [...fullyQualifiedName('spec.partitionTypeAttribute', name)];
  yield* malformed;
  if (!devices.some(({ consumesCounters }) => (consumesCounters?.length ?? 0) > 0)) {
    yield invalidValue(
      'spec.partitionTypeAttribute',
      name,
      'may only be set on a slice which declares devices that consume counters',
    );
    return;
  }
  if (malformed.length > 0) return;
  const own = `${driver}/`;
  const bare = name.startsWith(own) ? name.slice(own.length) : name;
  for (const [index, { attributes = {}, consumesCounters }] of devices.entries()) {
    if (!consumesCounters?.length) continue;
    const at = `spec.devices[${index}].attributes[${name}]`;
    const key = Object.hasOwn(attributes, name) ? name : bare;
    const attribute = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
    if (attribute === undefined)
      yield required(
        at,
        'device consumes counters and `partitionTypeAttribute` names this attribute, so it must be set',
      );
    else if (attribute.string === undefined)
      yield invalidValue(at, attribute, 'must be a string value because `partitionTypeAttribute` names this attribute');
  }
}

export function* sliceUpdateCauses(spec: ResourceSliceSpec, old: ResourceSliceSpec): Causes {
  if (spec.pool?.name !== old.pool?.name) yield invalidValue('spec.pool.name', spec.pool?.name ?? '', immutableDetail);
  if (spec.driver !== old.driver) yield invalidValue('spec.driver', spec.driver ?? '', immutableDetail);
  if (spec.nodeName !== old.nodeName) yield invalidValue('spec.nodeName', spec.nodeName, immutableDetail);
}
