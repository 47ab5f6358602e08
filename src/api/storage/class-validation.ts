/** Rules that StorageClasses and VolumeAttributesClasses share: the driver's name and its parameters. Wording is upstream's. */
import { invalidValue, tooLong } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { Causes } from '../field-checks.ts';

const parametersMax = 512;
/** 256 kB for all keys and values together. */
const parametersBytesMax = 256 * 1024;

export function* driverCauses(path: string, driver: string | undefined): Causes {
  if (!driver) return;
  for (const message of labelKey(driver.toLowerCase())) yield invalidValue(path, driver.toLowerCase(), message);
}

export function* parameterCauses(parameters: Readonly<Record<string, string>> | undefined): Causes {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > parametersMax) {
    yield tooLong('parameters', parametersMax);
    return;
  }
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') yield invalidValue('parameters', key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > parametersBytesMax) yield tooLong('parameters', parametersBytesMax);
}
