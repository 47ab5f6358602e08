/**
 * Rules of what claims ask for. Wording is upstream's.
 */
import { forbiddenField, invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, labelKey, labelValue, longName } from '#meta/names.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import type {
  DeviceClaim,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
} from './device-claim.ts';
import { selectorExpressionCauses } from './device-expressions.ts';
import { limited } from './lists.ts';
import { declaredDriverName, fullyQualifiedName, jsonObject } from './device-names.ts';

const requestsMax = 32;
const constraintsMax = 32;
export const configsMax = 32;
const selectorsMax = 32;
const alternativesMax = 8;
const expressionBytesMax = 10 * 1024;
const parametersBytesMax = 10 * 1024;

/** Names of requests with those of their alternatives. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export const requestNamesOf = ({ requests = [] }: Partial<DeviceClaim> = {}): RequestNames =>
  new Map(requests.map(({ name, firstAvailable = [] }) => [name, new Set(firstAvailable.map((one) => one.name))]));

const referenceDetail =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/** A reference to a request, or to one of its alternatives. */
export function* requestReference(path: string, reference: string, names: RequestNames): Causes {
  const segments = reference.split('/');
  if (segments.length > 2) {
    yield invalidValue(path, reference, referenceDetail);
    return;
  }
  for (const segment of segments) yield* named(dns1123Label, path, segment);
  const [request = '', alternative] = segments;
  const alternatives = names.get(request);
  if (alternatives === undefined || (alternative !== undefined && !alternatives.has(alternative)))
    yield invalidValue(path, reference, referenceDetail);
}

export function* requestReferences(
  path: string,
  references: readonly string[] | undefined,
  names: RequestNames,
): Causes {
  yield* limited(path, references, {
    max: requestsMax,
    each: (name, at) => requestReference(at, name, names),
    key: (name) => name,
  });
}

export function* selectorCauses(path: string, selectors: readonly DeviceSelector[] | undefined): Causes {
  yield* limited(path, selectors, {
    max: selectorsMax,
    *each({ cel }, at) {
      if (cel === undefined) {
        yield required(`${at}.cel`);
        return;
      }
      const { expression = '' } = cel;
      if (Buffer.byteLength(expression) > expressionBytesMax) {
        yield tooLong(`${at}.cel.expression`, expressionBytesMax);
        return;
      }
      yield* selectorExpressionCauses(`${at}.cel.expression`, expression);
    },
  });
}

/** Of a toleration, what declarations do not say: its value fits its operator. */
export function* tolerationValueCauses(path: string, tolerations: readonly DeviceToleration[] | undefined): Causes {
  for (const [{ operator, value = '' }, at] of indexed(path, tolerations)) {
    if (operator === 'Equal') yield* named(labelValue, `${at}.value`, value);
    else if (operator === 'Exists' && value !== '')
      yield invalidValue(`${at}.value`, value, 'must be empty for operator `Exists`');
  }
}

const allocationModes = ['All', 'ExactCount'];

/** What upstream declares of a request, and so checks even where only the other form may stand. */
function* declaredCauses(at: string, request: ExactDeviceRequest | DeviceSubRequest): Causes {
  if (!allocationModes.includes(request.allocationMode))
    yield notSupported(`${at}.allocationMode`, request.allocationMode, allocationModes);
  for (const [{ key }, each] of indexed(`${at}.tolerations`, request.tolerations))
    if (key) yield* named(labelKey, `${each}.key`, key);
}

function* oneRequest(at: string, request: ExactDeviceRequest | DeviceSubRequest): Causes {
  const { selectors, allocationMode, count = 0, tolerations } = request;
  yield* selectorCauses(`${at}.selectors`, selectors);
  if (allocationMode === 'All' && count !== 0)
    yield invalidValue(`${at}.count`, count, "must not be specified when allocationMode is 'All'");
  if (allocationMode === 'ExactCount' && count <= 0)
    yield invalidValue(`${at}.count`, count, 'must be greater than zero');
  yield* tolerationValueCauses(`${at}.tolerations`, tolerations);
}

function* requestCauses(at: string, { name, exactly, firstAvailable = [] }: DeviceRequest): Causes {
  yield* named(dns1123Label, `${at}.name`, name);
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  const isBoth = exactly !== undefined && firstAvailable.length > 0;
  if (isBoth) yield invalidValue(at, null, `${one}, but multiple fields are set`);
  else if (exactly === undefined && firstAvailable.length === 0) yield required(at, one);
  if (exactly !== undefined) {
    yield* declaredCauses(`${at}.exactly`, exactly);
    if (!isBoth) {
      if (exactly.deviceClassName)
        yield* named(dns1123Subdomain, `${at}.exactly.deviceClassName`, exactly.deviceClassName);
      yield* oneRequest(`${at}.exactly`, exactly);
    }
  }
  const path = `${at}.firstAvailable`;
  yield* limited(path, firstAvailable, {
    max: alternativesMax,
    key: (alternative) => alternative.name,
    *each(alternative, each) {
      const { deviceClassName } = alternative;
      if (deviceClassName) yield* named(longName, `${each}.deviceClassName`, deviceClassName);
      yield* declaredCauses(each, alternative);
      if (isBoth) return;
      yield* named(dns1123Label, `${each}.name`, alternative.name);
      yield* oneRequest(each, alternative);
    },
  });
}

function* constraintCauses(at: string, constraint: DeviceConstraint, names: RequestNames): Causes {
  const { requests, matchAttribute, distinctAttribute } = constraint;
  yield* requestReferences(`${at}.requests`, requests, names);
  if (matchAttribute !== undefined) yield* fullyQualifiedName(`${at}.matchAttribute`, matchAttribute);
  if (distinctAttribute !== undefined) yield* fullyQualifiedName(`${at}.distinctAttribute`, distinctAttribute);
  if (matchAttribute === undefined && distinctAttribute === undefined)
    yield required(
      at,
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    );
}

export function* configurationCauses(at: string, { opaque }: DeviceConfiguration): Causes {
  if (opaque === undefined) {
    yield required(`${at}.opaque`);
    return;
  }
  yield* declaredDriverName(`${at}.opaque.driver`, opaque.driver);
  yield* jsonObject(`${at}.opaque.parameters`, opaque.parameters, parametersBytesMax);
}

/** Of the expressions of one claim together: compiling them is work, and whoever may write a claim could make a lot of it. */
const allExpressionsBytesMax = 128 * 1024;

function expressionBytes({ requests = [] }: Partial<DeviceClaim> = {}): number {
  let bytes = 0;
  for (const { exactly, firstAvailable = [] } of requests)
    for (const { selectors = [] } of exactly === undefined ? firstAvailable : [exactly, ...firstAvailable])
      for (const { cel } of selectors) bytes += Buffer.byteLength(cel?.expression ?? '');
  return bytes;
}

export function* deviceClaimCauses(path: string, claim: DeviceClaim | undefined): Causes {
  if (expressionBytes(claim) > allExpressionsBytesMax) {
    yield forbiddenField(path, `all expressions together may not be more than ${allExpressionsBytesMax} bytes`);
    return;
  }
  const names = requestNamesOf(claim);
  yield* limited(`${path}.requests`, claim?.requests, {
    max: requestsMax,
    each: (request, at) => requestCauses(at, request),
    key: (request) => request.name,
  });
  yield* limited(`${path}.constraints`, claim?.constraints, {
    max: constraintsMax,
    each: (constraint, at) => constraintCauses(at, constraint, names),
  });
  yield* limited(`${path}.config`, claim?.config, {
    max: configsMax,
    *each(config, at) {
      yield* requestReferences(`${at}.requests`, config.requests, names);
      yield* configurationCauses(at, config);
    },
  });
}
