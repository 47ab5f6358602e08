/** Priorities, runtime classes, default classes and certificates, as clients of the whole API server see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateSigningRequest } from '#api/certificates/certificatesigningrequest.ts';
import { ed25519Request, mastersRequest, pem } from '#api/certificates/test-certificates.ts';
import { Pod } from '#api/core/pod.ts';
import { Ingress } from '#api/networking/ingress.ts';
import { IngressClass } from '#api/networking/ingressclass.ts';
import { RuntimeClass } from '#api/node/runtimeclass.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import { PriorityClass } from '#api/scheduling/priorityclass.ts';
import { podDraft, refusal, testApi } from '../test-api.ts';
import { userOf } from '../user.ts';

test('a pod gets the number of its class, or of the default', async () => {
  await using api = await testApi();
  const critical = await api.client.create(Pod, podDraft('a', { spec: { priorityClassName: 'system-node-critical' } }));
  assert.equal(critical.spec.priority, 2_000_001_000);
  assert.equal((await api.client.create(Pod, podDraft('b'))).spec.priority, 0);
  await api.client.create(PriorityClass, {
    metadata: { name: 'low' },
    value: -5,
    globalDefault: true,
    preemptionPolicy: 'Never',
  });
  const { priority, priorityClassName, preemptionPolicy } = (await api.client.create(Pod, podDraft('c'))).spec;
  assert.deepEqual([priority, priorityClassName, preemptionPolicy], [-5, 'low', 'Never']);
  const other = { metadata: { name: 'other' }, value: 1, globalDefault: true };
  assert.match((await refusal(api.client.create(PriorityClass, other))).message, /low is already marked as default/);
  const unknown = podDraft('d', { spec: { priorityClassName: 'none' } });
  assert.equal(
    (await refusal(api.client.create(Pod, unknown))).message,
    'pods "d" is forbidden: no PriorityClass with name none was found',
  );
  assert.match(
    (await refusal(api.client.delete(PriorityClass, 'system-node-critical'))).message,
    /this is a system priority class and cannot be deleted/,
  );
});

test('a pod gets the overhead and the place of its runtime class', async () => {
  await using api = await testApi();
  await api.client.create(RuntimeClass, {
    metadata: { name: 'box' },
    handler: 'runsc',
    overhead: { podFixed: { cpu: '10m' } },
    scheduling: { nodeSelector: { box: 'yes' }, tolerations: [{ key: 'box', operator: 'Exists' }] },
  });
  const spec = { runtimeClassName: 'box', nodeSelector: { disk: 'ssd' } };
  const pod = await api.client.create(Pod, podDraft('a', { spec }));
  assert.deepEqual(pod.spec.overhead, { cpu: '10m' });
  assert.deepEqual(pod.spec.nodeSelector, { disk: 'ssd', box: 'yes' });
  assert.ok(pod.spec.tolerations?.some(({ key }) => key === 'box'));
  const refused = async (more: object): Promise<string> =>
    (await refusal(api.client.create(Pod, podDraft('b', { spec: more })))).message;
  assert.match(await refused({ ...spec, overhead: { cpu: '1' } }), /doesn't match RuntimeClass's defined Overhead$/);
  assert.match(await refused({ overhead: { cpu: '1' } }), /without corresponding RuntimeClass defined Overhead$/);
  assert.match(await refused({ ...spec, nodeSelector: { box: 'no' } }), /conflict: runtimeClass.scheduling/);
  assert.match(await refused({ runtimeClassName: 'none' }), /pod rejected: RuntimeClass "none" not found$/);
});

test('an Ingress without a class gets the default one', async () => {
  await using api = await testApi();
  const ingress = (name: string) => ({
    metadata: { name, namespace: 'default' },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  });
  assert.equal((await api.client.create(Ingress, ingress('a'))).spec.ingressClassName, undefined);
  await api.client.create(IngressClass, {
    metadata: { name: 'main', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    spec: { controller: 'example.com/main' },
  });
  assert.equal((await api.client.create(Ingress, ingress('b'))).spec.ingressClassName, 'main');
});

test('a certificate is asked for in the own name, and approved by those who may', async () => {
  await using api = await testApi();
  const encoded = (der: string): string => Buffer.from(pem('CERTIFICATE REQUEST', der)).toString('base64');
  const draft = (name: string, der: string) => ({
    metadata: { name },
    spec: {
      request: encoded(der),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth' as const],
      username: 'somebody-else',
    },
  });
  const group = 'certificates.k8s.io';
  const plural = 'certificatesigningrequests';
  await api.client.create(ClusterRole, {
    metadata: { name: 'asker' },
    rules: [{ verbs: ['*'], apiGroups: [group], resources: [plural, `${plural}/approval`] }],
  });
  await api.client.create(ClusterRoleBinding, {
    metadata: { name: 'asker' },
    roleRef: { kind: 'ClusterRole', name: 'asker' },
    subjects: [{ kind: 'User', name: 'jane' }],
  });
  const jane = api.as(userOf('jane', 'dev'));
  const { spec } = await jane.create(CertificateSigningRequest, draft('jane', ed25519Request));
  assert.deepEqual([spec.username, spec.groups], ['jane', ['dev', 'system:authenticated']]);
  assert.match(
    (await refusal(jane.create(CertificateSigningRequest, draft('root', mastersRequest)))).message,
    /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed$/,
  );
  const change = {
    type: 'merge' as const,
    body: { status: { conditions: [{ type: 'Approved', status: 'True' }], certificate: 'AAAA' } },
  };
  const options = { subresource: 'approval' };
  assert.match(
    (await refusal(jane.patch(CertificateSigningRequest, 'jane', change, options))).message,
    /user not permitted to approve requests with signerName "kubernetes.io\/kube-apiserver-client"$/,
  );
  const { status } = await api.client.patch(CertificateSigningRequest, 'jane', change, options);
  assert.equal(status.certificate, undefined);
  const [condition] = status.conditions ?? [];
  assert.ok(condition?.lastTransitionTime !== undefined && condition.lastUpdateTime !== undefined);
});
