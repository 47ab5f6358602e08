/**
 * Keeps the rules of aggregated ClusterRoles: the union of all roles their selectors find
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { patch } from '#runtime/action.ts';
import { controller } from '#runtime/controller.ts';
import { canonical } from './template-hash.ts';

export const clusterRoleAggregation = controller({
  name: 'clusterrole-aggregation-controller',
  for: ClusterRole,
  watches: [
    {
      kind: ClusterRole,
      wakes: function* (_change, read) {
        for (const role of read.of(ClusterRole).all()) if (role.aggregationRule) yield role.metadata.name;
      },
    },
  ],
  *reconcile(role: ClusterRole, { of }) {
    const selectors = role.aggregationRule?.clusterRoleSelectors;
    if (!selectors) return;
    const compiled = selectors.map((selector) => selectorFrom(selector as never));
    const sources = [...of(ClusterRole).all()]
      .filter((other) => other !== role && compiled.some((selector) => matches(selector, other.metadata.labels ?? {})))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const rules = new Map<string, unknown>();
    for (const rule of sources.flatMap((source) => source.rules ?? [])) rules.set(canonical(rule), rule);
    const wanted = [...rules.values()];
    if (deepEqual(role.rules ?? [], wanted)) return;
    yield patch(
      ClusterRole,
      role,
      {
        type: 'apply',
        body: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: role.metadata.name },
          rules: wanted,
        },
      },
      { force: true },
    );
  },
});
