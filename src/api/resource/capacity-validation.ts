/**
 * Rules of how much may be taken of a device's capacity. Amounts are compared exactly, in whole nano units, so fractions need no care of their own. Wording is upstream's.
 */
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import { indexed, type Causes } from '../field-checks.ts';
import { limited } from './lists.ts';
import type { CapacityRequestPolicy, CapacityRequestPolicyRange } from './device.ts';

const validValuesMax = 10;

const amount = (text: string | undefined): Quantity | undefined =>
  text === undefined ? undefined : parseQuantity(text);
const isMore = (a: Quantity, b: Quantity): boolean => compareQuantities(a, b) > 0;

export function* policyCauses(at: string, value: string, policy: CapacityRequestPolicy): Causes {
  const { validValues = [], validRange } = policy;
  if (validValues.length > 0 && validRange !== undefined) {
    yield forbiddenField(
      at,
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
    );
    return;
  }
  const capacity = amount(value);
  const standard = amount(policy.default);
  if (capacity === undefined) return;
  if (validValues.length > 0) {
    if (standard === undefined) yield required(`${at}.default`, 'required when validValues is defined');
    else yield* valueCauses(`${at}.validValues`, validValues, { capacity, standard });
  } else if (validRange !== undefined) {
    if (standard === undefined) yield required(`${at}.default`, 'required when validRange is defined');
    else yield* rangeCauses(`${at}.validRange`, validRange, { capacity, standard });
  }
}

interface Known {
  readonly capacity: Quantity;
  /** What a claim takes that does not say. */
  readonly standard: Quantity;
}

function* valueCauses(path: string, values: readonly string[], { capacity, standard }: Known): Causes {
  let before: Quantity | undefined;
  for (const [text, at] of indexed(path, values)) {
    const value = amount(text);
    if (value !== undefined && before !== undefined && isMore(before, value))
      yield invalidValue(at, value.text, 'values must be sorted in ascending order');
    before = value;
  }
  yield* limited(path, values, {
    max: validValuesMax,
    key: (text) => amount(text)?.nano.toString(),
    told: 'key',
    *each(text, at) {
      const value = amount(text);
      if (value !== undefined && isMore(value, capacity))
        yield invalidValue(at, value.text, `option is larger than capacity value: ${capacity.text}`);
    },
  });
  if (!values.some((text) => amount(text)?.nano === standard.nano))
    yield invalidValue(path, standard.text, 'default value is not valid according to the requestPolicy');
}

function* rangeCauses(at: string, range: CapacityRequestPolicyRange, { capacity, standard }: Known): Causes {
  const [min, max, step] = [amount(range.min), amount(range.max), amount(range.step)];
  if (min === undefined) {
    yield required(`${at}.min`, 'required when validRange is defined');
    return;
  }
  if (isMore(min, capacity))
    yield invalidValue(`${at}.min`, min.text, `min is larger than capacity value: ${capacity.text}`);
  if (isMore(min, standard))
    yield invalidValue(`${at}.default`, standard.text, `default is less than min: ${min.text}`);
  if (max !== undefined) {
    if (isMore(min, max)) yield invalidValue(`${at}.max`, min.text, `min is larger than max: ${max.text}`);
    if (isMore(max, capacity))
      yield invalidValue(`${at}.max`, max.text, `max is larger than capacity value: ${capacity.text}`);
    if (isMore(standard, max))
      yield invalidValue(`${at}.default`, standard.text, `default is more than max: ${max.text}`);
  }
  if (step === undefined) return;
  if (step.nano <= 0n) {
    yield invalidValue(`${at}.step`, step.text, 'must be greater than zero');
    return;
  }
  const first = addQuantities(min, step);
  if (isMore(first, capacity))
    yield invalidValue(
      `${at}.step`,
      step.text,
      `one step ${first.text} is larger than capacity value: ${capacity.text}`,
    );
  for (const value of max === undefined ? [standard] : [standard, max])
    if ((value.nano - min.nano) % step.nano !== 0n)
      yield invalidValue(
        `${at}.step`,
        value.text,
        `value is not a multiple of a given step (${step.text}) from (${min.text})`,
      );
}
