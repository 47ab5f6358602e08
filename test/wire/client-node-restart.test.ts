/** Informers of the official JavaScript client over several kinds and with selectors: through a restart of the server, and through a compaction (410). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import {
  AppsV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  KubeConfig,
  ListWatch,
  Watch,
  type KubernetesListObject,
  type KubernetesObject,
} from '@kubernetes/client-node';
import { webManifest, wireCluster, type WireCluster } from './fixture.ts';

interface Followed {
  /** `add name`, `update name`, `delete name`, in order. */
  readonly seen: string[];
  /** Connections so far. */
  connects: number;
  lists: number;
  names(): string[];
  stop(): Promise<void>;
}

let cluster: WireCluster;
let config: KubeConfig;
before(async () => {
  cluster = await wireCluster({ store: 'sqlite' });
  config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
});
after(() => cluster[Symbol.asyncDispose]());

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (holds()) return;
    await sleep(25);
  }
  assert.fail(`never happened: ${what}`);
}

/** An informer that starts again after an error, as programs do. */
async function follow<T extends KubernetesObject>(
  path: string,
  list: () => Promise<KubernetesListObject<T>>,
  selectors: { readonly label?: string; readonly field?: string } = {},
): Promise<Followed> {
  let stopped = false;
  const counting = (): Promise<KubernetesListObject<T>> => {
    followed.lists++;
    return list();
  };
  const options = { delayFn: async () => sleep(20) };
  const informer = new ListWatch(path, new Watch(config), counting, false, selectors.label, selectors.field, options);
  const followed: Followed = {
    seen: [],
    connects: 0,
    lists: 0,
    names: () => informer.list().map(({ metadata }) => metadata?.name ?? ''),
    async stop() {
      stopped = true;
      await informer.stop();
    },
  };
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, ({ metadata }) => followed.seen.push(`${verb} ${metadata?.name}`));
  informer.on('connect', () => followed.connects++);
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void informer.start(), 50);
  });
  await informer.start();
  return followed;
}

const settings = (name: string, color: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {color: ${color}}}\ndata: {value: "${value}"}\n`;

test('informers over several kinds go on after a restart of the server, without a new list', async () => {
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const namespace = 'default';
  await cluster.ok('create -f -', `${settings('a', 'red', '1')}---\n${settings('b', 'blue', '1')}`);
  const labelSelector = 'color=red';
  const red = await follow(
    '/api/v1/namespaces/default/configmaps',
    () => core.listNamespacedConfigMap({ namespace, labelSelector }),
    { label: labelSelector },
  );
  const fieldSelector = 'metadata.name=web';
  const web = await follow('/apis/apps/v1/deployments', () => apps.listDeploymentForAllNamespaces({ fieldSelector }), {
    field: fieldSelector,
  });
  const slices = await follow('/apis/discovery.k8s.io/v1/endpointslices', () =>
    config.makeApiClient(DiscoveryV1Api).listEndpointSliceForAllNamespaces(),
  );
  assert.deepEqual(red.names(), ['a']);
  assert.deepEqual(slices.names(), ['kubernetes']);
  await cluster.ok('create -f -', webManifest);
  await cluster.ok('create -f -', webManifest.replace('name: web', 'name: other'));
  await cluster.ok('label cm a x=y');
  await until(() => web.seen.length === 1 && red.seen.length === 2, 'events before the restart');
  await cluster.restart();
  await cluster.ok('label cm b color=red --overwrite');
  await cluster.ok('label cm a color=blue --overwrite');
  await cluster.ok('scale deploy web --replicas=3');
  await cluster.ok('delete deploy web other --cascade=orphan --wait=false');
  await until(() => red.seen.length === 4 && web.seen.length >= 3, 'events after the restart');
  assert.deepEqual(red.seen, ['add a', 'update a', 'add b', 'delete a']);
  assert.deepEqual(web.seen.slice(0, 2), ['add web', 'update web']);
  assert.deepEqual(red.names(), ['b']);
  for (const { lists, connects } of [red, web, slices]) {
    assert.ok(connects > 1, 'the connection never broke');
    assert.equal(lists, 1, 'the watch did not resume');
  }
  await Promise.all([red, web, slices].map((one) => one.stop()));
});

test('an informer whose version is compacted away is told 410 and lists anew', async () => {
  const core = config.makeApiClient(CoreV1Api);
  const namespace = 'default';
  const field = 'metadata.name=wanted';
  const wanted = await follow(
    '/api/v1/namespaces/default/secrets',
    () => core.listNamespacedSecret({ namespace, fieldSelector: field }),
    { field },
  );
  await cluster.ok('create secret generic wanted --from-literal=a=1');
  await until(() => wanted.seen.length === 1, 'the secret');
  await cluster.ok('create secret generic unwanted --from-literal=a=1');
  await cluster.ok('label secret unwanted x=y');
  await cluster.restart((store) => store.compact(store.revision()));
  await until(() => wanted.lists > 1, 'a second list');
  await cluster.ok('delete secret wanted');
  await until(() => wanted.seen.includes('delete wanted'), 'the deletion');
  assert.deepEqual(wanted.seen, ['add wanted', 'delete wanted']);
  await wanted.stop();
});
