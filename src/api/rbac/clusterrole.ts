/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { aggregationRule, policyRule } from './rules.ts';

export const ClusterRole = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
  name: 'rbac.v1.ClusterRole',
  doc: '',
  fields: {
    rules: s.list(2, policyRule).default([]).doc(''),
    aggregationRule: s.field(3, aggregationRule).optional().doc(''),
  },
});
export type ClusterRole = ObjectOf<typeof ClusterRole>;
