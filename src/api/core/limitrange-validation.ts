/**
 * Rules of a LimitRange: each type once, names that fit the type, and minimum, default and maximum in order. Paths and wording are upstream's
 * (pkg/apis/core/validation, ValidateLimitRange).
 */
import { duplicate, forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import { compareQuantities, milliValue, parseQuantity, quantityOf, type Quantity } from '#meta/quantity.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import type { LimitRangeItem, LimitRangeSpec } from './limitrange.ts';
import { containerResourceName, mayOvercommit, resourceName } from './resource-validation.ts';

const standardTypes = new Set(['Pod', 'Container', 'PersistentVolumeClaim']);
const one = quantityOf(1_000_000_000n, 'DecimalSI');

type Amounts = 'max' | 'min' | 'default' | 'defaultRequest' | 'maxLimitRequestRatio';
const all: readonly Amounts[] = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'];

/** Resource names that a thing of this type has. */
const nameRule = (type: string): ((path: string, name: string) => Causes) =>
  type === 'Pod' || type === 'Container' ? containerResourceName : resourceName;

function* order(at: string, name: string, item: LimitRangeItem): Causes {
  const read = (key: Amounts): Quantity | undefined => {
    const text = item.type === 'Pod' && (key === 'default' || key === 'defaultRequest') ? undefined : item[key]?.[name];
    return text === undefined ? undefined : parseQuantity(text);
  };
  const [min, max, limit, request, ratio] = [
    read('min'),
    read('max'),
    read('default'),
    read('defaultRequest'),
    read('maxLimitRequestRatio'),
  ];
  const above = (a: Quantity | undefined, b: Quantity | undefined): boolean =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0;
  const [minText, maxText, limitText, requestText] = [min?.text, max?.text, limit?.text, request?.text];
  if (above(min, max))
    yield invalidValue(`${at}.min[${name}]`, minText, `min value ${minText} is greater than max value ${maxText}`);
  const requestAt = `${at}.defaultRequest[${name}]`;
  if (above(min, request))
    yield invalidValue(
      requestAt,
      requestText,
      `min value ${minText} is greater than default request value ${requestText}`,
    );
  if (above(request, max))
    yield invalidValue(
      requestAt,
      requestText,
      `default request value ${requestText} is greater than max value ${maxText}`,
    );
  if (above(request, limit))
    yield invalidValue(
      requestAt,
      requestText,
      `default request value ${requestText} is greater than default limit value ${limitText}`,
    );
  if (above(min, limit))
    yield invalidValue(
      `${at}.default[${name}]`,
      minText,
      `min value ${minText} is greater than default value ${limitText}`,
    );
  if (above(limit, max))
    yield invalidValue(
      `${at}.default[${name}]`,
      maxText,
      `default value ${limitText} is greater than max value ${maxText}`,
    );
  if (ratio !== undefined) {
    const ratioAt = `${at}.maxLimitRequestRatio[${name}]`;
    if (above(one, ratio)) yield invalidValue(ratioAt, ratio.text, `ratio ${ratio.text} is less than 1`);
    if (min !== undefined && max !== undefined) {
      const possible = milliValue(max) / milliValue(min);
      if (milliValue(ratio) / 1000 > possible)
        yield invalidValue(
          ratioAt,
          ratio.text,
          `ratio ${ratio.text} is greater than max/min = ${Number.isFinite(possible) ? possible.toFixed(6) : '+Inf'}`,
        );
    }
  }
  if (!mayOvercommit(name) && limit !== undefined && request !== undefined && compareQuantities(limit, request) !== 0)
    yield invalidValue(
      requestAt,
      requestText,
      `default value ${limitText} must equal to defaultRequest value ${requestText} in ${name}`,
    );
}

function* itemCauses(at: string, item: LimitRangeItem): Causes {
  const { type = '' } = item;
  const wrong = [...named(labelKey, `${at}.type`, type)];
  yield* wrong;
  if (wrong.length === 0 && !type.includes('/') && !standardTypes.has(type))
    yield invalidValue(`${at}.type`, type, 'must be a standard limit type or fully qualified');
  const names = new Set<string>();
  for (const key of all) {
    const amounts = item[key];
    if (amounts === undefined) continue;
    if (type === 'Pod' && (key === 'default' || key === 'defaultRequest')) {
      if (Object.keys(amounts).length > 0)
        yield forbiddenField(`${at}.${key}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    for (const name of Object.keys(amounts)) {
      yield* nameRule(type)(`${at}.${key}[${name}]`, name);
      names.add(name);
    }
  }
  if (type === 'PersistentVolumeClaim' && item.min?.['storage'] === undefined && item.max?.['storage'] === undefined)
    yield required(`${at}.limits`, 'either minimum or maximum storage value is required, but neither was provided');
  for (const name of names) yield* order(at, name, item);
}

export function* limitRangeCauses({ limits }: LimitRangeSpec): Causes {
  const seen = new Set<string>();
  for (const [item, at] of indexed('spec.limits', limits)) {
    if (seen.has(item.type)) yield duplicate(`${at}.type`, item.type);
    seen.add(item.type);
    yield* itemCauses(at, item);
  }
}
