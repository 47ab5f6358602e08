/** Rules of roles and bindings. Whether the author may give these rights is decided by admission. Wording is upstream's. */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Subdomain, pathSegment } from '#meta/names.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { rbacGroup } from './bindings.ts';
import type { AggregationRule, PolicyRule, RoleRef, Subject } from './rules.ts';

type Scope = 'Namespaced' | 'Cluster';

function* ruleCauses(at: string, rule: PolicyRule, scope: Scope): Causes {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) yield required(`${at}.verbs`);
  if (nonResourceURLs.length > 0) {
    const path = `${at}.nonResourceURLs`;
    if (scope === 'Namespaced')
      yield invalidValue(path, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      yield invalidValue(path, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    }
    return;
  }
  if (apiGroups.length === 0) yield required(`${at}.apiGroups`, 'resource rules must supply at least one api group');
  if (resources.length === 0) yield required(`${at}.resources`, 'resource rules must supply at least one resource');
}

export function* roleCauses(
  role: { readonly rules: readonly PolicyRule[]; readonly aggregationRule?: AggregationRule },
  scope: Scope,
): Causes {
  for (const [rule, at] of indexed('rules', role.rules)) yield* ruleCauses(at, rule, scope);
  if (role.aggregationRule === undefined) return;
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    yield required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  for (const [selector, at] of indexed(path, selectors)) {
    const wrong = checkLabelSelector(selector, at);
    yield* wrong;
    if (wrong.length > 0) yield invalidValue(at, undefined, 'invalid label selector.');
  }
}

function* subjectCauses(at: string, { kind, apiGroup = '', name, namespace }: Subject, scope: Scope): Causes {
  switch (kind) {
    case 'ServiceAccount':
      if (name) yield* named(dns1123Subdomain, `${at}.name`, name);
      if (apiGroup !== '') yield notSupported(`${at}.apiGroup`, apiGroup, ['']);
      if (scope === 'Cluster' && !namespace) yield required(`${at}.namespace`);
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) yield notSupported(`${at}.apiGroup`, apiGroup, [rbacGroup]);
      break;
    default:
      yield notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']);
  }
}

interface BindingLike {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

export function* bindingCauses({ subjects, roleRef }: BindingLike, scope: Scope): Causes {
  const kinds = scope === 'Cluster' ? ['ClusterRole'] : ['Role', 'ClusterRole'];
  if (roleRef !== undefined) {
    if (roleRef.apiGroup !== rbacGroup) yield notSupported('roleRef.apiGroup', roleRef.apiGroup, [rbacGroup]);
    if (!kinds.includes(roleRef.kind)) yield notSupported('roleRef.kind', roleRef.kind, kinds);
    if (roleRef.name) yield* named(pathSegment, 'roleRef.name', roleRef.name);
  }
  for (const [subject, at] of indexed('subjects', subjects)) yield* subjectCauses(at, subject, scope);
}

export function* bindingUpdateCauses({ roleRef }: BindingLike, { roleRef: old }: BindingLike): Causes {
  const { apiGroup, kind = '', name = '' } = roleRef;
  if (!deepEqual(roleRef, old))
    yield invalidValue('roleRef', { APIGroup: apiGroup, Kind: kind, Name: name }, immutableDetail);
}
