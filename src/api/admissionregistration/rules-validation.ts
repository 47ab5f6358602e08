/**
 * Rules of what webhooks and policies have in common. Wording and paths are upstream's. Expressions are compiled by
 * `expressions.ts`; here it is checked that they are there.
 */
import { duplicate, forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { dns1035Label, dns1123Subdomain, labelKey, pathSegment } from '#meta/names.ts';
import { checkLabelSelector, type LabelSelectorObject } from '#meta/selector.ts';
import type { Cause } from '#meta/status.ts';
import { indexed, named, type Causes } from '../field-checks.ts';

interface RuleLike {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Any of these fields may be missing: the declaration says so, and more rules run all the same. */
type Draft<T> = { readonly [K in keyof T]?: T[K] | undefined };

export const ruleCauses = (rule: RuleLike, path: string): readonly Cause[] => [...ruleParts(path, rule)];

function* ruleParts(at: string, rule: Draft<RuleLike>): Causes {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], resourceNames = [] } = rule;
  const seen = new Set<string>();
  for (const [name, nameAt] of indexed(`${at}.resourceNames`, resourceNames)) {
    yield* named(pathSegment, nameAt, name);
    if (seen.has(name)) yield duplicate(nameAt, name);
    seen.add(name);
  }
  yield* alone(`${at}.operations`, operations, 'operations');
  yield* alone(`${at}.apiGroups`, apiGroups, 'API groups');
  yield* alone(`${at}.apiVersions`, apiVersions, 'API versions');
  for (const [version, versionAt] of indexed(`${at}.apiVersions`, apiVersions))
    if (version === '') yield required(versionAt);
  yield* resourceCauses(`${at}.resources`, resources);
}

function* alone(path: string, values: readonly string[], what: string): Causes {
  if (values.length > 1 && values.includes('*'))
    yield invalidValue(path, values, `if '*' is present, must not specify other ${what}`);
}

function* resourceCauses(path: string, resources: readonly string[]): Causes {
  const wildSubresource = new Set<string>();
  const wildResource = new Set<string>();
  let plain = false;
  for (const [text, at] of indexed(path, resources)) {
    if (text === '') {
      yield required(at);
      continue;
    }
    const slash = text.indexOf('/');
    if (slash === -1) {
      plain = text !== '*';
      continue;
    }
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    if (wildSubresource.has(resource))
      yield invalidValue(at, text, `if '${resource}/*' is present, must not specify ${text}`);
    if (wildResource.has(subresource))
      yield invalidValue(at, text, `if '*/${subresource}' is present, must not specify ${text}`);
    if (subresource === '*') wildSubresource.add(resource);
    if (resource === '*') wildResource.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*'))
    yield invalidValue(path, resources, "if '*/*' is present, must not specify other resources");
  // Upstream looks at the last resource without a slash only.
  if (resources.includes('*') && plain)
    yield invalidValue(path, resources, "if '*' is present, must not specify other resources without subresources");
}

interface MatchResourcesLike {
  readonly namespaceSelector?: LabelSelectorObject;
  readonly objectSelector?: LabelSelectorObject;
}

export const matchResourcesCauses = (match: MatchResourcesLike, path: string): readonly Cause[] => [
  ...checkLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`),
  ...checkLabelSelector(match.objectSelector, `${path}.objectSelector`),
];

/** Text of blanks only counts as missing. */
export const isBlank = (text: string | undefined): boolean => text === undefined || text.trim() === '';

export const matchConditionCauses = (
  { name, expression }: { readonly name?: string; readonly expression?: string },
  path: string,
): readonly Cause[] => [
  ...(expression && isBlank(expression) ? [required(`${path}.expression`)] : []),
  ...(name ? named(labelKey, `${path}.name`, name) : []),
];

export const matchConditionsMax = 64;

export const paramKindCauses = (
  { apiVersion = '', kind = '' }: { readonly apiVersion?: string; readonly kind?: string },
  path: string,
): readonly Cause[] => [
  ...groupVersionCauses(`${path}.apiVersion`, apiVersion),
  ...(kind === '' ? [] : mixedCaseCauses(`${path}.kind`, kind)),
];

function* groupVersionCauses(path: string, text: string): Causes {
  if (text === '') return;
  const parts = text === '/' ? ['', ''] : text.split('/');
  if (parts.length > 2) {
    yield invalidValue(path, text, `unexpected GroupVersion string: ${text}`);
    return;
  }
  const [group = '', version = ''] = parts.length === 1 ? ['', text] : parts;
  if (group !== '') {
    const wrong = dns1123Subdomain(group);
    if (wrong.length > 0) yield invalidValue(path, group, wrong.join(','));
  }
  if (version === '') {
    yield invalidValue(path, text, 'version must be specified');
    return;
  }
  const wrong = dns1035Label(version);
  if (wrong.length > 0) yield invalidValue(path, version, wrong.join(','));
}

function* mixedCaseCauses(path: string, kind: string): Causes {
  const wrong = dns1035Label(kind.toLowerCase());
  if (wrong.length > 0)
    yield invalidValue(path, kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`);
}

interface ParamRefLike {
  readonly name?: string;
  readonly selector?: LabelSelectorObject;
}

export const paramRefCauses = (reference: ParamRefLike, path: string): readonly Cause[] => [
  ...paramRefParts(path, reference),
];

function* paramRefParts(at: string, { name = '', selector }: ParamRefLike): Causes {
  const exclusive = 'name and selector are mutually exclusive';
  if (name !== '') {
    yield* named(pathSegment, `${at}.name`, name);
    if (selector !== undefined) yield forbiddenField(`${at}.name`, exclusive);
  }
  if (selector !== undefined) {
    yield* checkLabelSelector(selector, `${at}.selector`);
    if (name !== '') yield forbiddenField(`${at}.selector`, exclusive);
  }
  if (name === '' && selector === undefined) yield required(at, 'one of name or selector must be specified');
}
