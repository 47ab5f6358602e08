/**
 * Rules of what claims ask for. Wording is upstream's. CEL expressions are not compiled, so their types and costs are not judged: only their length is.
 */
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, labelKey, labelValue } from '#meta/names.ts';
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
import { driverName, fullyQualifiedName, jsonObject } from './device-names.ts';

const requestsMax = 32;
const constraintsMax = 32;
export const configsMax = 32;
const selectorsMax = 32;
const alternativesMax = 8;
const expressionBytesMax = 10 * 1024;
const parametersBytesMax = 10 * 1024;

/** Too long a list is not looked into: the answer would be as long. */
export function* limited<T>(
  path: string,
  list: readonly T[] | undefined,
  { max, each }: { max: number; each: (item: T, at: string) => Causes },
): Causes {
  if ((list?.length ?? 0) > max) yield tooMany(path, list?.length ?? 0, max);
  else for (const [item, at] of indexed(path, list)) yield* each(item, at);
}

/** Items whose key stood before. */
export function* distinct<T>(path: string, list: readonly T[] | undefined, key: (item: T) => unknown): Causes {
  const seen = new Set<unknown>();
  for (const [item, at] of indexed(path, list)) {
    const id = key(item);
    if (seen.has(id)) yield duplicate(at, id);
    seen.add(id);
  }
}

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
  yield* limited(path, references, { max: requestsMax, each: (name, at) => requestReference(at, name, names) });
  yield* distinct(path, references, (name) => name);
}

export function* selectorCauses(path: string, selectors: readonly DeviceSelector[] | undefined): Causes {
  yield* limited(path, selectors, {
    max: selectorsMax,
    *each({ cel }, at) {
      if (cel === undefined) yield required(`${at}.cel`);
      else if (Buffer.byteLength(cel.expression ?? '') > expressionBytesMax)
        yield tooLong(`${at}.cel.expression`, expressionBytesMax);
    },
  });
}

export function* deviceTolerationCauses(path: string, tolerations: readonly DeviceToleration[] | undefined): Causes {
  for (const [{ key, operator, value }, at] of indexed(path, tolerations)) {
    if (key) yield* named(labelKey, `${at}.key`, key);
    if (operator === 'Exists') {
      if (value) yield invalidValue(`${at}.value`, value, 'must be empty for operator `Exists`');
    } else yield* named(labelValue, `${at}.value`, value ?? '');
  }
}

function* oneRequest(at: string, request: ExactDeviceRequest | DeviceSubRequest): Causes {
  const { deviceClassName, selectors, allocationMode, count = 0, tolerations } = request;
  if (deviceClassName) yield* named(dns1123Subdomain, `${at}.deviceClassName`, deviceClassName);
  yield* selectorCauses(`${at}.selectors`, selectors);
  if (allocationMode === 'All') {
    if (count !== 0) yield invalidValue(`${at}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) yield invalidValue(`${at}.count`, count, 'must be greater than zero');
  } else yield notSupported(`${at}.allocationMode`, allocationMode, ['All', 'ExactCount']);
  yield* deviceTolerationCauses(`${at}.tolerations`, tolerations);
}

function* requestCauses(at: string, { name, exactly, firstAvailable = [] }: DeviceRequest): Causes {
  if (name) yield* named(dns1123Label, `${at}.name`, name);
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly === undefined && firstAvailable.length === 0) yield required(at, one);
  else if (exactly !== undefined && firstAvailable.length > 0)
    yield invalidValue(at, null, `${one}, but multiple fields are set`);
  else if (exactly !== undefined) yield* oneRequest(`${at}.exactly`, exactly);
  else {
    const path = `${at}.firstAvailable`;
    yield* limited(path, firstAvailable, {
      max: alternativesMax,
      *each(alternative, each) {
        if (alternative.name) yield* named(dns1123Label, `${each}.name`, alternative.name);
        yield* oneRequest(each, alternative);
      },
    });
    yield* distinct(path, firstAvailable, (alternative) => alternative.name);
  }
}

function* constraintCauses(at: string, constraint: DeviceConstraint, names: RequestNames): Causes {
  const { requests, matchAttribute, distinctAttribute } = constraint;
  yield* requestReferences(`${at}.requests`, requests, names);
  if (matchAttribute !== undefined) yield* fullyQualifiedName(`${at}.matchAttribute`, matchAttribute);
  else if (distinctAttribute !== undefined) yield* fullyQualifiedName(`${at}.distinctAttribute`, distinctAttribute);
  else
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
  yield* driverName(`${at}.opaque.driver`, opaque.driver);
  yield* jsonObject(`${at}.opaque.parameters`, opaque.parameters, parametersBytesMax);
}

export function* deviceClaimCauses(path: string, claim: DeviceClaim | undefined): Causes {
  const names = requestNamesOf(claim);
  yield* limited(`${path}.requests`, claim?.requests, {
    max: requestsMax,
    each: (request, at) => requestCauses(at, request),
  });
  yield* distinct(`${path}.requests`, claim?.requests, (request) => request.name);
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
