/**
 * ClusterRoleBinding: gives a ClusterRole to subjects in the whole cluster.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { roleRef, subject } from './rules.ts';
import { bindingColumns, fillSubjects } from './bindings.ts';
import { bindingCauses, bindingUpdateCauses } from './rbac-validation.ts';

export const ClusterRoleBinding = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
  columns: bindingColumns,
  hooks: {
    fill: (draft) => fillSubjects(draft),
    name: 'pathSegment',
    validateCreate: (binding) => [...bindingCauses(binding, 'Cluster')],
    validateUpdate: (binding, old) => [...bindingUpdateCauses(binding, old)],
  },
  name: 'rbac.v1.ClusterRoleBinding',
  doc: 'Gives the rights of a ClusterRole to users, groups and accounts in the whole cluster.',
  fields: {
    subjects: s.list(2, subject).optional().doc('Who gets the rights.'),
    roleRef: s
      .field(3, roleRef)
      .default({} as never)
      .doc('The ClusterRole; cannot be changed.'),
  },
});
export type ClusterRoleBinding = ObjectOf<typeof ClusterRoleBinding>;
