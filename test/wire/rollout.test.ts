/** kubectl rollout and the deletion of owners, with the controllers running; pods become ready by a stand-in for the kubelet. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Pod } from '#api/core/pod.ts';
import { startView, type View } from '#client/view.ts';
import { webManifest, wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
let pods: View<Pod>;
before(async () => {
  cluster = await wireCluster({ controllers: true });
  pods = startView(cluster.world, cluster.client, Pod);
  pods.onChange(({ now }) => {
    if (!now || now.metadata.deletionTimestamp || now.status?.phase === 'Running') return;
    const at = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True', lastTransitionTime: at }));
    const status = { phase: 'Running', startTime: at, conditions };
    const options = { namespace: now.metadata.namespace as string, subresource: 'status' };
    // A pod that is gone already needs no status.
    cluster.client.patch(Pod, now.metadata.name, { type: 'merge', body: { status } }, options).catch(() => undefined);
  });
  await pods.synced;
});
after(async () => {
  await pods[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const image = (): Promise<string> => cluster.ok('get deploy web -o jsonpath={..image}');

test('a rollout is followed, paused, resumed, restarted, undone', async () => {
  await cluster.ok('apply -f -', webManifest);
  assert.match(await cluster.ok('rollout status deploy/web --timeout=30s'), /successfully rolled out/);
  await cluster.ok('set image deploy/web web=example.com/web:2');
  await cluster.ok('rollout status deploy/web --timeout=30s');
  assert.match(await cluster.ok('get deploy web'), /web +2\/2 +2 +2/);
  await cluster.ok(['annotate', 'deploy', 'web', 'kubernetes.io/change-cause=second']);
  const history = await cluster.ok('rollout history deploy/web');
  assert.match(history, /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +/);
  assert.match(await cluster.ok('rollout history deploy/web --revision=1'), /example.com\/web:1/);
  await cluster.ok('rollout undo deploy/web');
  await cluster.ok('rollout status deploy/web --timeout=30s');
  assert.equal(await image(), 'example.com/web:1');
  await cluster.ok('rollout undo deploy/web --to-revision=2');
  assert.equal(await image(), 'example.com/web:2');
  await cluster.ok('rollout pause deploy/web');
  await cluster.ok('set image deploy/web web=example.com/web:3');
  assert.match((await cluster.kubectl('rollout undo deploy/web')).stderr, /paused/);
  await cluster.ok('rollout resume deploy/web');
  await cluster.ok('rollout status deploy/web --timeout=30s');
  await cluster.ok('rollout restart deploy/web');
  await cluster.ok('rollout status deploy/web --timeout=30s');
  assert.match(await cluster.ok('describe deploy web'), /NewReplicaSet: +web-/);
});

test('deleting an owner takes its pods, in the foreground or behind it, or leaves them', async () => {
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('rollout status deploy/web --timeout=30s');
  await cluster.ok('delete deploy web --cascade=foreground --timeout=30s');
  assert.equal(await cluster.ok('get rs,pods -l app=web -o name'), '');
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('rollout status deploy/web --timeout=30s');
  await cluster.ok('delete deploy web --cascade=orphan --timeout=30s');
  const left = await cluster.ok('get rs,pods -l app=web -o name');
  assert.equal(left.split('\n').filter((line) => line.startsWith('pod/')).length, 2);
  assert.match(left, /replicaset.apps\/web-/);
  // The orphans are taken up again by a Deployment of the same selector.
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('rollout status deploy/web --timeout=30s');
  await cluster.ok('delete deploy web --timeout=30s');
  await cluster.ok('wait pods -l app=web --for=delete --timeout=30s');
});

test('a namespace goes with everything in it', async () => {
  await cluster.ok('create namespace short');
  await cluster.ok('create cm here -n short');
  await cluster.ok('apply -n short -f -', webManifest);
  await cluster.ok('delete namespace short --timeout=40s');
  assert.equal((await cluster.kubectl('get namespace short')).code, 1);
});

test('a service gets the addresses of its ready pods', async () => {
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('expose deploy web --port=80 --target-port=8080');
  await cluster.ok('rollout status deploy/web --timeout=30s');
  for (const pod of pods.all()) {
    if (pod.metadata.labels?.['app'] !== 'web') continue;
    const status = { podIP: '10.1.0.7', podIPs: [{ ip: '10.1.0.7' }] };
    await cluster.client.patch(
      Pod,
      pod.metadata.name,
      { type: 'merge', body: { status } },
      { namespace: 'default', subresource: 'status' },
    );
    break;
  }
  await cluster.ok([
    'wait',
    'endpointslice',
    '-l',
    'kubernetes.io/service-name=web',
    '--for=jsonpath={.endpoints[0].addresses[0]}=10.1.0.7',
    '--timeout=30s',
  ]);
  assert.match(await cluster.ok('describe svc web'), /Endpoints: +10\.1\.0\.7:8080/);
});
