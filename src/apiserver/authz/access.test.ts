/** Who may do what: roles, nodes, escalation, tokens and reviews. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SelfSubjectAccessReview } from '#api/authorization/selfsubjectaccessreview.ts';
import { SelfSubjectRulesReview } from '#api/authorization/selfsubjectrulesreview.ts';
import { SubjectAccessReview } from '#api/authorization/subjectaccessreview.ts';
import { TokenReview } from '#api/authentication/tokenreview.ts';
import { Lease } from '#api/coordination/lease.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Secret } from '#api/core/secret.ts';
import { ResourceSlice } from '#api/resource/resourceslice.ts';
import { CSINode } from '#api/storage/csinode.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import { Role } from '#api/rbac/role.ts';
import { RoleBinding } from '#api/rbac/rolebinding.ts';
import { issuer, podDraft, refusal, testApi, type TestApi } from '../test-api.ts';
import { userOf } from '../user.ts';

const inDefault = { namespace: 'default' } as const;
const rule = (verbs: string[], resources: string[], more: object = {}) => ({
  verbs,
  apiGroups: [''],
  resources,
  ...more,
});

async function grant(api: TestApi, user: string, rules: object[], namespace = 'default'): Promise<void> {
  await api.client.create(Role, { metadata: { name: `of-${user}`, namespace }, rules } as never);
  await api.client.create(RoleBinding, {
    metadata: { name: `of-${user}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `of-${user}` },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  } as never);
}

test('a role allows its verbs on its resources in its namespace, and nothing else', async () => {
  await using api = await testApi();
  await grant(api, 'jane', [
    rule(['get', 'list'], ['configmaps']),
    rule(['get'], ['secrets'], { resourceNames: ['one'] }),
  ]);
  const jane = api.as(userOf('jane'));
  assert.equal((await jane.list(ConfigMap, inDefault)).items.length, 0);
  const refused = async (call: Promise<unknown>): Promise<string> => {
    const error = await refusal(call);
    assert.equal(error.reason, 'Forbidden');
    return error.message;
  };
  assert.equal(
    await refused(jane.list(ConfigMap)),
    'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" at the cluster scope',
  );
  assert.equal(
    await refused(jane.list(ConfigMap, { namespace: 'other' })),
    'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "other"',
  );
  assert.match(
    await refused(jane.create(ConfigMap, { metadata: { name: 'x', ...inDefault } })),
    /cannot create resource "configmaps"/,
  );
  assert.equal((await refusal(jane.get(Secret, 'one', inDefault))).reason, 'NotFound');
  assert.match(await refused(jane.get(Secret, 'two', inDefault)), /secrets "two" is forbidden/);
  assert.match(await refused(jane.list(Secret, inDefault)), /cannot list resource "secrets"/);
  assert.match(
    await refused(jane.patch(Pod, 'p', { type: 'merge', body: {} }, { ...inDefault, subresource: 'status' })),
    /resource "pods\/status"/,
  );
  await api.client.delete(RoleBinding, 'of-jane', inDefault);
  await refused(jane.list(ConfigMap, inDefault));
});

test('a service account is a subject, and the default roles stand', async () => {
  await using api = await testApi();
  await api.client.create(RoleBinding, {
    metadata: { name: 'view', ...inDefault },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', ...inDefault }],
  } as never);
  const account = api.as(userOf('system:serviceaccount:default:default'));
  assert.ok(await account.list(Pod, inDefault));
  assert.equal((await refusal(account.list(Secret, inDefault))).reason, 'Forbidden');
  assert.equal((await refusal(account.list(Pod, { namespace: 'other' }))).reason, 'Forbidden');
});

test('nobody writes a role or a binding with more than they hold', async () => {
  await using api = await testApi();
  const rbac = {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles', 'rolebindings'],
    verbs: ['create', 'get', 'update'],
  };
  await grant(api, 'mallory', [rbac, rule(['get'], ['configmaps'])]);
  const mallory = api.as(userOf('mallory'));
  const role = (name: string, rules: object[]) =>
    mallory.create(Role, { metadata: { name, ...inDefault }, rules } as never);
  await role('same', [rule(['get'], ['configmaps'])]);
  await role('named', [rule(['get'], ['configmaps'], { resourceNames: ['a'] })]);
  for (const rules of [
    [rule(['list'], ['configmaps'])],
    [rule(['get'], ['secrets'])],
    [rule(['*'], ['configmaps'])],
    [rule(['get'], ['*'])],
    [rule(['get'], ['configmaps/status'])],
  ]) {
    const error = await refusal(role('more', rules));
    assert.equal(error.reason, 'Forbidden', JSON.stringify(rules));
    assert.match(error.message, /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\]/);
  }
  const bind = (kind: string, name: string) =>
    mallory.create(RoleBinding, {
      metadata: { name: `b-${name}`, ...inDefault },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
      subjects: [],
    } as never);
  await bind('Role', 'same');
  assert.equal((await refusal(bind('ClusterRole', 'cluster-admin'))).reason, 'Forbidden');
  await api.client.patch(
    Role,
    'of-mallory',
    {
      type: 'json',
      body: [
        {
          op: 'add',
          path: '/rules/-',
          value: {
            apiGroups: ['rbac.authorization.k8s.io'],
            resources: ['clusterroles'],
            resourceNames: ['view'],
            verbs: ['bind'],
          },
        },
      ],
    },
    inDefault,
  );
  await bind('ClusterRole', 'view');
});

const node1 = userOf('system:node:n1', 'system:nodes');

async function twoNodes(): Promise<TestApi> {
  const api = await testApi();
  for (const name of ['n1', 'n2']) {
    await api.client.create(Secret, { metadata: { name: `for-${name}`, ...inDefault } });
    await api.client.create(
      Pod,
      podDraft(`on-${name}`, {
        spec: { nodeName: name, volumes: [{ name: 's', secret: { secretName: `for-${name}` } }] },
      }) as never,
    );
  }
  return api;
}

test('a kubelet reads the secrets of its own pods only, as long as they are there', async () => {
  await using api = await twoNodes();
  const kubelet = api.as(node1);
  assert.ok(await kubelet.get(Secret, 'for-n1', inDefault));
  assert.equal((await refusal(kubelet.get(Secret, 'for-n2', inDefault))).reason, 'Forbidden');
  assert.equal((await refusal(kubelet.list(Secret, inDefault))).reason, 'Forbidden');
  assert.equal(
    (await refusal(kubelet.update(Secret, { metadata: { name: 'for-n1', ...inDefault } }))).reason,
    'Forbidden',
  );
  await api.client.delete(Pod, 'on-n1', { ...inDefault, gracePeriodSeconds: 0 });
  assert.equal((await refusal(kubelet.get(Secret, 'for-n1', inDefault))).reason, 'Forbidden');
});

test('a kubelet writes its own node, lease and pods only', async () => {
  await using api = await twoNodes();
  const kubelet = api.as(node1);
  const made = await kubelet.create(Node, {
    metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' } },
  } as never);
  assert.ok(made.metadata.uid);
  const refused = async (call: Promise<unknown>, words: RegExp): Promise<void> => {
    const error = await refusal(call);
    assert.equal(error.reason, 'Forbidden');
    assert.match(error.message, words);
  };
  await refused(kubelet.create(Node, { metadata: { name: 'n2' } } as never), /not allowed to modify node "n2"/);
  await refused(
    kubelet.patch(Node, 'n1', { type: 'merge', body: { spec: { taints: null } } }, {}),
    /not allowed to modify taints/,
  );
  await refused(
    kubelet.patch(
      Node,
      'n1',
      { type: 'merge', body: { metadata: { labels: { 'node-restriction.kubernetes.io/x': 'y' } } } },
      {},
    ),
    /not allowed to modify labels/,
  );
  await kubelet.patch(Node, 'n1', { type: 'merge', body: { metadata: { labels: { mine: 'x' } } } }, {});
  await kubelet.create(Lease, {
    metadata: { name: 'n1', namespace: 'kube-node-lease' },
    spec: { holderIdentity: 'n1', leaseDurationSeconds: 40 },
  } as never);
  await refused(
    kubelet.create(Lease, { metadata: { name: 'n2', namespace: 'kube-node-lease' } } as never),
    /n2|cannot create/,
  );
  await refused(
    kubelet.create(Pod, podDraft('x', { spec: { nodeName: 'n1' } }) as never),
    /can only create mirror pods/,
  );
  const status = { status: { phase: 'Running' } };
  await kubelet.patch(Pod, 'on-n1', { type: 'merge', body: status }, { ...inDefault, subresource: 'status' });
  await refused(
    kubelet.patch(Pod, 'on-n2', { type: 'merge', body: status }, { ...inDefault, subresource: 'status' }),
    /spec.nodeName set to itself/,
  );
  await refused(kubelet.delete(Pod, 'on-n2', { ...inDefault, gracePeriodSeconds: 0 }), /spec.nodeName set to itself/);
  await kubelet.delete(Pod, 'on-n1', { ...inDefault, gracePeriodSeconds: 0 });
});

test('a kubelet makes mirror pods that refer to nothing, and says the truth about its storage and devices', async () => {
  await using api = await twoNodes();
  const kubelet = api.as(node1);
  const { metadata } = await kubelet.create(Node, { metadata: { name: 'n1' } } as never);
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: metadata.uid, controller: true };
  const mirror = (more: { owners?: readonly object[]; spec?: object }) => {
    const draft = podDraft('static-n1', { spec: { nodeName: 'n1', ...more.spec } });
    return kubelet.create(Pod, {
      ...draft,
      metadata: {
        ...draft.metadata,
        annotations: { 'kubernetes.io/config.mirror': 'x' },
        ownerReferences: more.owners ?? [owner],
      },
    } as never);
  };
  const refused = async (call: Promise<unknown>, words: RegExp): Promise<void> =>
    assert.match((await refusal(call)).message, words);
  await refused(mirror({ owners: [] }), /with an owner reference set to itself/);
  await refused(
    mirror({ owners: [{ ...owner, controller: false }] }),
    /with a controller owner reference set to itself/,
  );
  await refused(mirror({ owners: [{ ...owner, uid: 'other' }] }), /node n1 UID mismatch: expected other got/);
  await refused(mirror({ owners: [{ ...owner, blockOwnerDeletion: true }] }), /must not set blockOwnerDeletion/);
  const secret = { volumes: [{ name: 's', secret: { secretName: 'for-n1' } }] };
  await refused(mirror({ spec: secret }), /node "n1" can not create pods that reference secrets/);
  const claim = { volumes: [{ name: 's', persistentVolumeClaim: { claimName: 'c' } }] };
  await refused(mirror({ spec: claim }), /can not create pods that reference persistentvolumeclaims/);
  await mirror({});
  const driver = { spec: { drivers: [] } };
  await kubelet.create(CSINode, { metadata: { name: 'n1' }, ...driver } as never);
  await refused(
    kubelet.create(CSINode, { metadata: { name: 'n2' }, ...driver } as never),
    /can only access CSINode with the same name as the requesting node/,
  );
  const slice = (node: string) =>
    kubelet.create(ResourceSlice, {
      metadata: { name: `s-${node}` },
      spec: { driver: 'd.example.com', nodeName: node, pool: { name: node, generation: 1, resourceSliceCount: 1 } },
    } as never);
  await slice('n1');
  await refused(slice('n2'), /can only create ResourceSlice with the same NodeName as the requesting node/);
  await refused(
    kubelet.patch(
      Pod,
      'on-n1',
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
      { ...inDefault, subresource: 'status' },
    ),
    /node "n1" cannot update labels through pod status/,
  );
  await refused(
    kubelet.post(Pod, 'on-n2', 'eviction', {}, inDefault),
    /node n1 can only evict pods with spec.nodeName/,
  );
});

interface Issued {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
  readonly spec: { readonly audiences: readonly string[] };
}
const token = (client: TestApi['client'], spec: object, name = 'default'): Promise<Issued> =>
  client.post<Issued>(ServiceAccount, name, 'token', { spec }, inDefault);

test('a kubelet asks for tokens of its own pods only', async () => {
  await using api = await twoNodes();
  const kubelet = api.as(node1);
  const uidOf = async (name: string) => (await api.client.get(Pod, name, inDefault)).metadata.uid;
  const bound = (name: string, uid: string) => ({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } });
  assert.ok(await token(kubelet, bound('on-n1', await uidOf('on-n1'))));
  assert.match((await refusal(token(kubelet, {}))).message, /not bound to a pod/);
  assert.match((await refusal(token(kubelet, bound('on-n2', await uidOf('on-n2'))))).message, /different node/);
  assert.equal((await refusal(token(kubelet, bound('on-n1', 'another')))).reason, 'Forbidden');
});

test('a token lives as long as its pod and account, for its audience', async () => {
  await using api = await testApi();
  const { tokens } = api.server.api.policy;
  const { metadata } = await api.client.create(Pod, podDraft('p') as never);
  const own = await token(api.client, {
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: metadata.uid },
  });
  assert.deepEqual(own.spec.audiences, [issuer]);
  const found = await tokens.authenticate(own.status.token);
  assert.equal(found?.user.name, 'system:serviceaccount:default:default');
  assert.deepEqual(found?.user.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
  const vault = await token(api.client, { audiences: ['vault'] });
  assert.equal((await refusal(tokens.authenticate(vault.status.token))).reason, 'Unauthorized');
  assert.deepEqual((await tokens.authenticate(vault.status.token, ['x', 'vault']))?.audiences, ['vault']);
  await api.client.delete(Pod, 'p', { ...inDefault, gracePeriodSeconds: 0 });
  assert.equal((await refusal(tokens.authenticate(own.status.token))).reason, 'Unauthorized');
  const plain = await token(api.client, {});
  await api.client.delete(ServiceAccount, 'default', inDefault);
  assert.equal((await refusal(tokens.authenticate(plain.status.token))).reason, 'Unauthorized');
  await api.client.create(ServiceAccount, { metadata: { name: 'default', ...inDefault } });
  assert.equal((await refusal(tokens.authenticate(plain.status.token))).reason, 'Unauthorized');
});

test('a forged, cut or foreign token is not one of ours', async () => {
  await using api = await testApi();
  const { tokens } = api.server.api.policy;
  const { status } = await token(api.client, {});
  const [head, body, signature] = status.token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = `${head}.${encode({ ...claims, sub: 'system:serviceaccount:kube-system:admin' })}.${signature}`;
  const unsigned = `${encode({ alg: 'none' })}.${body}.`;
  const symmetric = `${encode({ alg: 'HS256' })}.${body}.${signature}`;
  for (const bad of [forged, unsigned, symmetric, `${head}.${body}.`])
    assert.equal((await refusal(tokens.authenticate(bad))).reason, 'Unauthorized');
  for (const foreign of ['', 'x', 'a.b.c', `${head}.${encode({ ...claims, iss: 'https://other' })}.${signature}`])
    assert.equal(await tokens.authenticate(foreign), undefined);
});

test('a token request is checked', async () => {
  await using api = await testApi();
  assert.equal((await refusal(token(api.client, { expirationSeconds: 60 }))).reason, 'Invalid');
  assert.equal((await refusal(token(api.client, {}, 'nobody'))).reason, 'NotFound');
  assert.equal(
    (await refusal(token(api.client, { boundObjectRef: { kind: 'Pod', name: 'none' } }))).reason,
    'NotFound',
  );
  assert.equal(
    (await refusal(token(api.client, { boundObjectRef: { kind: 'Service', name: 'none' } }))).reason,
    'BadRequest',
  );
  for (const body of [null, [], { spec: { audiences: 'x' } }, { spec: { expirationSeconds: 'x' } }]) {
    assert.equal(
      (await refusal(api.client.post(ServiceAccount, 'default', 'token', body, inDefault))).code,
      400,
      JSON.stringify(body),
    );
  }
});

test('reviews answer for oneself, for others, and for tokens', async () => {
  await using api = await testApi();
  await grant(api, 'jane', [rule(['get', 'list'], ['pods'])]);
  const jane = api.as(userOf('jane'));
  const asked = async (
    client: TestApi['client'],
    kind: typeof SelfSubjectAccessReview | typeof SubjectAccessReview,
    spec: object,
  ): Promise<boolean> =>
    (
      (await client.create(kind as typeof SelfSubjectAccessReview, { metadata: {}, spec } as never)) as unknown as {
        status: { allowed: boolean };
      }
    ).status.allowed;
  const pods = { resource: 'pods', ...inDefault };
  assert.equal(await asked(jane, SelfSubjectAccessReview, { resourceAttributes: { verb: 'list', ...pods } }), true);
  assert.equal(await asked(jane, SelfSubjectAccessReview, { resourceAttributes: { verb: 'delete', ...pods } }), false);
  assert.equal(
    await asked(jane, SelfSubjectAccessReview, { nonResourceAttributes: { verb: 'get', path: '/healthz' } }),
    true,
  );
  assert.equal(
    await asked(api.client, SubjectAccessReview, { user: 'jane', resourceAttributes: { verb: 'get', ...pods } }),
    true,
  );
  assert.equal(
    await asked(api.client, SubjectAccessReview, { user: 'joe', resourceAttributes: { verb: 'get', ...pods } }),
    false,
  );
  assert.equal(
    (await refusal(asked(jane, SubjectAccessReview, { user: 'joe', resourceAttributes: { verb: 'get', ...pods } })))
      .reason,
    'Forbidden',
  );
  const rules = (await jane.create(SelfSubjectRulesReview, { metadata: {}, spec: inDefault } as never)) as unknown as {
    status: { resourceRules: { resources: string[] }[] };
  };
  assert.ok(rules.status.resourceRules.some(({ resources }) => resources.includes('pods')));
  const { status } = await token(api.client, {});
  const review = async (text: string) =>
    (
      (await api.client.create(TokenReview, { metadata: {}, spec: { token: text } } as never)) as unknown as {
        status: { authenticated?: boolean; user: { username?: string } };
      }
    ).status;
  assert.equal((await review(status.token)).user.username, 'system:serviceaccount:default:default');
  assert.notEqual((await review('rubbish')).authenticated, true);
});

test('cluster-wide bindings reach every namespace', async () => {
  await using api = await testApi();
  await api.client.create(ClusterRole, {
    metadata: { name: 'ns' },
    rules: [rule(['get', 'list'], ['namespaces', 'configmaps'])],
  } as never);
  await api.client.create(ClusterRoleBinding, {
    metadata: { name: 'ns' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'ns' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'ops' }],
  } as never);
  const ops = api.as(userOf('ann', 'ops'));
  assert.ok(await ops.list(Namespace));
  assert.ok(await ops.list(ConfigMap));
  assert.ok(await ops.list(ConfigMap, { namespace: 'other' }));
});
