/** */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';

export const policyRule = struct('rbac.v1.PolicyRule', {
  verbs: s.list(1, t.string).default([]).doc(''),
  apiGroups: s.list(2, t.string).optional().doc(''),
  resources: s.list(3, t.string).optional().doc(''),
  resourceNames: s.list(4, t.string).optional().doc(''),
  nonResourceURLs: s.list(5, t.string).optional().doc(''),
});
export interface PolicyRule extends Of<typeof policyRule> {}

export const subject = struct('rbac.v1.Subject', {
  kind: s.string(1).doc(''),
  apiGroup: s.string(2).optional().doc(''),
  name: s.string(3).doc(''),
  namespace: s.string(4).optional().doc(''),
});
export interface Subject extends Of<typeof subject> {}

export const roleRef = struct('rbac.v1.RoleRef', {
  apiGroup: s.string(1).default('rbac.authorization.k8s.io').doc(''),
  kind: s.string(2).doc(''),
  name: s.string(3).doc(''),
});
export interface RoleRef extends Of<typeof roleRef> {}

export const aggregationRule = struct('rbac.v1.AggregationRule', {
  clusterRoleSelectors: s.list(1, labelSelector).optional().doc(''),
});
export interface AggregationRule extends Of<typeof aggregationRule> {}
