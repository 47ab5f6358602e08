/**
 * Role: rights inside one namespace.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { policyRule } from './rules.ts';
import { roleCauses } from './rbac-validation.ts';

export const Role = resource({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  scope: 'Namespaced',
  hooks: {
    name: 'pathSegment',
    validateCreate: (role) => [...roleCauses(role, 'Namespaced')],
  },
  name: 'rbac.v1.Role',
  doc: 'Rights inside one namespace.',
  fields: {
    rules: s.list(2, policyRule).default([]).doc('What is allowed.'),
  },
});
export type Role = ObjectOf<typeof Role>;
