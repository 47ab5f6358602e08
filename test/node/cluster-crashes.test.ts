/** kill -9, again and again: what was acknowledged is still there, containers never notice, watches go on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';
import { asRoot, cluster, containerProcess, until, type Place } from './cluster-fixture.ts';

const crashes = 5;
const writers = 4;

/** A watch that goes on where it broke off, whenever it breaks off: from the last resourceVersion it saw, without listing again. */
function resumed(
  config: KubeConfig,
  path: string,
): { readonly seen: ReadonlySet<string>; readonly errors: readonly unknown[]; stop(): Promise<void> } {
  const seen = new Set<string>();
  const errors: unknown[] = [];
  let resourceVersion = '0';
  let ending = false;
  let end = (): void => undefined;
  const once = async (): Promise<void> => {
    const ended = Promise.withResolvers<void>();
    const connection = await new Watch(config).watch(
      path,
      { resourceVersion, allowWatchBookmarks: true },
      (type: string, object: { metadata?: { name?: string; resourceVersion?: string } }) => {
        if (type === 'ERROR') errors.push(object);
        if (type === 'ADDED') seen.add(object.metadata?.name ?? '');
        resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
      },
      () => ended.resolve(),
    );
    end = () => {
      connection.abort();
      ended.resolve();
    };
    if (ending) end();
    await ended.promise;
  };
  const all = (async () => {
    while (!ending) {
      await once();
      await sleep(50);
    }
  })();
  return {
    seen,
    errors,
    async stop() {
      ending = true;
      end();
      await all;
    },
  };
}

describe('crashes', asRoot, () => {
  let place: Place;

  const containers = async (): Promise<string> =>
    place.get([
      'get',
      'pods',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
    ]);

  before(async () => {
    place = await cluster();
    await place.get(
      'create deployment web --image=k8ts.local/guestbook:v1 --replicas=3 -- node /app/guestbook.mjs backend',
    );
    await place.get('rollout status deployment/web --timeout=60s');
  });
  after(() => place?.[Symbol.asyncDispose]());

  test(`${crashes} times under load, the killed server loses no acknowledged write and no container, and watches resume`, async () => {
    const config = new KubeConfig();
    config.loadFromFile(place.layout.kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const watch = resumed(config, '/api/v1/namespaces/default/configmaps');

    const acknowledged: string[] = [];
    let going = true;
    const writer = async (number: number): Promise<void> => {
      for (let i = 0; going; i++) {
        const name = `kept-${number}-${i}`;
        try {
          await core.createNamespacedConfigMap({
            namespace: 'default',
            body: { metadata: { name }, data: { i: String(i) } },
          });
          acknowledged.push(name);
        } catch {
          // The server is away, or the answer was lost: nothing was promised.
          await sleep(5);
        }
      }
    };
    const before = await containers();
    const load = Array.from({ length: writers }, (_, number) => writer(number));
    try {
      for (let round = 0; round < crashes; round++) {
        const written = acknowledged.length;
        await until('writes are acknowledged', () => acknowledged.length > written + 20);
        const pid = await place.pidOf(place.layout.serverState);
        process.kill(pid, 'SIGKILL');
        await place.up();
        assert.notEqual(await place.pidOf(place.layout.serverState), pid);
      }
    } finally {
      going = false;
      await Promise.all(load);
    }
    const present = new Set(
      (await place.get('get configmaps -o name'))
        .trim()
        .split('\n')
        .map((line) => line.split('/')[1]),
    );
    assert.deepEqual(
      acknowledged.filter((name) => !present.has(name)),
      [],
    );
    await until('the watch has seen every write', () => acknowledged.every((name) => watch.seen.has(name)));
    await watch.stop();
    assert.deepEqual(watch.errors, []);
    assert.equal(await containers(), before);
  });

  test('a killed agent finds its containers again, and looks after them', async () => {
    const before = await containers();
    const state = place.layout.node('node-1').state;
    const pid = await place.pidOf(state);
    process.kill(pid, 'SIGKILL');
    await place.up();
    assert.notEqual(await place.pidOf(state), pid);
    assert.equal(await containers(), before);
    const [name = '', id = ''] = (before.split('\n')[0] ?? '').split(' ');
    process.kill(containerProcess(id.split('//')[1] ?? ''), 'SIGKILL');
    await until('the adopted container restarted', async () =>
      (await containers()).split('\n').some((line) => line.startsWith(`${name} `) && line.endsWith(' 1')),
    );
  });

  test('after `kill -9` of everything, `down` leaves nothing and `up` resumes', async () => {
    process.kill(await place.pidOf(place.layout.serverState), 'SIGKILL');
    process.kill(await place.pidOf(place.layout.node('node-1').state), 'SIGKILL');
    await place.ok('down');
    await place.up();
    await place.get('rollout status deployment/web --timeout=60s');
    await until(
      'three pods run',
      async () =>
        (await place.get('get pods --field-selector=status.phase=Running -o name')).trim().split('\n').length === 3,
    );
  });
});
