/** Limit ranges, quotas and storage in use, as clients of the whole API server see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { LimitRange } from '#api/core/limitrange.ts';
import { Node } from '#api/core/node.ts';
import { PersistentVolumeClaim } from '#api/core/persistentvolumeclaim.ts';
import { Pod } from '#api/core/pod.ts';
import { ResourceQuota } from '#api/core/resourcequota.ts';
import { Service } from '#api/core/service.ts';
import { StorageClass } from '#api/storage/storageclass.ts';
import { podDraft, refusal, testApi, type TestApi } from '../test-api.ts';

const inDefault = { namespace: 'default' };
type Texts = Readonly<Record<string, string>>;

const withResources = (name: string, requests?: Texts, limits?: Texts) =>
  podDraft(name, {
    spec: {
      containers: [
        { name: 'c', image: 'i', resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) } },
      ],
    },
  });

const messageOf = async (call: Promise<unknown>): Promise<string> => (await refusal(call)).message;

test('containers get the defaults of their namespace, and are told so', async () => {
  await using api = await testApi();
  const limits = [{ type: 'Container', default: { cpu: '500m', memory: '1Gi' }, defaultRequest: { cpu: '100m' } }];
  await api.client.create(LimitRange, { metadata: { name: 'a', ...inDefault }, spec: { limits } });
  const { metadata, spec } = await api.client.create(Pod, withResources('p', { memory: '10Mi' }));
  assert.deepEqual(spec.containers[0]?.resources, {
    requests: { cpu: '100m', memory: '10Mi' },
    limits: { cpu: '500m', memory: '1Gi' },
  });
  assert.equal(
    metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c',
  );
  const other = await api.client.create(Pod, podDraft('p', { namespace: 'other' }));
  assert.equal(other.metadata.annotations?.['kubernetes.io/limit-ranger'], undefined);
});

test('pods, containers and claims outside of the ranges are refused with every reason', async () => {
  await using api = await testApi();
  const limits = [
    { type: 'Container', min: { memory: '10Mi' }, max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } },
    { type: 'Pod', max: { memory: '1Gi' } },
    { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
  ];
  await api.client.create(LimitRange, { metadata: { name: 'a', ...inDefault }, spec: { limits } });
  const refused = (requests: Texts, most: Texts): Promise<string> =>
    messageOf(api.client.create(Pod, withResources('p', requests, most)));
  assert.equal(
    await refused({ cpu: '100m', memory: '5Mi' }, { cpu: '2', memory: '2Gi' }),
    'pods "p" is forbidden: [minimum memory usage per Container is 10Mi, but request is 5Mi, maximum cpu usage per Container is 1, but limit is 2, cpu max limit to request ratio per Container is 2, but provided ratio is 20.000000, maximum memory usage per Pod is 1Gi, but limit is 2Gi]',
  );
  assert.equal(
    await refused({ cpu: '500m', memory: '10Mi' }, { cpu: '1' }),
    'pods "p" is forbidden: maximum memory usage per Pod is 1Gi.  No limit is specified',
  );
  await api.client.create(Pod, withResources('p', { cpu: '500m', memory: '10Mi' }, { cpu: '1', memory: '1Gi' }));
  const claim = (storage: string) => ({
    metadata: { name: 'c', ...inDefault },
    spec: { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage } } },
  });
  assert.equal(
    await messageOf(api.client.create(PersistentVolumeClaim, claim('3Gi'))),
    'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  );
  assert.match(
    await messageOf(api.client.create(PersistentVolumeClaim, claim('1'))),
    /minimum storage usage .* is 1Gi/,
  );
});

async function quota(api: TestApi, hard: Texts, spec: object = {}, name = 'q'): Promise<void> {
  const made = await api.client.create(ResourceQuota, { metadata: { name, ...inDefault }, spec: { hard, ...spec } });
  const used = Object.fromEntries(Object.keys(hard).map((one) => [one, '0']));
  await api.client.update(ResourceQuota, { ...made, status: { hard, used } } as never, { subresource: 'status' });
}

const usedIn = async (api: TestApi, name = 'q'): Promise<unknown> =>
  (await api.client.get(ResourceQuota, name, inDefault)).status.used;

test('what is made is counted with it, and nothing is made beyond the quota', async () => {
  await using api = await testApi();
  await quota(api, { pods: '3', 'requests.cpu': '1', 'limits.memory': '1Gi', 'count/configmaps': '2' });
  assert.equal(
    await messageOf(api.client.create(Pod, podDraft('p'))),
    'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
  );
  const pod = (name: string, cpu: string) => withResources(name, { cpu }, { memory: '100Mi' });
  await api.client.create(Pod, pod('a', '600m'));
  assert.deepEqual(await usedIn(api), {
    pods: '1',
    'requests.cpu': '600m',
    'limits.memory': '100Mi',
    'count/configmaps': '0',
  });
  assert.equal(
    await messageOf(api.client.create(Pod, pod('b', '500m'))),
    'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
  );
  // A dry run is checked and not counted; a request that fails is not counted either.
  await api.client.create(Pod, pod('b', '400m'), { dryRun: true });
  await refusal(api.client.create(Pod, pod('a', '100m')));
  assert.equal(((await usedIn(api)) as Texts)['pods'], '1');
  const maps = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((index) => api.client.create(ConfigMap, { metadata: { name: `m${index}`, ...inDefault } })),
  );
  assert.equal(maps.filter(({ status }) => status === 'fulfilled').length, 2);
  assert.equal(((await usedIn(api)) as Texts)['count/configmaps'], '2');
});

test('a quota that was never counted refuses what it is about', async () => {
  await using api = await testApi();
  const hard = { services: '1', 'services.nodeports': '2' };
  const made = await api.client.create(ResourceQuota, { metadata: { name: 'q', ...inDefault }, spec: { hard } });
  const service = (name: string, spec: object = {}) => ({
    metadata: { name, ...inDefault },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  // Without a status nothing is enforced yet.
  await api.client.create(Service, service('a'));
  await api.client.update(ResourceQuota, { ...made, status: { hard } } as never, { subresource: 'status' });
  assert.equal(
    await messageOf(api.client.create(Service, service('b'))),
    'services "b" is forbidden: status unknown for quota: q, resources: services,services.nodeports',
  );
  const counted = await api.client.get(ResourceQuota, 'q', inDefault);
  const used = { services: '1', 'services.nodeports': '0' };
  await api.client.update(ResourceQuota, { ...counted, status: { hard, used } } as never, { subresource: 'status' });
  assert.match(await messageOf(api.client.create(Service, service('b'))), /exceeded quota: q, requested: services=1/);
  const ports = [80, 81, 82].map((port) => ({ port, name: `p${port}` }));
  const change = (spec: object) => api.client.patch(Service, 'a', { type: 'merge', body: { spec } }, inDefault);
  assert.match(
    await messageOf(change({ type: 'NodePort', ports })),
    /requested: services.nodeports=3, used: services.nodeports=0, limited: services.nodeports=2$/,
  );
  await change({ type: 'NodePort' });
  assert.deepEqual(await usedIn(api), { services: '1', 'services.nodeports': '1' });
  await change({ type: 'ClusterIP' });
  assert.deepEqual(await usedIn(api), { services: '1', 'services.nodeports': '0' });
});

test('scopes say which pods a quota is about', async () => {
  await using api = await testApi();
  await quota(api, { pods: '1' }, { scopes: ['BestEffort'] }, 'best');
  await quota(api, { pods: '1' }, { scopes: ['Terminating'] }, 'short');
  const [scopeName, operator] = ['PriorityClass', 'In'];
  const scopeSelector = { matchExpressions: [{ scopeName, operator, values: ['system-node-critical'] }] };
  await quota(api, { pods: '1' }, { scopeSelector }, 'high');
  await api.client.create(Pod, podDraft('a'));
  assert.match(await messageOf(api.client.create(Pod, podDraft('b'))), /exceeded quota: best, requested: pods=1/);
  await api.client.create(Pod, withResources('c', { cpu: '1' }));
  const more = { activeDeadlineSeconds: 5, priorityClassName: 'system-node-critical' };
  const { spec, metadata } = withResources('d', { cpu: '1' });
  await api.client.create(Pod, { metadata, spec: { ...spec, ...more } } as never);
  for (const name of ['best', 'short', 'high']) assert.deepEqual(await usedIn(api, name), { pods: '1' }, name);
});

test('storage objects are held, and a claim grows where its class allows it', async () => {
  await using api = await testApi();
  const provisioner = 'example.com/disks';
  const isDefault = { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
  await api.client.create(StorageClass, { metadata: { name: 'fixed', ...isDefault }, provisioner });
  await api.client.create(StorageClass, { metadata: { name: 'elastic' }, provisioner, allowVolumeExpansion: true });
  const claim = (name: string, more: object = {}) => ({
    metadata: { name, ...inDefault },
    spec: { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } }, ...more },
  });
  const made = await api.client.create(PersistentVolumeClaim, claim('a'));
  assert.equal(made.spec.storageClassName, 'fixed');
  assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  assert.equal(
    (await api.client.create(PersistentVolumeClaim, claim('n', { storageClassName: '' }))).spec.storageClassName,
    '',
  );
  await api.client.create(PersistentVolumeClaim, claim('b', { storageClassName: 'elastic' }));
  const grow = (name: string) =>
    api.client.patch(
      PersistentVolumeClaim,
      name,
      { type: 'merge', body: { spec: { resources: { requests: { storage: '2Gi' } } } } },
      inDefault,
    );
  const bind = (name: string) =>
    api.client.patch(
      PersistentVolumeClaim,
      name,
      { type: 'merge', body: { status: { phase: 'Bound', capacity: { storage: '1Gi' } } } },
      { ...inDefault, subresource: 'status' },
    );
  for (const name of ['a', 'b']) {
    assert.match(await messageOf(grow(name)), /Only bound persistent volume claims can be expanded|is immutable/);
    await api.client.patch(
      PersistentVolumeClaim,
      name,
      { type: 'merge', body: { spec: { volumeName: `v-${name}` } } },
      inDefault,
    );
    await bind(name);
  }
  assert.equal(
    await messageOf(grow('a')),
    'persistentvolumeclaims "a" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
  assert.equal((await grow('b')).spec.resources?.requests?.['storage'], '2Gi');
});

test('a pod that is made on a node has the labels of its place', async () => {
  await using api = await testApi();
  const labels = { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1', disk: 'ssd' };
  await api.client.create(Node, { metadata: { name: 'n', labels } });
  const pod = await api.client.create(Pod, podDraft('p', { labels: { a: 'b' }, spec: { nodeName: 'n' } }));
  const { disk: _d, ...place } = labels;
  assert.deepEqual(pod.metadata.labels, { a: 'b', ...place });
});
