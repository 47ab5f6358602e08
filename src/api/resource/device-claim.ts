/**
 * What a ResourceClaim asks for: requests for devices, what the chosen devices must have in common, and settings for their drivers. Claims, templates of claims and
 * device classes are made of these. Rules stand in `device-claim-validation.ts`.
 */
import { inline, s, struct, t, type Of } from '#schema/type.ts';

const celDeviceSelector = struct(
  'resource.v1.CELDeviceSelector',
  {
    expression: s
      .string(1)
      .ruled()
      .doc(
        'A CEL expression about one `device` (its driver, attributes, capacity and allowMultipleAllocations) that is true when the device fits; at most 10 KiB.',
      ),
  },
  { doc: 'Chooses devices by an expression.' },
);

export const deviceSelector = struct(
  'resource.v1.DeviceSelector',
  { cel: s.field(1, celDeviceSelector).optional().doc('An expression in CEL.') },
  { doc: 'Chooses devices.' },
);
export interface DeviceSelector extends Of<typeof deviceSelector> {}

export const deviceToleration = struct(
  'resource.v1.DeviceToleration',
  {
    key: s.string(1).optional().doc('Key of the taint; empty with Exists means every taint.'),
    operator: s
      .oneOf(2, 'Equal', 'Exists')
      .default('Equal')
      .doc('Equal (the default) compares values, Exists takes any.'),
    value: s.string(3).optional().doc('Value of the taint, for Equal.'),
    effect: s
      .oneOf(4, 'NoExecute', 'NoSchedule', 'None')
      .optional()
      .doc('Effect of the taint; empty means every effect.'),
    tolerationSeconds: s
      .int64(5)
      .keepsZero()
      .optional()
      .doc('For NoExecute: how long pods stay after the taint was added; for ever when absent.'),
  },
  { doc: 'Taints of devices that a request can live with.' },
);
export interface DeviceToleration extends Of<typeof deviceToleration> {}

const capacityRequirements = struct(
  'resource.v1.CapacityRequirements',
  {
    requests: s
      .map(1, t.quantity)
      .optional()
      .doc(
        'How much of each capacity is needed. Of a device that may be shared, so much is taken; the amount may be rounded up to what the device allows.',
      ),
  },
  { doc: 'How much of a device is needed.' },
);

const selection = (tag: number) =>
  s
    .list(tag, deviceSelector)
    .optional()
    .doc('What a device must be like: all must hold, besides those of the class; at most 32.');
const mode = (tag: number) =>
  s
    .string(tag)
    .filled()
    .doc(
      'ExactCount (the default): as many devices as count says. All: every fitting device, of which none may be taken already.',
    );
const tolerations = (tag: number) =>
  s.list(tag, deviceToleration).optional().doc('Taints of devices that are no hindrance.');

const deviceDerivedAttribute = struct(
  'resource.v1.DeviceDerivedAttribute',
  {
    name: s.string(1).doc('What the attribute is called, with its domain.'),
    expression: s.string(2).doc('A CEL expression about one `device` that gives the value.'),
  },
  { doc: 'An attribute that is computed from others.' },
);
const derivedAttributes = s
  .list(8, deviceDerivedAttribute)
  .off('DRADerivedAttributes')
  .doc('Attributes that constraints of the claim refer to, computed for this request.');

const exactDeviceRequest = struct(
  'resource.v1.ExactDeviceRequest',
  {
    deviceClassName: s.string(1).doc('The DeviceClass whose devices are meant.'),
    selectors: selection(2),
    allocationMode: mode(3),
    count: s.int64(4).optional().doc('How many devices, for ExactCount; 1 when absent.'),
    adminAccess: s
      .boolean(5)
      .keepsZero()
      .optional()
      .doc(
        'True for monitoring: devices that others use are given as well. Only in namespaces that allow it by label.',
      ),
    tolerations: tolerations(6),
    capacity: s.field(7, capacityRequirements).optional().doc('How much of each device is needed.'),
    derivedAttributes,
  },
  { doc: 'Devices of one kind.' },
);
export interface ExactDeviceRequest extends Of<typeof exactDeviceRequest> {}

const deviceSubRequest = struct(
  'resource.v1.DeviceSubRequest',
  {
    name: s.string(1).ruled().doc('Name of the alternative, a DNS label; others refer to it as <request>/<name>.'),
    deviceClassName: s.string(2).doc('The DeviceClass whose devices are meant.'),
    selectors: selection(3),
    allocationMode: mode(4),
    count: s.int64(5).optional().doc('How many devices, for ExactCount; 1 when absent.'),
    tolerations: tolerations(6),
    capacity: s.field(7, capacityRequirements).optional().doc('How much of each device is needed.'),
    derivedAttributes,
  },
  { doc: 'One alternative of a request.' },
);
export interface DeviceSubRequest extends Of<typeof deviceSubRequest> {}

const deviceRequest = struct(
  'resource.v1.DeviceRequest',
  {
    name: s.string(1).ruled().doc('Name of the request, a DNS label: containers and constraints refer to it.'),
    exactly: s.field(2, exactDeviceRequest).optional().doc('What is needed, when there is but one possibility.'),
    firstAvailable: s
      .list(3, deviceSubRequest)
      .optional()
      .doc('Alternatives, the best first: the first that can be met is taken. At most 8.'),
  },
  { doc: 'A request for devices: exactly or firstAvailable.' },
);
export interface DeviceRequest extends Of<typeof deviceRequest> {}

const deviceConstraint = struct(
  'resource.v1.DeviceConstraint',
  {
    requests: s
      .list(1, t.string)
      .optional()
      .doc('Requests it applies to; all when empty. A request/alternative may be named.'),
    matchAttribute: s
      .string(2)
      .keepsZero()
      .optional()
      .doc('Attribute, with its domain, that all the devices must have with the same value: dra.example.com/numa.'),
    distinctAttribute: s
      .string(3)
      .keepsZero()
      .optional()
      .doc('Attribute, with its domain, that all the devices must have with different values.'),
  },
  { doc: 'What devices of several requests must have in common.' },
);
export interface DeviceConstraint extends Of<typeof deviceConstraint> {}

const opaqueDeviceConfiguration = struct(
  'resource.v1.OpaqueDeviceConfiguration',
  {
    driver: s.string(1).doc('The driver that gets the settings.'),
    parameters: s
      .any(2)
      .doc('The settings: an object that the driver understands, with apiVersion and kind; at most 10 KiB.'),
  },
  { doc: 'Settings that only a driver understands.' },
);

export const deviceConfiguration = struct(
  'resource.v1.DeviceConfiguration',
  { opaque: s.field(1, opaqueDeviceConfiguration).optional().doc('Settings that only a driver understands.') },
  { doc: 'Settings for a driver.' },
);
export interface DeviceConfiguration extends Of<typeof deviceConfiguration> {}

const deviceClaimConfiguration = struct(
  'resource.v1.DeviceClaimConfiguration',
  {
    requests: s.list(1, t.string).optional().doc('Requests it applies to; all when empty.'),
    ...inline(2, deviceConfiguration),
  },
  { doc: 'Settings for the drivers of some requests.' },
);
export interface DeviceClaimConfiguration extends Of<typeof deviceClaimConfiguration> {}

const deviceClaim = struct(
  'resource.v1.DeviceClaim',
  {
    requests: s.list(1, deviceRequest).optional().doc('Requests, all of which must be met; at most 32.'),
    constraints: s.list(2, deviceConstraint).optional().doc('What the devices must have in common; at most 32.'),
    config: s.list(3, deviceClaimConfiguration).optional().doc('Settings for drivers; at most 32.'),
  },
  { doc: 'Which devices are needed.' },
);
export interface DeviceClaim extends Of<typeof deviceClaim> {}

export const resourceClaimSpec = struct(
  'resource.v1.ResourceClaimSpec',
  { devices: s.field(1, deviceClaim).filled().doc('Which devices are needed.') },
  { doc: 'What is claimed. It cannot be changed.' },
);
export interface ResourceClaimSpec extends Of<typeof resourceClaimSpec> {}

interface RequestDraft {
  readonly allocationMode?: string;
  readonly count?: number;
}

/** One exact device, unless the request says otherwise. */
function withMode<T extends RequestDraft>(request: T): T {
  const allocationMode = request.allocationMode || 'ExactCount';
  const count = request.count || (allocationMode === 'ExactCount' ? 1 : undefined);
  if (allocationMode === request.allocationMode && count === request.count) return request;
  return { ...request, allocationMode, ...(count === undefined ? {} : { count }) };
}

interface ClaimSpecDraft {
  readonly devices?: {
    readonly requests?: readonly {
      readonly exactly?: RequestDraft;
      readonly firstAvailable?: readonly RequestDraft[];
    }[];
  };
}

/** The defaults of requests; the same object when nothing is missing. */
export function fillClaim<T extends ClaimSpecDraft>(spec: T): T {
  if (spec.devices === undefined) return { ...spec, devices: {} };
  const { requests } = spec.devices;
  if (requests === undefined) return spec;
  const filled = requests.map((request) => {
    const exactly = request.exactly && withMode(request.exactly);
    const alternatives = request.firstAvailable?.map(withMode);
    const same =
      exactly === request.exactly &&
      (alternatives === undefined || alternatives.every((one, index) => one === request.firstAvailable?.[index]));
    if (same) return request;
    return {
      ...request,
      ...(exactly === undefined ? {} : { exactly }),
      ...(alternatives === undefined ? {} : { firstAvailable: alternatives }),
    };
  });
  if (filled.every((request, index) => request === requests[index])) return spec;
  return { ...spec, devices: { ...spec.devices, requests: filled } };
}
