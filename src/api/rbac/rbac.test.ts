import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { ClusterRole } from './clusterrole.ts';
import { ClusterRoleBinding } from './clusterrolebinding.ts';
import { Role } from './role.ts';
import { RoleBinding } from './rolebinding.ts';

const metadata = { name: 'system:reader' };
const roleRef = { kind: 'ClusterRole', name: 'view' };

const rules: readonly [string, object, readonly string[]][] = [
  [
    'nothing',
    {},
    [
      'rules[0].verbs: Required value',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ],
  ],
  [
    'paths in a namespace',
    { verbs: ['get'], nonResourceURLs: ['/healthz'] },
    ['rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs'],
  ],
  ['resources', { verbs: ['get'], apiGroups: [''], resources: ['pods'] }, []],
];
for (const [what, rule, causes] of rules)
  test(`a role with a rule for ${what}`, () =>
    assert.deepEqual(createCauses(Role, { metadata, rules: [rule] } as never), causes));

test('a cluster role may speak of paths, but not of both', () => {
  const of = (rule: object): string[] => createCauses(ClusterRole, { metadata, rules: [rule] });
  assert.deepEqual(of({ verbs: ['get'], nonResourceURLs: ['/healthz'] }), []);
  assert.deepEqual(of({ verbs: ['get'], nonResourceURLs: ['/a'], resources: ['pods'] }), [
    'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
  ]);
  assert.deepEqual(createCauses(ClusterRole, { metadata, aggregationRule: {} }), [
    'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  ]);
});

test('the group of a subject follows from its kind', () => {
  const binding = written(RoleBinding, {
    metadata,
    roleRef,
    subjects: [
      { kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'ci' },
    ],
  });
  assert.deepEqual(
    binding.subjects?.map(({ apiGroup }) => apiGroup),
    ['rbac.authorization.k8s.io', undefined],
  );
  assert.equal(binding.roleRef.apiGroup, 'rbac.authorization.k8s.io');
  const { Age: _, ...cells } = row(RoleBinding, binding);
  assert.deepEqual(cells, {
    Name: 'system:reader',
    Role: 'ClusterRole/view',
    Users: 'jane',
    Groups: '',
    ServiceAccounts: 'ci/robot',
  });
});

test('a binding has known subjects and a role that stays', () => {
  assert.deepEqual(createCauses(RoleBinding, { metadata, subjects: [{ kind: 'Robot', name: 'r' }] }), [
    'roleRef.name: Required value',
    'roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"',
    'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
  ]);
  assert.deepEqual(
    createCauses(ClusterRoleBinding, {
      metadata,
      roleRef: { kind: 'Role', name: 'x' },
      subjects: [{ kind: 'ServiceAccount', name: 'r' }],
    }),
    [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'subjects[0].namespace: Required value',
    ],
  );
  const old = written(RoleBinding, { metadata, roleRef });
  assert.deepEqual(updateCauses(RoleBinding, { metadata, roleRef: { ...roleRef, name: 'edit' } }, old), [
    'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: field is immutable',
  ]);
});

test('names of roles may hold colons, not slashes', () => {
  assert.deepEqual(createCauses(Role, { metadata: { name: 'a/b' } }), [
    'metadata.name: Invalid value: "a/b": may not contain \'/\'',
  ]);
});
