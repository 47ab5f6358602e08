/**
 * What RBAC kinds are made of: rules, subjects and role references.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';

export const policyRule = struct(
  'rbac.v1.PolicyRule',
  {
    verbs: s.list(1, t.string).default([]).doc('Verbs that are allowed; * means all.'),
    apiGroups: s.list(2, t.string).optional().doc('Groups of the resources; "" is the core group, * means all.'),
    resources: s.list(3, t.string).optional().doc('Resources, such as pods or pods/log; * means all.'),
    resourceNames: s.list(4, t.string).optional().doc('Names of single objects; all when absent.'),
    nonResourceURLs: s
      .list(5, t.string)
      .optional()
      .doc('Paths outside the resources, such as /healthz or /apis/*; only in a ClusterRole.'),
  },
  { doc: 'Allows verbs on resources or on paths.' },
);
export interface PolicyRule extends Of<typeof policyRule> {}

export const subject = struct(
  'rbac.v1.Subject',
  {
    kind: s.string(1).ruled().doc('User, Group or ServiceAccount.'),
    apiGroup: s.string(2).optional().doc('Group of the kind; follows from it when absent.'),
    name: s.string(3).doc('Name of the user, group or account.'),
    namespace: s.string(4).optional().doc('Namespace of the ServiceAccount.'),
  },
  { doc: 'Who gets the rights.' },
);
export interface Subject extends Of<typeof subject> {}

export const roleRef = struct(
  'rbac.v1.RoleRef',
  {
    apiGroup: s.string(1).default('rbac.authorization.k8s.io').doc('Group of the role.'),
    kind: s.string(2).ruled().doc('Role or ClusterRole.'),
    name: s.string(3).doc('Name of the role.'),
  },
  { atomic: true, doc: 'The role that is given.' },
);
export interface RoleRef extends Of<typeof roleRef> {}

export const aggregationRule = struct(
  'rbac.v1.AggregationRule',
  {
    clusterRoleSelectors: s
      .list(1, labelSelector)
      .optional()
      .doc('Labels of the ClusterRoles whose rules are gathered.'),
  },
  { doc: 'Gathers the rules of other ClusterRoles.' },
);
export interface AggregationRule extends Of<typeof aggregationRule> {}
