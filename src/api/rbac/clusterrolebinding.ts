/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { roleRef, subject } from './rules.ts';

export const ClusterRoleBinding = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
  name: 'rbac.v1.ClusterRoleBinding',
  doc: '',
  fields: {
    subjects: s.list(2, subject).optional().doc(''),
    roleRef: s.field(3, roleRef).doc(''),
  },
});
export type ClusterRoleBinding = ObjectOf<typeof ClusterRoleBinding>;
