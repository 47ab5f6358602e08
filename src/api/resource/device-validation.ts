/** Rules of devices that drivers publish, and of taints. Wording is upstream's. */
import { duplicate, forbiddenField, invalidValue, required, tooLong, tooMany } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, labelKey, labelValue, shortName } from '#meta/names.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { nodeSelectorCauses } from '../core/placement-validation.ts';
import { policyCauses } from './capacity-validation.ts';
import { qualifiedName } from './device-names.ts';
import { limited } from './lists.ts';
import type { Device, DeviceAttribute, DeviceCounterConsumption, DeviceTaint } from './device.ts';

const attributesAndCapacitiesMax = 32;
const valueBytesMax = 64;
const taintsMax = 16;
const consumptionsMax = 2;
export const countersMax = 32;
const bindingConditionsMax = 4;

/** Keys are truncated in the middle of a path as upstream does, lest a hostile one fill the answer. */
export function* entries<T>(
  path: string,
  map: Readonly<Record<string, T>> | undefined,
  {
    keyMax,
    key,
    each,
  }: { keyMax: number; key: (path: string, key: string) => Causes; each: (at: string, value: T) => Causes },
): Causes {
  for (const [name, value] of Object.entries(map ?? {})) {
    yield* key(path, name);
    yield* each(`${path}[${truncated(name, keyMax)}]`, value);
  }
}

function truncated(text: string, max: number): string {
  if (text.length <= max) return text;
  const rest = max - 3;
  return `${text.slice(0, Math.ceil(rest / 2))}...${text.slice(text.length - Math.floor(rest / 2))}`;
}

export function* taintCauses(at: string, { key, value }: Partial<DeviceTaint>): Causes {
  yield* named(labelKey, `${at}.key`, key ?? '');
  if (value) yield* named(labelValue, `${at}.value`, value);
}

/** Conditions that a device waits for, and those that end the wait: both or none. */
export function* bindingCauses(
  at: string,
  {
    bindingConditions = [],
    bindingFailureConditions = [],
  }: Pick<Device, 'bindingConditions' | 'bindingFailureConditions'>,
): Causes {
  const lists = { bindingConditions, bindingFailureConditions };
  for (const [field, list] of Object.entries(lists))
    yield* limited(`${at}.${field}`, list, {
      max: bindingConditionsMax,
      each: (condition, each) => named(labelKey, each, condition),
    });
  yield* limited(`${at}.bindingConditions`, bindingConditions, { key: (condition) => condition });
  const seen = new Set<string>();
  for (const [condition, each] of indexed(`${at}.bindingFailureConditions`, bindingFailureConditions)) {
    if (seen.has(condition)) yield duplicate(each, condition);
    seen.add(condition);
    if (bindingConditions.includes(condition))
      yield invalidValue(each, condition, 'bindingFailureConditions must not overlap with bindingConditions');
  }
  const [conditions, failures] = [bindingConditions.length, bindingFailureConditions.length];
  if (conditions === 0 && failures > 0)
    yield invalidValue(
      `${at}.bindingConditions`,
      null,
      'bindingConditions are required to use bindingFailureConditions',
    );
  if (failures === 0 && conditions > 0)
    yield invalidValue(
      `${at}.bindingFailureConditions`,
      null,
      'bindingFailureConditions are required to use bindingConditions',
    );
}

export function* deviceCauses(at: string, device: Device, perDevice: boolean): Causes {
  yield* named(dns1123Label, `${at}.name`, device.name);
  const { attributes = {}, capacity = {} } = device;
  const total = Object.keys(attributes).length + Object.keys(capacity).length;
  if (total > attributesAndCapacitiesMax)
    yield invalidValue(
      at,
      total,
      `the total number of attributes and capacities must not exceed ${attributesAndCapacitiesMax}`,
    );
  const keyMax = 63 + 1 + 32;
  yield* entries(`${at}.attributes`, attributes, { keyMax, key: qualifiedName, each: attributeCauses });
  yield* entries(`${at}.capacity`, capacity, {
    keyMax,
    key: qualifiedName,
    *each(each, { value, requestPolicy }) {
      if (requestPolicy === undefined) return;
      if (device.allowMultipleAllocations === true) yield* policyCauses(`${each}.requestPolicy`, value, requestPolicy);
      else yield forbiddenField(`${each}.requestPolicy`, 'allowMultipleAllocations must be true');
    },
  });
  yield* limited(`${at}.taints`, device.taints, { max: taintsMax, each: (taint, each) => taintCauses(each, taint) });
  yield* limited(`${at}.consumesCounters`, device.consumesCounters, {
    max: consumptionsMax,
    each: (consumption, each) => consumptionCauses(each, consumption),
    key: ({ counterSet }) => counterSet,
  });
  yield* placeCauses(at, device, perDevice);
  yield* bindingCauses(at, device);
}

const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function* textCauses(path: string, text: string): Causes {
  if (Buffer.byteLength(text) > valueBytesMax) yield tooLong(path, valueBytesMax);
}

function* versionCauses(path: string, text: string): Causes {
  // Longer texts are refused for their length, and are not matched: what a client sends must not cost more than reading it.
  if (text.length > 4096 || !semver.test(text))
    yield invalidValue(path, text, 'must be a string compatible with semver.org spec 2.0.0');
  yield* textCauses(path, text);
}

const attributeFields = ['int', 'bool', 'string', 'version', 'ints', 'bools', 'strings', 'versions'] as const;

function* attributeCauses(at: string, attribute: DeviceAttribute): Causes {
  if (attribute.string !== undefined) yield* textCauses(`${at}.string`, attribute.string);
  if (attribute.version !== undefined) yield* versionCauses(`${at}.version`, attribute.version);
  const given = attributeFields.filter((field) => attribute[field] !== undefined);
  const all = attributeFields.map((field) => `\`${field}\``).join(', ');
  if (given.length === 0) yield invalidValue(at, '', `must specify one of: ${all}`);
  else if (given.length > 1)
    yield invalidValue(
      at,
      `{${given.map((field) => `\`${field}\``).join(', ')}}`,
      `must specify exactly one of: ${all}`,
    );
}

function* consumptionCauses(at: string, { counterSet, counters }: DeviceCounterConsumption): Causes {
  if (counterSet) yield* named(shortName, `${at}.counterSet`, counterSet);
  yield* counterCauses(`${at}.counters`, counters);
}

/** Counters are names and amounts; there is at least one. */
export function* counterCauses(path: string, counters: Readonly<Record<string, unknown>> | undefined): Causes {
  const names = Object.keys(counters ?? {});
  // A missing map is reported by the declaration.
  if (counters !== undefined && names.length === 0) yield required(path);
  if (names.length > countersMax) yield tooMany(path, names.length, countersMax);
  else for (const name of names) yield* named(shortName, path, name);
}

const placeDetail =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';

function* placeCauses(at: string, { nodeName, nodeSelector, allNodes }: Device, perDevice: boolean): Causes {
  if (!perDevice) {
    if (nodeName !== undefined || nodeSelector !== undefined || allNodes !== undefined)
      yield invalidValue(
        at,
        null,
        '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
      );
    return;
  }
  const given: string[] = [];
  if (nodeName !== undefined) {
    if (nodeName === '') yield invalidValue(`${at}.nodeName`, '', 'must not be empty');
    else {
      given.push('`nodeName`');
      yield* named(dns1123Subdomain, `${at}.nodeName`, nodeName);
    }
  }
  if (nodeSelector !== undefined) {
    given.push('`nodeSelector`');
    yield* nodeSelectorCauses(`${at}.nodeSelector`, nodeSelector);
  }
  if (allNodes === true) given.push('`allNodes`');
  else if (allNodes === false) yield invalidValue(`${at}.allNodes`, false, 'must be either unset or set to true');
  if (given.length === 0) yield required(at, placeDetail);
  else if (given.length > 1) yield invalidValue(at, `{${given.join(', ')}}`, placeDetail);
}
