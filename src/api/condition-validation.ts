/** Rules of the standard conditions in a status, for kinds that check them. Wording is apimachinery's (ValidateConditions). */
import { duplicate, invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { Condition } from '#schema/condition.ts';
import { indexed, named, nonNegative, type Causes } from './field-checks.ts';

const statuses = ['False', 'True', 'Unknown'];
const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;
const reasonPattern = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const reasonDetail =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name', or 'MY_NAME', or 'MyName', or 'ReasonA,ReasonB', or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

export function* conditionCauses(path: string, conditions: readonly Partial<Condition>[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [one, at] of indexed(path, conditions)) {
    const { type = '', status = '', reason = '', message = '' } = one;
    if (seen.has(type)) yield duplicate(`${at}.type`, type);
    seen.add(type);
    if (type === '') yield required(`${at}.type`);
    else yield* named(labelKey, `${at}.type`, type);
    if (!statuses.includes(status)) yield notSupported(`${at}.status`, status, statuses);
    yield* nonNegative(`${at}.observedGeneration`, one.observedGeneration);
    if (!one.lastTransitionTime) yield required(`${at}.lastTransitionTime`);
    if (reason === '') yield required(`${at}.reason`);
    else {
      if (Buffer.byteLength(reason) > reasonBytesMax) yield tooLong(`${at}.reason`, reasonBytesMax);
      if (!reasonPattern.test(reason)) yield invalidValue(`${at}.reason`, reason, reasonDetail);
    }
    if (Buffer.byteLength(message) > messageBytesMax) yield tooLong(`${at}.message`, messageBytesMax);
  }
}
