/**
 * RoleBinding: gives a role to subjects inside one namespace.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { roleRef, subject } from './rules.ts';
import { bindingColumns, fillSubjects } from './bindings.ts';
import { bindingCauses, bindingUpdateCauses } from './rbac-validation.ts';

export const RoleBinding = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  scope: 'Namespaced',
  columns: bindingColumns,
  hooks: {
    fill: (draft) => fillSubjects(draft),
    name: 'pathSegment',
    validateCreate: (binding) => [...bindingCauses(binding, 'Namespaced')],
    validateUpdate: (binding, old) => [...bindingUpdateCauses(binding, old)],
  },
  name: 'rbac.v1.RoleBinding',
  doc: 'Gives the rights of a role to users, groups and accounts inside one namespace.',
  fields: {
    subjects: s.list(2, subject).optional().doc('Who gets the rights.'),
    roleRef: s
      .field(3, roleRef)
      .default({} as never)
      .doc('The Role or ClusterRole; cannot be changed.'),
  },
});
export type RoleBinding = ObjectOf<typeof RoleBinding>;
