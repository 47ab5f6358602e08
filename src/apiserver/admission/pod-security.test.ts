/** The levels of the Pod Security Standards, with the answers upstream gives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import { podDraft, refusal, testWire, type TestWire } from '../test-api.ts';

const good = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const container = (more: object = {}, securityContext: object = good) => ({
  name: 'c',
  image: 'i',
  securityContext,
  ...more,
});

async function room(
  wire: TestWire,
  labels: Record<string, string>,
): Promise<(spec: object, annotations?: object) => Promise<string>> {
  const full = Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
  );
  const name = `room-${Object.values(labels).join('-').replaceAll('.', '-')}`;
  await wire.api.client.create(Namespace, { metadata: { name, labels: full } });
  await wire.ask('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { body: { metadata: { name: 'default' } } });
  return async (spec, annotations = {}) => {
    const body = { metadata: { name: 'p', annotations }, spec: { containers: [container()], ...spec } };
    const { status, json } = await wire.ask('POST', `/api/v1/namespaces/${name}/pods?dryRun=All`, { body });
    if (status === 201) return 'fine';
    assert.equal(status, 403, json.message);
    return (json.message as string).replace(/^pods "p" is forbidden: violates PodSecurity "[^"]*": /, '');
  };
}

test('baseline forbids what leaves the container', async () => {
  await using wire = await testWire();
  const ask = await room(wire, { enforce: 'baseline' });
  const cases: [object, string, object?][] = [
    [{}, 'fine'],
    [{ containers: [container({}, {})] }, 'fine'],
    [{ hostNetwork: true, hostPID: true }, 'host namespaces (hostNetwork=true, hostPID=true)'],
    [
      { containers: [container({}, { privileged: true })] },
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      { containers: [container({}, { capabilities: { add: ['NET_ADMIN', 'CHOWN', 'SYS_TIME'] } })] },
      'non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_TIME" in securityContext.capabilities.add)',
    ],
    [{ volumes: [{ name: 'h', hostPath: { path: '/' } }] }, 'hostPath volumes (volume "h")'],
    [
      { containers: [container({ ports: [{ containerPort: 80, hostPort: 80 }] })] },
      'hostPort (container "c" uses hostPort 80)',
    ],
    [
      { containers: [container({ livenessProbe: { httpGet: { port: 80, host: '10.0.0.1' } } })] },
      'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
    ],
    [
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ],
    [
      {
        securityContext: { seLinuxOptions: { type: 'spc_t', user: 'u' } },
        containers: [container({}, { seLinuxOptions: { role: 'r' } })],
      },
      'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
    ],
    [{ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } }, 'fine'],
    [{ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }, 'forbidden sysctls (kernel.msgmax)'],
  ];
  for (const [spec, expected, annotations] of cases)
    assert.equal(await ask(spec, annotations), expected, JSON.stringify(spec));
});

test('restricted wants a pod to give up what it does not need', async () => {
  await using wire = await testWire();
  const ask = await room(wire, { enforce: 'restricted' });
  assert.equal(await ask({}), 'fine');
  assert.equal(
    await ask({ containers: [container({}, {}), { ...container({}, {}), name: 'd' }], hostNetwork: true }),
    'host namespaces (hostNetwork=true), allowPrivilegeEscalation != false (containers "c", "d" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers "c", "d" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or containers "c", "d" must set securityContext.runAsNonRoot=true), seccompProfile (pod or containers "c", "d" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  assert.equal(
    await ask({
      volumes: [
        { name: 'n', nfs: { server: 's', path: '/' } },
        { name: 'e', emptyDir: {} },
      ],
    }),
    'restricted volume types (volume "n" uses restricted volume type "nfs")',
  );
  assert.equal(await ask({ securityContext: { runAsUser: 0 } }), 'runAsUser=0 (pod must not set runAsUser=0)');
  const mapped = { hostUsers: false, containers: [container({}, { ...good, runAsNonRoot: undefined })] };
  assert.equal(await ask(mapped), 'fine');
  const adds = { ...good, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } };
  assert.equal(
    await ask({ containers: [container({}, adds)] }),
    'unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)',
  );
});

test('a version keeps the standards as they were', async () => {
  await using wire = await testWire();
  const old = await room(wire, { enforce: 'restricted', 'enforce-version': 'v1.21' });
  const { capabilities: _c, ...rest } = good;
  assert.equal(await old({ containers: [container({}, rest)] }), 'fine');
  assert.equal(await old({ securityContext: { runAsUser: 0 } }), 'fine');
  const future = await room(wire, { enforce: 'restricted', 'enforce-version': 'v1.99' });
  assert.match(await future({ containers: [container({}, rest)] }), /^unrestricted capabilities/);
});

test('clients are warned of templates, and of pods where nothing is enforced', async () => {
  await using wire = await testWire();
  const warn = 'pod-security.kubernetes.io/warn';
  await wire.ask('PATCH', '/api/v1/namespaces/default', {
    body: { metadata: { labels: { [warn]: 'baseline' } } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  const spec = { hostNetwork: true, containers: [{ name: 'c', image: 'i' }] };
  const would = '299 - "would violate PodSecurity \\"baseline:latest\\": host namespaces (hostNetwork=true)"';
  const pod = await wire.ask('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'p' }, spec } });
  assert.deepEqual([pod.status, pod.headers['warning']], [201, would]);
  const labels = { a: 'b' };
  const body = {
    metadata: { name: 'd' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
  const deployment = await wire.ask('POST', '/apis/apps/v1/namespaces/default/deployments', { body });
  assert.deepEqual([deployment.status, deployment.headers['warning']], [201, would]);
});

test('labels are checked, and a namespace that becomes stricter tells of its pods', async () => {
  await using wire = await testWire();
  const label = async (value: string | null, version?: string) =>
    wire.ask('PATCH', '/api/v1/namespaces/default', {
      body: {
        metadata: {
          labels: {
            'pod-security.kubernetes.io/enforce': value,
            'pod-security.kubernetes.io/enforce-version': version ?? null,
          },
        },
      },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  const wrong = await label('lax', 'v2');
  assert.equal(wrong.status, 422);
  assert.match(
    wrong.json.message,
    /metadata.labels\[pod-security.kubernetes.io\/enforce\]: Invalid value: "lax": must be one of privileged, baseline, restricted/,
  );
  assert.match(wrong.json.message, /enforce-version\]: Invalid value: "v2": must be "latest" or "v1.x"/);
  for (const name of ['a', 'b', 'c'])
    await wire.api.client.create(Pod, podDraft(name, { spec: { hostNetwork: name !== 'c' } }));
  const strict = await label('baseline');
  assert.deepEqual(
    strict.headers['warning'],
    [
      '299 - "existing pods in namespace \\"default\\" violate the new PodSecurity enforce level \\"baseline:latest\\""',
      '299 - "a (and 1 other pod): host namespaces"',
    ].join(', '),
  );
  assert.equal((await label('privileged')).headers['warning'], undefined);
  await label('baseline');
  // What stands already may be labelled, but gets no new image.
  const patch = (path: string, value: unknown) =>
    wire.api.client.patch(Pod, 'a', { type: 'json', body: [{ op: 'add', path, value }] }, { namespace: 'default' });
  await patch('/metadata/labels', { x: 'y' });
  assert.match(
    (await refusal(patch('/spec/containers/0/image', 'other'))).message,
    /violates PodSecurity "baseline:latest": host namespaces/,
  );
});
