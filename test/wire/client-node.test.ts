/** The official JavaScript client: typed calls, a watch, and an informer that resumes after the server went away. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { AppsV1Api, CoreV1Api, KubeConfig, Watch, makeInformer } from '@kubernetes/client-node';
import { wireCluster } from './fixture.ts';

const pod = (name: string) => ({
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'c', image: 'example.com/c:1' }] },
});

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (holds()) return;
    await sleep(25);
  }
  assert.fail(`never happened: ${what}`);
}

test('typed calls create, read, list, patch and delete', async () => {
  await using cluster = await wireCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const created = await core.createNamespacedPod({ namespace: 'default', body: pod('a') });
  assert.equal(created.spec?.restartPolicy, 'Always');
  assert.ok(created.metadata?.creationTimestamp instanceof Date);
  assert.equal(
    (await core.readNamespacedPod({ name: 'a', namespace: 'default' })).metadata?.uid,
    created.metadata?.uid,
  );
  assert.equal((await core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=a' })).items.length, 1);
  await core.patchNamespacedPod({
    name: 'a',
    namespace: 'default',
    body: [{ op: 'add', path: '/metadata/labels/x', value: 'y' }],
  });
  assert.equal((await core.readNamespacedPod({ name: 'a', namespace: 'default' })).metadata?.labels?.['x'], 'y');
  await core.deleteNamespacedPod({ name: 'a', namespace: 'default' });
  await assert.rejects(
    core.readNamespacedPod({ name: 'a', namespace: 'default' }),
    (error: { code?: number }) => error.code === 404,
  );
  assert.equal((await apps.listDeploymentForAllNamespaces()).items.length, 0);
});

test('a watch tells additions, changes and deletions', async () => {
  await using cluster = await wireCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const seen: string[] = [];
  const abort = await new Watch(config).watch(
    '/api/v1/namespaces/default/pods',
    { allowWatchBookmarks: true },
    (type, object) => seen.push(`${type} ${object.metadata.name}`),
    () => {},
  );
  await core.createNamespacedPod({ namespace: 'default', body: pod('w') });
  await core.deleteNamespacedPod({ name: 'w', namespace: 'default' });
  await until(() => seen.length >= 2, 'two events');
  abort.abort();
  assert.deepEqual(seen, ['ADDED w', 'DELETED w']);
});

test('an informer keeps its cache and goes on after its connection broke', async () => {
  await using cluster = await wireCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
    core.listNamespacedPod({ namespace: 'default' }),
  );
  const seen: string[] = [];
  informer.on('add', (object) => seen.push(`add ${object.metadata?.name}`));
  informer.on('delete', (object) => seen.push(`delete ${object.metadata?.name}`));
  let stopped = false;
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void informer.start(), 50);
  });
  await core.createNamespacedPod({ namespace: 'default', body: pod('one') });
  await informer.start();
  await until(() => seen.includes('add one'), 'the first pod');
  await core.createNamespacedPod({ namespace: 'default', body: pod('two') });
  await until(() => seen.includes('add two'), 'the second pod');
  await informer.stop();
  await core.deleteNamespacedPod({ name: 'one', namespace: 'default' });
  await informer.start();
  await until(() => seen.includes('delete one'), 'the deletion while it was away');
  assert.deepEqual([...informer.list().map((object) => object.metadata?.name)], ['two']);
  stopped = true;
  await informer.stop();
});
