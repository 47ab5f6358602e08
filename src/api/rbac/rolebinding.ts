/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { roleRef, subject } from './rules.ts';

export const RoleBinding = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  scope: 'Namespaced',
  name: 'rbac.v1.RoleBinding',
  doc: '',
  fields: {
    subjects: s.list(2, subject).optional().doc(''),
    roleRef: s.field(3, roleRef).doc(''),
  },
});
export type RoleBinding = ObjectOf<typeof RoleBinding>;
