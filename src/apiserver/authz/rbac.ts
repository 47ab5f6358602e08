/**
 * Role-based access control (https://kubernetes.io/docs/reference/access-authn-authz/rbac/): a user may do what some role that is bound to them
 * allows, nothing else. It reads roles and bindings from the watch caches and keeps a compiled form per subject, thrown away whenever one of them changes.
 */
import type { ClusterRole } from '#api/rbac/clusterrole.ts';
import type { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import type { Role } from '#api/rbac/role.ts';
import type { RoleBinding } from '#api/rbac/rolebinding.ts';
import type { PolicyRule, RoleRef, Subject } from '#api/rbac/rules.ts';
import type { Attributes } from '../attributes.ts';
import type { User } from '../user.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface RbacCaches {
  readonly roles: WatchCache;
  readonly clusterRoles: WatchCache;
  readonly roleBindings: WatchCache;
  readonly clusterRoleBindings: WatchCache;
}

export type Rule = Pick<PolicyRule, 'verbs' | 'apiGroups' | 'resources' | 'resourceNames' | 'nonResourceURLs'>;

/** Rules in force somewhere: `namespace` undefined means the whole cluster. */
interface Grant {
  readonly namespace: string | undefined;
  readonly rules: readonly Rule[];
}

export class Rbac {
  readonly #caches: RbacCaches;
  /** Subject key → grants. */
  #grants: Map<string, Grant[]> | undefined;

  constructor(caches: RbacCaches) {
    this.#caches = caches;
    for (const cache of Object.values(caches) as WatchCache[]) cache.observe(() => (this.#grants = undefined));
  }

  allows(attributes: Attributes): boolean {
    if (attributes.user.groups.includes('system:masters')) return true;
    for (const grant of this.#grantsOf(attributes.user)) {
      if (grant.namespace !== undefined && grant.namespace !== attributes.resource?.namespace) continue;
      if (grant.rules.some((rule) => ruleAllows(rule, attributes, grant.namespace === undefined))) return true;
    }
    return false;
  }

  /** Every rule that holds for the user in this namespace: SelfSubjectRulesReview, and escalation checks. */
  rulesFor(user: User, namespace: string | undefined): readonly Rule[] {
    if (user.groups.includes('system:masters')) {
      return [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ] as Rule[];
    }
    return [...this.#grantsOf(user)]
      .filter((grant) => grant.namespace === undefined || grant.namespace === namespace)
      .flatMap((grant) => grant.rules);
  }

  /** The rules a role reference stands for; undefined when the role does not exist. */
  rulesOf(ref: Pick<RoleRef, 'kind' | 'name'>, namespace: string | undefined): readonly Rule[] | undefined {
    const entry =
      ref.kind === 'ClusterRole'
        ? this.#caches.clusterRoles.get(this.#caches.clusterRoles.key(undefined, ref.name))
        : this.#caches.roles.get(this.#caches.roles.key(namespace, ref.name));
    return entry && ((entry.object as unknown as Role | ClusterRole).rules ?? []);
  }

  *#grantsOf(user: User): Generator<Grant> {
    const grants = (this.#grants ??= this.#compile());
    yield* grants.get(`User:${user.name}`) ?? [];
    for (const group of user.groups) yield* grants.get(`Group:${group}`) ?? [];
  }

  #compile(): Map<string, Grant[]> {
    const grants = new Map<string, Grant[]>();
    const add = (subjects: readonly Subject[] | undefined, namespace: string | undefined, ref: RoleRef): void => {
      const rules = this.rulesOf(ref, namespace);
      if (!rules?.length) return;
      for (const subject of subjects ?? []) {
        const key = subjectKey(subject, namespace);
        const known = grants.get(key);
        if (known) known.push({ namespace, rules });
        else grants.set(key, [{ namespace, rules }]);
      }
    };
    for (const entry of this.#caches.clusterRoleBindings.values()) {
      const binding = entry.object as unknown as ClusterRoleBinding;
      add(binding.subjects, undefined, binding.roleRef);
    }
    for (const entry of this.#caches.roleBindings.values()) {
      const binding = entry.object as unknown as RoleBinding;
      add(binding.subjects, entry.namespace, binding.roleRef);
    }
    return grants;
  }
}

function subjectKey(subject: Subject, bindingNamespace: string | undefined): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind}:${subject.name}`;
  return `User:system:serviceaccount:${subject.namespace ?? bindingNamespace ?? ''}:${subject.name}`;
}

const holds = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));

function ruleAllows(rule: Rule, attributes: Attributes, clusterWide: boolean): boolean {
  if (!holds(rule.verbs, attributes.verb)) return false;
  const { resource } = attributes;
  if (!resource) return clusterWide && urlMatches(rule.nonResourceURLs, attributes.path);
  if (!holds(rule.apiGroups, resource.group)) return false;
  if (!resourceMatches(rule.resources, resource.plural, resource.subresource)) return false;
  if (!rule.resourceNames?.length) return true;
  return resource.name !== undefined && rule.resourceNames.includes(resource.name);
}

function resourceMatches(
  resources: readonly string[] | undefined,
  plural: string,
  subresource: string | undefined,
): boolean {
  if (!resources) return false;
  if (resources.includes('*')) return true;
  if (!subresource) return resources.includes(plural);
  return resources.includes(`${plural}/${subresource}`) || resources.includes(`*/${subresource}`);
}

function urlMatches(urls: readonly string[] | undefined, path: string): boolean {
  return (urls ?? []).some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );
}

/**
 * The parts of `wanted` that `owned` does not cover: whoever writes a role must hold all it grants
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 */
export function uncovered(owned: readonly Rule[], wanted: readonly Rule[]): readonly Rule[] {
  return wanted.flatMap(single).filter((rule) => !owned.some((owner) => covers(owner, rule)));
}

/** One verb, group, resource, name each. */
function single(rule: Rule): Rule[] {
  const out: Rule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) out.push({ verbs: [verb], nonResourceURLs: [url] } as Rule);
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (!rule.resourceNames?.length) out.push(base as Rule);
        else for (const name of rule.resourceNames) out.push({ ...base, resourceNames: [name] } as Rule);
      }
    }
  }
  return out;
}

function covers(owner: Rule, one: Rule): boolean {
  if (!holds(owner.verbs, one.verbs[0] as string)) return false;
  const url = one.nonResourceURLs?.[0];
  if (url !== undefined) return urlMatches(owner.nonResourceURLs, url);
  if (!holds(owner.apiGroups, one.apiGroups?.[0] as string)) return false;
  const [plural, subresource] = (one.resources?.[0] ?? '').split('/') as [string, string | undefined];
  if (
    plural === '*' && !subresource
      ? !owner.resources?.includes('*')
      : !resourceMatches(owner.resources, plural, subresource)
  )
    return false;
  if (!owner.resourceNames?.length) return true;
  return one.resourceNames !== undefined && owner.resourceNames.includes(one.resourceNames[0] as string);
}
