/**
 * Rules of a ResourceQuota: known resources, scopes that fit them and each other, requirements with the right values. Paths and wording are
 * upstream's (pkg/apis/core/validation, ValidateResourceQuota).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { type Causes } from '../field-checks.ts';
import { isQuotaResource, resourceAmount, resourceName } from './resource-validation.ts';
import type { ResourceQuotaSpec, ResourceQuotaStatus } from './resourcequota.ts';

const podCompute = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const pods = new Set(['pods']);
const podsAndCompute = new Set(['pods', ...podCompute]);
/** What a quota with this scope can count by a short name. */
const countedIn: Readonly<Record<string, ReadonlySet<string>>> = {
  Terminating: podsAndCompute,
  NotTerminating: podsAndCompute,
  NotBestEffort: podsAndCompute,
  PriorityClass: podsAndCompute,
  CrossNamespacePodAffinity: podsAndCompute,
  BestEffort: pods,
  VolumeAttributesClass: new Set(['persistentvolumeclaims', 'requests.storage']),
};
const withoutValues = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);
const conflicts = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
const existDetail =
  "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

const isScope = (scope: string): boolean => Object.hasOwn(countedIn, scope);
const isCounted = (scope: string, name: string): boolean =>
  !isScope(scope) || !isQuotaResource(name) || (countedIn[scope]?.has(name) ?? false);

function* amounts(path: string, list: Readonly<Record<string, string>> | undefined): Causes {
  for (const [name, text] of Object.entries(list ?? {})) {
    const at = `${path}[${name}]`;
    yield* resourceName(at, name);
    if (!name.includes('/') && !isQuotaResource(name))
      yield invalidValue(at, name, 'must be a standard resource for quota');
    yield* resourceAmount(at, name, text);
  }
}

const conflict = (scopes: readonly string[]): boolean =>
  conflicts.some((pair) => pair.every((scope) => scopes.includes(scope)));

function* scopeCauses({ hard = {}, scopes = [] }: ResourceQuotaSpec): Causes {
  const path = 'spec.scopes';
  for (const scope of scopes) {
    if (!isScope(scope)) yield invalidValue(path, scopes, 'unsupported scope');
    for (const name of Object.keys(hard))
      if (!isCounted(scope, name)) yield invalidValue(path, scopes, 'unsupported scope applied to resource');
  }
  if (conflict(scopes)) yield invalidValue(path, scopes, 'conflicting scopes');
}

function* selectorCauses({ hard = {}, scopes, scopeSelector }: ResourceQuotaSpec): Causes {
  if (scopeSelector === undefined) return;
  const path = 'spec.scopeSelector.matchExpressions';
  const named = scopeSelector.matchExpressions ?? [];
  for (const { scopeName: scope = '', operator = '', values = [] } of named) {
    if (!isScope(scope)) yield invalidValue(`${path}.scopeName`, scope, 'unsupported scope');
    for (const name of Object.keys(hard))
      if (!isCounted(scope, name)) yield invalidValue(path, scopeSelector, 'unsupported scope applied to resource');
    if (withoutValues.has(scope) && operator !== 'Exists')
      yield invalidValue(`${path}.operator`, operator, existDetail);
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        yield required(
          `${path}.values`,
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        yield invalidValue(
          `${path}.values`,
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        );
    } else yield invalidValue(`${path}.operator`, operator, 'not a valid selector operator');
  }
  if (conflict(named.map(({ scopeName }) => scopeName))) yield invalidValue(path, scopes, 'conflicting scopes');
}

export function* quotaCauses(spec: ResourceQuotaSpec): Causes {
  yield* amounts('spec.hard', spec.hard);
  yield* scopeCauses(spec);
  yield* selectorCauses(spec);
}

/** Scopes say what was counted: they stay. */
export function* quotaUpdateCauses(
  { scopes = [] }: ResourceQuotaSpec,
  { scopes: old = [] }: ResourceQuotaSpec,
): Causes {
  const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort();
  if (!deepEqual(sorted(scopes), sorted(old))) yield invalidValue('spec.scopes', scopes, immutableDetail);
}

export function* quotaStatusCauses({ hard, used }: ResourceQuotaStatus): Causes {
  yield* amounts('status.hard', hard);
  yield* amounts('status.used', used);
}
