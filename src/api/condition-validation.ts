/** Rules of the standard conditions in a status, for kinds that check them. Wording is apimachinery's (ValidateConditions). */
import { duplicate, invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { conditionReason, labelKey } from '#meta/names.ts';
import type { Condition } from '#schema/condition.ts';
import { indexed, named, type Causes } from './field-checks.ts';

const statuses = ['False', 'True', 'Unknown'];
const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;

export function* conditionCauses(path: string, conditions: readonly Partial<Condition>[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [one, at] of indexed(path, conditions)) {
    const { type = '', status = '', reason = '', message = '', observedGeneration = 0 } = one;
    if (seen.has(type)) yield duplicate(at, type);
    seen.add(type);
    if (type === '') yield required(`${at}.type`, 'is required');
    else yield* named(labelKey, `${at}.type`, type);
    if (status === '') yield required(`${at}.status`);
    else if (!statuses.includes(status)) yield notSupported(`${at}.status`, status, statuses);
    if (observedGeneration < 0)
      yield invalidValue(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero');
    if (!one.lastTransitionTime) yield required(`${at}.lastTransitionTime`);
    if (reason === '') yield required(`${at}.reason`);
    else {
      yield* named(conditionReason, `${at}.reason`, reason);
      if (Buffer.byteLength(reason) > reasonBytesMax) yield tooLong(`${at}.reason`, reasonBytesMax);
    }
    if (Buffer.byteLength(message) > messageBytesMax) yield tooLong(`${at}.message`, messageBytesMax);
  }
}
