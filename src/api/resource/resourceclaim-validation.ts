/**
 * Rules of a claim's status, which the scheduler, drivers and kubelets write. Wording is upstream's. Nothing of a status write has been looked at before but its types, so fields that
 * must be there are checked here.
 */
import {
  forbiddenField,
  immutableDetail,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '#meta/causes.ts';
import { canonicalIp } from '#meta/ip.ts';
import { dns1123Label, labelKey } from '#meta/names.ts';
import { sameValue } from '#meta/same.ts';
import { validateStruct } from '#schema/validate.ts';
import { conditionCauses } from '../condition-validation.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { nodeSelectorCauses } from '../core/placement-validation.ts';
import { deviceToleration, type DeviceClaim } from './device-claim.ts';
import {
  configsMax,
  configurationCauses,
  requestNamesOf,
  requestReference,
  requestReferences,
  tolerationValueCauses,
  type RequestNames,
} from './device-claim-validation.ts';
import { limited } from './lists.ts';
import { bindingCauses } from './device-validation.ts';
import { declaredDriverName, declaredPoolName, driverName, jsonObject, poolName, shareUid } from './device-names.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaimStatus,
} from './resourceclaim.ts';

const reservedForMax = 256;
const resultsMax = 32;
const conditionsMax = 8;
const dataBytesMax = 10 * 1024;
const addressesMax = 16;
const interfaceBytesMax = 256;
const hardwareBytesMax = 128;

interface ClaimLike {
  readonly metadata: { readonly deletionTimestamp?: string };
  readonly spec: { readonly devices?: DeviceClaim };
  readonly status?: ResourceClaimStatus;
}

export function* claimStatusCauses(claim: ClaimLike, { status: old = {} }: ClaimLike): Causes {
  const { status = {} } = claim;
  const { allocation, reservedFor = [], devices } = status;
  yield* limited('status.reservedFor', reservedFor, {
    max: reservedForMax,
    key: ({ uid }) => uid,
    *each(reference, at) {
      for (const field of ['resource', 'name', 'uid'] as const) if (!reference[field]) yield required(`${at}.${field}`);
    },
  });
  const given = new Set((allocation?.devices?.results ?? []).map(deviceId));
  yield* limited('status.devices', devices, {
    each: (device, at) => deviceStatusCauses(at, device, given),
    key: deviceId,
  });
  if (reservedFor.length > 0) {
    if (allocation === undefined)
      yield forbiddenField('status.reservedFor', 'may not be specified when `allocated` is not set');
    else if (claim.metadata.deletionTimestamp !== undefined) {
      const before = old.reservedFor ?? [];
      if (reservedFor.some((reference) => !before.some((known) => sameValue(known, reference))))
        yield forbiddenField(
          'status.reservedFor',
          'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
        );
    }
  }
  if (allocation === undefined) return;
  if (old.allocation === undefined)
    yield* allocationCauses('status.allocation', allocation, requestNamesOf(claim.spec.devices));
  else if (!sameValue(allocation, old.allocation)) yield invalidValue('status.allocation', allocation, immutableDetail);
}

interface DeviceReference {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string;
}

const deviceId = ({ driver, pool, device, shareID }: DeviceReference): string =>
  [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');

function* deviceStatusCauses(at: string, device: AllocatedDeviceStatus, given: ReadonlySet<string>): Causes {
  yield* driverName(`${at}.driver`, device.driver);
  yield* poolName(`${at}.pool`, device.pool);
  yield* named(dns1123Label, `${at}.device`, device.device ?? '');
  yield* shareUid(`${at}.shareID`, device.shareID);
  if (!given.has(deviceId(device))) {
    const { driver = '', pool = '', device: name = '', shareID = '' } = device;
    const id = { Driver: driver, Pool: pool, Device: name, ShareID: shareID };
    yield invalidValue(at, id, 'must be an allocated device in the claim');
  }
  const { conditions = [], data, networkData } = device;
  if (conditions.length > conditionsMax) yield tooMany(`${at}.conditions`, conditions.length, conditionsMax);
  yield* conditionCauses(`${at}.conditions`, conditions);
  if (data !== undefined) yield* jsonObject(`${at}.data`, data, dataBytesMax);
  if (networkData !== undefined) yield* networkCauses(`${at}.networkData`, networkData);
}

function* networkCauses(at: string, { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData): Causes {
  if (Buffer.byteLength(interfaceName) > interfaceBytesMax) yield tooLong(`${at}.interfaceName`, interfaceBytesMax);
  if (Buffer.byteLength(hardwareAddress) > hardwareBytesMax) yield tooLong(`${at}.hardwareAddress`, hardwareBytesMax);
  yield* limited(`${at}.ips`, ips, {
    max: addressesMax,
    each: (address, each) => interfaceAddress(each, address),
    key: (address) => address,
  });
}

/** An address with the length of its network's prefix, in canonical form. */
function* interfaceAddress(path: string, text: string): Causes {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const [, address = '', length = ''] = match ?? [];
  const canonical = canonicalIp(address);
  const bits = address.includes(':') ? 128 : 32;
  if (canonical === undefined || Number(length) > bits)
    yield invalidValue(path, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)');
  else if (`${canonical}/${length}` !== text)
    yield invalidValue(path, text, `must be in canonical form ("${canonical}/${length}")`);
}

function* allocationCauses(at: string, { devices, nodeSelector }: AllocationResult, names: RequestNames): Causes {
  yield* limited(`${at}.devices.results`, devices?.results, {
    max: resultsMax,
    each: (result, each) => resultCauses(each, result, names),
  });
  yield* limited(`${at}.devices.config`, devices?.config, {
    max: 2 * configsMax,
    each: (config, each) => allocationConfigCauses(each, config, names),
  });
  if (nodeSelector !== undefined) yield* nodeSelectorCauses(`${at}.nodeSelector`, nodeSelector);
}

function* resultCauses(at: string, result: DeviceRequestAllocationResult, names: RequestNames): Causes {
  yield* requestReference(`${at}.request`, result.request ?? '', names);
  yield* declaredDriverName(`${at}.driver`, result.driver);
  yield* declaredPoolName(`${at}.pool`, result.pool);
  yield* named(dns1123Label, `${at}.device`, result.device ?? '');
  yield* bindingCauses(at, result);
  for (const [toleration, each] of indexed(`${at}.tolerations`, result.tolerations)) {
    yield* validateStruct(deviceToleration, toleration, each);
    if (toleration.key) yield* named(labelKey, `${each}.key`, toleration.key);
  }
  yield* tolerationValueCauses(`${at}.tolerations`, result.tolerations);
  yield* shareUid(`${at}.shareID`, result.shareID);
}

function* allocationConfigCauses(at: string, config: DeviceAllocationConfiguration, names: RequestNames): Causes {
  if (!config.source) yield required(`${at}.source`);
  else if (config.source !== 'FromClaim' && config.source !== 'FromClass')
    yield notSupported(`${at}.source`, config.source, ['FromClaim', 'FromClass']);
  yield* requestReferences(`${at}.requests`, config.requests, names);
  yield* configurationCauses(at, config);
}
