/**
 * ClusterRole: rights for the whole cluster, or to be given in single namespaces.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { aggregationRule, policyRule } from './rules.ts';
import { roleCauses } from './rbac-validation.ts';

export const ClusterRole = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
  hooks: {
    name: 'pathSegment',
    validateCreate: (role) => [...roleCauses(role, 'Cluster')],
  },
  name: 'rbac.v1.ClusterRole',
  doc: 'Rights in the whole cluster, or to be given in single namespaces.',
  fields: {
    rules: s.list(2, policyRule).default([]).doc('What is allowed.'),
    aggregationRule: s
      .field(3, aggregationRule)
      .optional()
      .doc('When set, rules are gathered from other ClusterRoles and kept by a controller.'),
  },
});
export type ClusterRole = ObjectOf<typeof ClusterRole>;
