/**
 * Nobody hands out more than they hold: writing a role needs all its permissions (or the verb `escalate`), binding one needs all its permissions (or
 * the verb `bind`). See https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbidden, notFound } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { RoleRef } from '#api/rbac/rules.ts';
import type { Authorizer } from '../authz/authorize.ts';
import { uncovered, type Rbac, type Rule } from '../authz/rbac.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const group = 'rbac.authorization.k8s.io';

export function escalationCheck(rbac: Rbac, authorizer: Authorizer): AdmissionPlugin {
  const mayUse = (request: AdmissionRequest, verb: 'bind' | 'escalate', plural: string, name: string): boolean =>
    authorizer.allows({
      user: request.user,
      verb,
      path: '',
      resource: { group, version: 'v1', plural, namespace: request.namespace, name, subresource: undefined },
    });

  const check = (request: AdmissionRequest, wanted: readonly Rule[]): void => {
    const missing = uncovered(rbac.rulesFor(request.user, request.namespace), wanted);
    if (missing.length === 0) return;
    const { user, kind, object } = request;
    const groups = user.groups.length > 0 ? ` (groups=${JSON.stringify(user.groups)})` : '';
    throw forbidden(
      { group, plural: kind.plural },
      object?.metadata.name ?? '',
      `user "${user.name}"${groups} is attempting to grant RBAC permissions not currently held:\n${missing.map(describe).join('\n')}`,
    );
  };

  return {
    name: 'RBACEscalation',
    validate(request) {
      const { kind, operation, object, old } = request;
      if (kind.group !== group || operation === 'DELETE' || !object) return;
      const now = object as AnyObject & { rules?: readonly Rule[]; roleRef?: RoleRef; subjects?: unknown };
      const before = old as typeof now | undefined;
      if (kind.kind === 'Role' || kind.kind === 'ClusterRole') {
        if (before && deepEqual(now.rules, before.rules)) return;
        if (mayUse(request, 'escalate', kind.plural, now.metadata.name)) return;
        check(request, now.rules ?? []);
        return;
      }
      if (
        !now.roleRef ||
        (before && deepEqual(now.roleRef, before.roleRef) && deepEqual(now.subjects, before.subjects))
      )
        return;
      const plural = now.roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
      if (mayUse(request, 'bind', plural, now.roleRef.name)) return;
      const rules = rbac.rulesOf(now.roleRef, request.namespace);
      if (!rules && !request.user.groups.includes('system:masters'))
        throw notFound({ group, plural }, now.roleRef.name);
      check(request, rules ?? []);
    },
  };
}

const describe = (rule: Rule): string =>
  rule.nonResourceURLs?.length
    ? `{NonResourceURLs:${JSON.stringify(rule.nonResourceURLs)}, Verbs:${JSON.stringify(rule.verbs)}}`
    : `{APIGroups:${JSON.stringify(rule.apiGroups)}, Resources:${JSON.stringify(rule.resources)}${rule.resourceNames?.length ? `, ResourceNames:${JSON.stringify(rule.resourceNames)}` : ''}, Verbs:${JSON.stringify(rule.verbs)}}`;
