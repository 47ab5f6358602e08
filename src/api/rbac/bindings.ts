/** What RoleBinding and ClusterRoleBinding share: columns, and the API group that follows from a subject's kind. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { DraftOf } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { RoleRef, Subject, subject } from './rules.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

type SubjectDraft = DraftOf<typeof subject>;

/** Users and groups are of the RBAC group, ServiceAccounts of the core group. */
export function fillSubjects<B extends { readonly subjects?: readonly SubjectDraft[] }>(binding: B): B {
  const lacking = (one: SubjectDraft): boolean => !one.apiGroup && (one.kind === 'User' || one.kind === 'Group');
  if (!binding.subjects?.some(lacking)) return binding;
  return {
    ...binding,
    subjects: binding.subjects.map((one) => (lacking(one) ? { ...one, apiGroup: rbacGroup } : one)),
  };
}

interface Binding extends AnyObject {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

const namesOf = (binding: Binding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((one) => one.kind === kind)
    .map((one) => (kind === 'ServiceAccount' && one.namespace ? `${one.namespace}/${one.name}` : one.name))
    .join(', ');

export const bindingColumns = [
  nameColumn,
  {
    name: 'Role',
    type: 'string',
    description: 'The role that is given.',
    cell: (binding: Binding) => `${binding.roleRef.kind}/${binding.roleRef.name}`,
  },
  ageColumn,
  {
    name: 'Users',
    type: 'string',
    priority: 1,
    description: 'Users who get the rights.',
    cell: (binding: Binding) => namesOf(binding, 'User'),
  },
  {
    name: 'Groups',
    type: 'string',
    priority: 1,
    description: 'Groups who get the rights.',
    cell: (binding: Binding) => namesOf(binding, 'Group'),
  },
  {
    name: 'ServiceAccounts',
    type: 'string',
    priority: 1,
    description: 'ServiceAccounts who get the rights.',
    cell: (binding: Binding) => namesOf(binding, 'ServiceAccount'),
  },
] as const;
