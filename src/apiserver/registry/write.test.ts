/** Create, update, patch, delete and the subresources, as every client sees them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from '#api/apps/deployment.ts';
import { Lease } from '#api/coordination/lease.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import { DeviceClass } from '#api/resource/deviceclass.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { memoryStore } from '#store/memory.ts';
import { podDraft, refusal, testApi } from '../test-api.ts';

const inDefault = { namespace: 'default' } as const;
const deployment = (name = 'web', replicas = 1) => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'example.com/c:1' }] } },
  },
});

test('a dry run answers what would be and writes nothing', async () => {
  await using api = await testApi();
  const before = api.store.revision();
  const made = await api.client.create(Deployment, deployment() as never, { dryRun: true });
  assert.ok(made.metadata.uid);
  assert.equal(made.metadata.resourceVersion, undefined);
  assert.equal(api.store.revision(), before);
  await api.client.create(ConfigMap, { metadata: { name: 'a', ...inDefault } });
  const now = api.store.revision();
  await api.client.patch(ConfigMap, 'a', { type: 'merge', body: { data: { x: '1' } } }, { ...inDefault, dryRun: true });
  await api.client.delete(ConfigMap, 'a', { ...inDefault, dryRun: true });
  assert.equal(api.store.revision(), now);
  assert.equal(
    (await refusal(api.client.create(ConfigMap, { metadata: { name: 'a', ...inDefault } }, { dryRun: true }))).reason,
    'AlreadyExists',
  );
});

test('a generateName is judged when it names, and some kinds look at it no more', async () => {
  await using api = await testApi();
  const map = await api.client.create(ConfigMap, { metadata: { name: 'a', ...inDefault } });
  const web = await api.client.create(Deployment, deployment() as never);
  const named = <T extends { readonly metadata: object }>(one: T, generateName: string): T => ({
    ...one,
    metadata: { ...one.metadata, generateName, resourceVersion: '' },
  });
  const messageOf = async (write: Promise<unknown>): Promise<string> => (await refusal(write)).message;
  assert.match(await messageOf(api.client.update(ConfigMap, named(map, 'A_b'))), /a lowercase RFC 1123 subdomain/);
  await api.client.update(Deployment, named(web, 'A_b'));
  assert.equal(
    await messageOf(api.client.update(Deployment, named(web, 'a/b'))),
    `Deployment.apps "web" is invalid: metadata.generateName: Invalid value: "a/b": may not contain '/'`,
  );
});

test('a new object has no version; a text that is no number is none', async () => {
  await using api = await testApi();
  const of = (resourceVersion: string) =>
    api.client.create(ConfigMap, { metadata: { name: `a${resourceVersion}`, resourceVersion, ...inDefault } });
  assert.equal((await refusal(of('7'))).message, 'resourceVersion should not be set on objects to be created');
  for (const none of ['0', 'x']) assert.match((await of(none)).metadata.resourceVersion, /^[0-9]+$/);
});

test('generateName gives a name that nobody has', async () => {
  await using api = await testApi();
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { metadata } = await api.client.create(ConfigMap, {
      metadata: { generateName: 'g-', ...inDefault },
    } as never);
    assert.match(metadata.name, /^g-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    names.add(metadata.name);
  }
  assert.equal(names.size, 20);
  const long = await api.client.create(ConfigMap, {
    metadata: { generateName: 'x'.repeat(80), ...inDefault },
  } as never);
  assert.equal(long.metadata.name.length, 63);
});

test('what a client may not set is set by the server', async () => {
  await using api = await testApi();
  const made = await api.client.create(Deployment, {
    ...deployment(),
    metadata: {
      ...deployment().metadata,
      uid: 'mine',
      generation: 9,
      creationTimestamp: '2000-01-01T00:00:00Z',
      deletionTimestamp: '2000-01-01T00:00:00Z',
    },
    status: { replicas: 7 },
  } as never);
  assert.notEqual(made.metadata.uid, 'mine');
  assert.equal(made.metadata.generation, 1);
  assert.equal(made.metadata.deletionTimestamp, undefined);
  assert.notEqual(made.metadata.creationTimestamp, '2000-01-01T00:00:00Z');
  assert.equal(made.status?.replicas ?? 0, 0);
  assert.equal(
    (
      await refusal(
        api.client.create(ConfigMap, { metadata: { name: 'v', ...inDefault, resourceVersion: '3' } } as never),
      )
    ).code,
    400,
  );
});

test('status and the rest are written apart, and only the rest raises the generation', async () => {
  await using api = await testApi();
  await api.client.create(Deployment, deployment() as never);
  const both = {
    spec: { replicas: 4 },
    status: { replicas: 3, observedGeneration: 1 },
    metadata: { labels: { l: '1' } },
  };
  const status = await api.client.patch(
    Deployment,
    'web',
    { type: 'merge', body: both },
    { ...inDefault, subresource: 'status' },
  );
  assert.deepEqual([status.spec.replicas, status.status?.replicas, status.metadata.generation], [1, 3, 1]);
  assert.equal(status.metadata.labels, undefined);
  const main = await api.client.patch(
    Deployment,
    'web',
    { type: 'merge', body: { spec: { replicas: 5 }, status: { replicas: 9 } } },
    inDefault,
  );
  assert.deepEqual([main.spec.replicas, main.status?.replicas, main.metadata.generation], [5, 3, 2]);
  const note = (a: string) => ({ type: 'merge', body: { metadata: { annotations: { a } } } }) as const;
  const noted = await api.client.patch(Deployment, 'web', note('1'), { ...inDefault, subresource: 'status' });
  assert.deepEqual([noted.metadata.annotations, noted.metadata.generation], [{ a: '1' }, 2]);
  assert.equal((await api.client.patch(Deployment, 'web', note('2'), inDefault)).metadata.generation, 3);
});

test('a write that changes nothing is not written', async () => {
  await using api = await testApi();
  await api.client.create(Deployment, deployment() as never);
  const before = api.store.revision();
  const same = await api.client.patch(Deployment, 'web', { type: 'merge', body: { spec: { replicas: 1 } } }, inDefault);
  assert.equal(api.store.revision(), before);
  assert.equal(Number(same.metadata.resourceVersion) <= before, true);
});

test('a stale version is a conflict, and concurrent patches all arrive', async () => {
  await using api = await testApi();
  const first = await api.client.create(ConfigMap, { metadata: { name: 'c', ...inDefault }, data: {} } as never);
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      api.client.patch(ConfigMap, 'c', { type: 'merge', body: { data: { [`k${i}`]: 'v' } } }, inDefault),
    ),
  );
  assert.equal(Object.keys((await api.client.get(ConfigMap, 'c', inDefault)).data ?? {}).length, 20);
  const stale = await refusal(api.client.update(ConfigMap, { ...first, data: { mine: '1' } } as never));
  assert.equal(stale.reason, 'Conflict');
  assert.equal(
    stale.message,
    'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
  );
  const foreign = await refusal(
    api.client.patch(ConfigMap, 'c', { type: 'merge', body: { metadata: { uid: 'x' } } }, inDefault),
  );
  assert.equal(foreign.reason, 'Conflict');
});

test('finalizers hold a deleted object until the last one goes, and none can be added', async () => {
  await using api = await testApi();
  await api.client.create(ConfigMap, {
    metadata: { name: 'f', ...inDefault, finalizers: ['example.com/a', 'example.com/b'] },
  } as never);
  const going = (await api.client.delete(ConfigMap, 'f', inDefault)) as AnyObject;
  assert.ok(going.metadata.deletionTimestamp);
  const again = (await api.client.delete(ConfigMap, 'f', inDefault)) as AnyObject;
  assert.equal(again.metadata.resourceVersion, going.metadata.resourceVersion);
  const added = await refusal(
    api.client.patch(
      ConfigMap,
      'f',
      { type: 'merge', body: { metadata: { finalizers: ['example.com/a', 'example.com/b', 'example.com/c'] } } },
      inDefault,
    ),
  );
  assert.equal(added.reason, 'Invalid');
  await api.client.patch(
    ConfigMap,
    'f',
    { type: 'merge', body: { metadata: { finalizers: ['example.com/a'] } } },
    inDefault,
  );
  await api.client.patch(ConfigMap, 'f', { type: 'merge', body: { metadata: { finalizers: null } } }, inDefault);
  assert.equal((await refusal(api.client.get(ConfigMap, 'f', inDefault))).reason, 'NotFound');
});

test('a pod on a node ends gracefully, and a second delete can only shorten it', async () => {
  await using api = await testApi();
  const stored = async () => (await api.client.get(Pod, 'p', inDefault)).metadata;
  await api.client.create(Pod, podDraft('p') as never);
  await api.client.delete(Pod, 'p', inDefault);
  assert.equal((await refusal(stored())).reason, 'NotFound');
  await api.client.create(Pod, podDraft('p') as never);
  await api.client.post(Pod, 'p', 'binding', { target: { name: 'n1' } }, inDefault);
  await api.client.delete(Pod, 'p', inDefault);
  const first = await stored();
  assert.equal(first.deletionGracePeriodSeconds, 30);
  await api.client.delete(Pod, 'p', { ...inDefault, gracePeriodSeconds: 60 });
  assert.equal((await stored()).deletionGracePeriodSeconds, 30);
  await api.client.delete(Pod, 'p', { ...inDefault, gracePeriodSeconds: 5 });
  const second = await stored();
  assert.equal(second.deletionGracePeriodSeconds, 5);
  assert.equal(Date.parse(first.deletionTimestamp as string) - Date.parse(second.deletionTimestamp as string), 25_000);
  await api.client.delete(Pod, 'p', { ...inDefault, gracePeriodSeconds: 0 });
  assert.equal((await refusal(stored())).reason, 'NotFound');
});

test('foreground and orphan deletion wait for the garbage collector', async () => {
  await using api = await testApi();
  await api.client.create(Deployment, deployment() as never);
  await api.client.delete(Deployment, 'web', { ...inDefault, propagationPolicy: 'Foreground' });
  assert.deepEqual((await api.client.get(Deployment, 'web', inDefault)).metadata.finalizers, ['foregroundDeletion']);
  await api.client.delete(Deployment, 'web', { ...inDefault, propagationPolicy: 'Orphan' });
  assert.deepEqual((await api.client.get(Deployment, 'web', inDefault)).metadata.finalizers, ['orphan']);
  await api.client.delete(Deployment, 'web', { ...inDefault, propagationPolicy: 'Background' });
  assert.equal((await refusal(api.client.get(Deployment, 'web', inDefault))).reason, 'NotFound');
});

test('preconditions of a deletion hold', async () => {
  await using api = await testApi();
  const { metadata } = await api.client.create(ConfigMap, { metadata: { name: 'c', ...inDefault } });
  const remove = (preconditions: { uid?: string; resourceVersion?: string }) =>
    api.client.delete(ConfigMap, 'c', { ...inDefault, preconditions });
  assert.equal((await refusal(remove({ uid: 'other' }))).reason, 'Conflict');
  assert.equal((await refusal(remove({ resourceVersion: '1' }))).reason, 'Conflict');
  await remove({ uid: metadata.uid, resourceVersion: metadata.resourceVersion });
});

test('a namespace goes when its finalizers were finalized, and takes nothing new meanwhile', async () => {
  await using api = await testApi();
  await api.client.create(Namespace, { metadata: { name: 'going' } });
  const going = (await api.client.delete(Namespace, 'going')) as AnyObject & { status: { phase: string } };
  assert.equal(going.status.phase, 'Terminating');
  const refused = await refusal(api.client.create(ConfigMap, { metadata: { name: 'x', namespace: 'going' } }));
  assert.equal(refused.reason, 'Forbidden');
  assert.match(refused.message, /because it is being terminated/);
  const now = await api.client.get(Namespace, 'going');
  await api.client.update(
    Namespace,
    { ...now, metadata: { ...now.metadata, labels: { sneaked: 'in' } }, spec: { finalizers: [] } } as never,
    { subresource: 'finalize' },
  );
  assert.equal((await refusal(api.client.get(Namespace, 'going'))).reason, 'NotFound');
  assert.equal((await refusal(api.client.delete(Namespace, 'kube-system'))).reason, 'Forbidden');
  assert.equal(
    (await refusal(api.client.create(Pod, podDraft('x', { namespace: 'never' }) as never))).message,
    'namespaces "never" not found',
  );
});

test('a pod is bound once', async () => {
  await using api = await testApi();
  await api.client.create(Pod, podDraft('p') as never);
  const bind = (body: unknown) => api.client.post(Pod, 'p', 'binding', body, inDefault);
  for (const body of [null, [], 'x', { target: 7 }])
    assert.equal((await refusal(bind(body))).code, 400, JSON.stringify(body));
  assert.ok([400, 422].includes((await refusal(bind({}))).code));
  await bind({ target: { kind: 'Node', name: 'n1' } });
  const pod = await api.client.get(Pod, 'p', inDefault);
  assert.equal(pod.spec.nodeName, 'n1');
  assert.equal(pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status, 'True');
  assert.match((await refusal(bind({ target: { name: 'n2' } }))).message, /already assigned to node "n1"/);
});

test('an eviction deletes its pod; a body that is none is refused', async () => {
  await using api = await testApi();
  await api.client.create(Pod, podDraft('p') as never);
  const evict = (body: unknown) => api.client.post(Pod, 'p', 'eviction', body, inDefault);
  for (const body of [null, [], { deleteOptions: 'x' }])
    assert.equal((await refusal(evict(body))).code, 400, JSON.stringify(body));
  await evict({ metadata: { name: 'p' }, deleteOptions: { dryRun: ['All'] } });
  assert.ok(await api.client.get(Pod, 'p', inDefault));
  await evict({ metadata: { name: 'p' } });
  assert.equal((await refusal(api.client.get(Pod, 'p', inDefault))).reason, 'NotFound');
  assert.equal((await refusal(evict({ metadata: { name: 'p' } }))).reason, 'NotFound');
});

test('the scale of a deployment is read and written', async () => {
  await using api = await testApi();
  await api.client.create(Deployment, deployment('web', 2) as never);
  const options = { ...inDefault, subresource: 'scale' };
  const scale = (await api.client.get(Deployment, 'web', options)) as unknown as {
    spec: { replicas: number };
    status: { selector: string };
  };
  assert.deepEqual([scale.spec.replicas, scale.status.selector], [2, 'app=web']);
  const patch = (body: unknown) => api.client.patch(Deployment, 'web', { type: 'merge', body }, options);
  await patch({ spec: { replicas: 6 } });
  const web = await api.client.get(Deployment, 'web', inDefault);
  assert.deepEqual([web.spec.replicas, web.metadata.generation], [6, 2]);
  assert.equal((await refusal(patch({ spec: { replicas: -1 } }))).reason, 'Invalid');
  assert.equal((await refusal(patch({ spec: { replicas: 'x' } }))).code, 400);
  for (const body of [null, 3, []]) assert.equal((await refusal(patch(body))).code, 400, JSON.stringify(body));
});

test('a subresource writes its own part only', async () => {
  await using api = await testApi();
  const made = await api.client.create(Pod, podDraft('p') as never);
  const sneaky = {
    ...made,
    metadata: { ...made.metadata, labels: { sneaked: 'in' } },
    spec: { ...made.spec, priority: 7, ephemeralContainers: [{ name: 'debug', image: 'example.com/debug:1' }] },
  };
  const pod = await api.client.update(Pod, sneaky as never, { ...inDefault, subresource: 'ephemeralcontainers' });
  assert.equal(pod.metadata.labels, undefined);
  assert.equal(pod.spec.priority, 0);
  assert.equal(pod.spec.ephemeralContainers?.[0]?.name, 'debug');
});

test('apply creates, merges, takes away and tells conflicts', async () => {
  await using api = await testApi();
  const apply = (manager: string, data: Record<string, string>, force = false) =>
    api.client.patch(
      ConfigMap,
      'a',
      { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data } },
      { ...inDefault, fieldManager: manager, force },
    );
  await apply('one', { a: '1', b: '1' });
  await apply('two', { c: '1' });
  const conflict = await refusal(apply('two', { a: '2', c: '1' }));
  assert.equal(conflict.reason, 'Conflict');
  assert.deepEqual(
    conflict.details?.causes?.map(({ reason, field }) => [reason, field]),
    [['FieldManagerConflict', '.data.a']],
  );
  const forced = await apply('two', { a: '2', c: '1' }, true);
  assert.deepEqual(forced.data, { a: '2', b: '1', c: '1' });
  const less = await apply('one', {});
  assert.deepEqual(less.data, { a: '2', c: '1' });
});

test('a new node is tainted until it is ready, a pod gets its defaults of admission', async () => {
  await using api = await testApi();
  const node = await api.client.create(Node, { metadata: { name: 'n1' } } as never);
  assert.deepEqual(node.spec?.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const pod = await api.client.create(Pod, podDraft('p') as never);
  assert.equal(pod.spec.serviceAccountName, 'default');
  assert.deepEqual(
    pod.spec.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [
      ['node.kubernetes.io/not-ready', 300],
      ['node.kubernetes.io/unreachable', 300],
    ],
  );
  const bare = await api.client.update(Pod, { ...pod, spec: { ...pod.spec, tolerations: [] } });
  assert.deepEqual(bare.spec.tolerations, pod.spec.tolerations);
  assert.ok(pod.spec.volumes?.[0]?.projected);
  assert.equal(pod.spec.containers[0]?.volumeMounts?.[0]?.mountPath, '/var/run/secrets/kubernetes.io/serviceaccount');
  assert.equal(pod.spec.priority, 0);
  assert.equal(
    (await refusal(api.client.create(Pod, podDraft('q', { spec: { priorityClassName: 'none' } }) as never))).reason,
    'Forbidden',
  );
  assert.equal(
    (await refusal(api.client.create(Pod, podDraft('q', { spec: { serviceAccountName: 'none' } }) as never))).reason,
    'Forbidden',
  );
});

test('deletecollection takes what the selectors find', async () => {
  await using api = await testApi();
  for (const name of ['a', 'b', 'c'])
    await api.client.create(ConfigMap, { metadata: { name, ...inDefault, labels: { keep: String(name === 'c') } } });
  await api.client.deleteCollection(ConfigMap, { ...inDefault, labelSelector: 'keep=false' });
  assert.deepEqual(
    (await api.client.list(ConfigMap, inDefault)).items.map(({ metadata }) => metadata.name),
    ['c'],
  );
});

test('an update without a version replaces what is there, but not of every kind', async () => {
  await using api = await testApi();
  const map = { metadata: { name: 'm', namespace: 'default' }, data: { a: '1' } };
  await api.client.create(ConfigMap, map);
  assert.deepEqual((await api.client.update(ConfigMap, { ...map, data: { b: '2' } })).data, { b: '2' });
  const lease = { metadata: { name: 'l', namespace: 'default' }, spec: {} };
  const made = await api.client.create(Lease, lease);
  const error = await refusal(api.client.update(Lease, lease));
  assert.equal(error.code, 422);
  assert.equal(
    error.message,
    'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
  await api.client.update(Lease, { ...made, spec: { holderIdentity: 'me' } });
  await api.client.patch(
    Lease,
    'l',
    { type: 'merge', body: { spec: { holderIdentity: 'you' } } },
    { namespace: 'default' },
  );
  // What does not exist is created: there is no version to tell.
  await api.client.update(Lease, { ...lease, metadata: { ...lease.metadata, name: 'other' } });
});

test('what an older version took stays writable, but gets no worse', async () => {
  await using store = memoryStore();
  {
    await using api = await testApi({ store });
    await api.client.create(Service, {
      metadata: { name: 'old', ...inDefault },
      spec: { ports: [{ port: 80 }], externalIPs: ['203.0.113.7'] },
    } as never);
  }
  const key = '/registry/services/specs/default/old';
  const entry = await store.get(key);
  assert.ok(entry);
  await store.txn([
    { op: 'put', key, value: Buffer.from(entry.value.toString().replace('203.0.113.7', '203.0.113.007')) },
  ]);
  await using api = await testApi({ store });
  const change = (body: object) => api.client.patch(Service, 'old', { type: 'merge', body }, inDefault);
  const labelled = await change({ metadata: { labels: { a: 'b' } } });
  assert.deepEqual(labelled.spec.externalIPs, ['203.0.113.007']);
  assert.match(
    (await refusal(change({ spec: { externalIPs: ['203.0.113.008'] } }))).message,
    /spec\.externalIPs\[0\]: Invalid value: "203\.0\.113\.008": must not have leading 0s/,
  );
  assert.deepEqual((await change({ spec: { externalIPs: ['203.0.113.8'] } })).spec.externalIPs, ['203.0.113.8']);
});

test('an expression that was stored before anybody read it stays, and a new one is compiled', async () => {
  await using store = memoryStore();
  const selectors = (...sources: readonly string[]) => sources.map((expression) => ({ cel: { expression } }));
  {
    await using api = await testApi({ store });
    await api.client.create(DeviceClass, {
      metadata: { name: 'old' },
      spec: { selectors: selectors('device.driver == "a"') },
    } as never);
  }
  const key = '/registry/deviceclasses/old';
  const entry = await store.get(key);
  assert.ok(entry);
  await store.txn([
    { op: 'put', key, value: Buffer.from(entry.value.toString().replace('device.driver', 'device.pilot')) },
  ]);
  await using api = await testApi({ store });
  const change = (body: object) => api.client.patch(DeviceClass, 'old', { type: 'merge', body });
  const faulty = 'device.pilot == "a"';
  const labelled = await change({ metadata: { labels: { a: 'b' } } });
  assert.deepEqual(labelled.spec.selectors, selectors(faulty));
  assert.match(
    (await refusal(change({ spec: { selectors: selectors(faulty, 'device.copilot') } }))).message,
    /^DeviceClass\.resource\.k8s\.io "old" is invalid: spec\.selectors\[1\]\.cel\.expression: .*undefined field 'copilot'/,
  );
});
