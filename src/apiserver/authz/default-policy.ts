/**
 * The roles and bindings that every cluster starts with, the same as upstream's
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings). They are reconciled at every start: missing rules and
 * subjects are added unless the object says `rbac.authorization.kubernetes.io/autoupdate: "false"`.
 */
import { componentRoles } from './policy/components.ts';
import { controllerRules } from './policy/controllers.ts';
import { peopleRoles } from './policy/people.ts';
import type { DefaultRole } from './policy/rule.ts';

export interface DefaultBinding {
  readonly name: string;
  readonly role: string;
  readonly subjects: readonly { kind: 'User' | 'Group' | 'ServiceAccount'; name: string; namespace?: string }[];
}

export const defaultRoles: readonly DefaultRole[] = [
  ...peopleRoles,
  ...componentRoles,
  ...Object.entries(controllerRules).map(([name, rules]) => ({ name: `system:controller:${name}`, rules })),
];

const group = (name: string) => ({ kind: 'Group' as const, name });
const user = (name: string) => ({ kind: 'User' as const, name });
const authenticated = group('system:authenticated');
const everybody = [authenticated, group('system:unauthenticated')];

export const defaultBindings: readonly DefaultBinding[] = [
  { name: 'cluster-admin', role: 'cluster-admin', subjects: [group('system:masters')] },
  { name: 'system:discovery', role: 'system:discovery', subjects: [authenticated] },
  { name: 'system:basic-user', role: 'system:basic-user', subjects: [authenticated] },
  { name: 'system:public-info-viewer', role: 'system:public-info-viewer', subjects: everybody },
  { name: 'system:monitoring', role: 'system:monitoring', subjects: [group('system:monitoring')] },
  { name: 'system:node-proxier', role: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  {
    name: 'system:coredns',
    role: 'system:coredns',
    subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' }],
  },
  {
    name: 'system:kubelet-api-admin',
    role: 'system:kubelet-api-admin',
    subjects: [user('kube-apiserver-kubelet-client')],
  },
  { name: 'system:kube-scheduler', role: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  {
    name: 'system:kube-controller-manager',
    role: 'system:kube-controller-manager',
    subjects: [user('system:kube-controller-manager')],
  },
  { name: 'system:node', role: 'system:node', subjects: [] },
  {
    name: 'system:cluster-trust-bundle-discovery',
    role: 'system:cluster-trust-bundle-discovery',
    subjects: [group('system:serviceaccounts')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    role: 'system:service-account-issuer-discovery',
    subjects: [group('system:serviceaccounts')],
  },
  ...Object.keys(controllerRules).map((name) => ({
    name: `system:controller:${name}`,
    role: `system:controller:${name}`,
    subjects: [{ kind: 'ServiceAccount' as const, name, namespace: 'kube-system' }],
  })),
];
