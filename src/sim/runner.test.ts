import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Event } from '#api/core/event.ts';
import { Secret } from '#api/core/secret.ts';
import type { Client } from '#client/client.ts';
import { ApiError } from '#meta/status.ts';
import { create, remove, update, type Action } from '#runtime/action.ts';
import { controller, type Controller } from '#runtime/controller.ts';
import { controllerReference, startController } from '#runtime/runner.ts';
import { viewsOf } from '#runtime/views.ts';
import { startSimCluster, type SimCluster } from './cluster.ts';
import { faultyClient, type Faults } from './faults.ts';

const place = { namespace: 'default' };

/** As many Secrets as the ConfigMap's data.count says. */
const keeper = controller({
  name: 'keeper',
  for: ConfigMap,
  claims: [
    {
      kind: Secret,
      selector: (map: ConfigMap) =>
        map.data?.['count'] === undefined ? undefined : { matchLabels: { of: map.metadata.name } },
    },
  ],
  *reconcile(map: ConfigMap, { claimed }): Iterable<Action> {
    if (map.data?.['count'] === undefined) return;
    const secrets = claimed(Secret);
    const missing = Number(map.data['count']) - secrets.length;
    for (let i = 0; i < missing; i++) {
      yield create(
        Secret,
        {
          metadata: {
            generateName: `${map.metadata.name}-`,
            namespace: 'default',
            labels: { of: map.metadata.name },
            ownerReferences: [controllerReference(ConfigMap, map)],
          },
        },
        { announce: { about: map, failed: { reason: 'FailedCreate', message: (error) => error.message } } },
      );
    }
    for (const secret of secrets.slice(0, Math.max(0, -missing))) yield remove(Secret, secret);
  },
});

interface Setup {
  readonly cluster: SimCluster;
  readonly creates: string[];
  readonly runner: { readonly idle: boolean };
}

/** Runs `body` with the controller over a network with these faults; `wrap` changes its client. */
async function withController(
  declared: Controller,
  { faults = {}, wrap = (client) => client }: { faults?: Faults; wrap?: (client: Client) => Client },
  body: (setup: Setup) => Promise<void>,
): Promise<void> {
  const cluster = await startSimCluster({ seed: 3, nodes: 0 });
  const world = cluster.universe.machine('test');
  const creates: string[] = [];
  const connect = (name: string): Client =>
    faultyClient(world, cluster.client, {
      life: { name, alive: true, cut: false, writes: 0 },
      faults,
      hooks: { dies: (_life, what) => void (what.startsWith('create secrets') && creates.push(what)) },
    });
  const views = viewsOf(world, connect('views'));
  const runner = startController(world, { views, client: wrap(connect('keeper')) }, declared);
  try {
    await cluster.settle();
    await body({ cluster, creates, runner });
  } finally {
    const end = async (): Promise<void> => {
      await runner[Symbol.asyncDispose]();
      await views[Symbol.asyncDispose]();
    };
    await cluster.run(end());
    await cluster[Symbol.asyncDispose]();
  }
}

const map = (count: number): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: box }
data: { count: '${count}' }
`;

const secrets = async ({ client, run }: SimCluster): Promise<readonly Secret[]> =>
  (await run(client.list(Secret, place))).items;

test('the gate keeps a key back until its own writes are seen, however late that is', async () => {
  // Views are up to two seconds behind: whoever did not wait would create again and again.
  await withController(keeper as never, { faults: { delayMsMax: 2_000 } }, async ({ cluster, creates, runner }) => {
    await cluster.apply(map(10));
    await cluster.settle({ quietMs: 60_000 });
    assert.equal((await secrets(cluster)).length, 10);
    assert.equal(creates.length, 10);
    await cluster.apply(map(3));
    await cluster.settle({ quietMs: 60_000 });
    assert.equal((await secrets(cluster)).length, 3);
    assert.ok(runner.idle);
  });
});

test('after a reply was lost nothing is made twice', async () => {
  for (const seedOf of [0.1, 0.3]) {
    await withController(
      keeper as never,
      { faults: { delayMsMax: 50, loseReply: seedOf } },
      async ({ cluster, creates }) => {
        await cluster.apply(map(20));
        await cluster.settle({ quietMs: 60_000, limitMs: 60 * 60_000 });
        assert.equal((await secrets(cluster)).length, 20);
        assert.equal(creates.length, 20, 'a create whose answer was lost had been carried out');
      },
    );
  }
});

test('orphans that match are adopted, owned objects that no longer match are released', async () => {
  await withController(keeper as never, {}, async ({ cluster, creates }) => {
    const { client, run } = cluster;
    await run(client.create(Secret, { metadata: { name: 'stray', labels: { of: 'box' } } }, place));
    await cluster.settle();
    await cluster.apply(map(2));
    await cluster.settle();
    assert.equal(creates.length, 1, 'the stray one counts');
    const stray = await run(client.get(Secret, 'stray', place));
    assert.equal(stray.metadata.ownerReferences?.[0]?.name, 'box');

    await run(
      client.patch(Secret, 'stray', { type: 'merge', body: { metadata: { labels: { of: 'nobody' } } } }, place),
    );
    await cluster.settle();
    const released = await run(client.get(Secret, 'stray', place));
    assert.equal(released.metadata.ownerReferences, undefined);
    assert.equal((await secrets(cluster)).length, 3);
  });
});

test('what another controller owns is left alone', async () => {
  await withController(keeper as never, {}, async ({ cluster }) => {
    const { client, run } = cluster;
    const other = await run(client.create(ConfigMap, { metadata: { name: 'other' } }, place));
    const ownerReferences = [controllerReference(ConfigMap, other)];
    await run(client.create(Secret, { metadata: { name: 'taken', labels: { of: 'box' }, ownerReferences } }, place));
    await cluster.apply(map(1));
    await cluster.settle();
    const taken = await run(client.get(Secret, 'taken', place));
    assert.equal(taken.metadata.ownerReferences?.[0]?.name, 'other');
    assert.equal((await secrets(cluster)).length, 2);
  });
});

test('creates start slowly: what is refused costs one request a try, and is told', async () => {
  let tries = 0;
  let refuse = true;
  const wrap = (client: Client): Client => ({
    ...client,
    create: (kind, object, options) => {
      if ((kind as unknown) !== Secret) return client.create(kind, object, options);
      tries++;
      return refuse
        ? Promise.reject(new ApiError('Forbidden', 'the quota is used up'))
        : client.create(kind, object, options);
    },
  });
  await withController(keeper as never, { wrap }, async ({ cluster }) => {
    await cluster.apply(map(100));
    await cluster.advance(100);
    // Back-off of 5, 10, 20, 40 ms: five tries at most, one request each.
    assert.ok(tries >= 2 && tries <= 6, `${tries} requests`);
    const events = await cluster.run(cluster.client.list(Event, place));
    assert.ok(
      events.items.some(({ reason, message }) => reason === 'FailedCreate' && message === 'the quota is used up'),
    );
    refuse = false;
    await cluster.advance(60_000);
    await cluster.settle();
    assert.equal((await secrets(cluster)).length, 100);
  });
});

test('an update that met somebody else is tried again with what is then true', async () => {
  const stamper = controller({
    name: 'stamper',
    for: ConfigMap,
    *reconcile(each: ConfigMap): Iterable<Action> {
      if (each.data?.['wish'] === undefined || each.data['granted'] === each.data['wish']) return;
      yield update(ConfigMap, { ...each, data: { ...each.data, granted: each.data['wish'] } });
    },
  });
  await withController(stamper as never, { faults: { delayMsMax: 200 } }, async ({ cluster }) => {
    const { client, run } = cluster;
    await run(client.create(ConfigMap, { metadata: { name: 'wishes' }, data: { wish: '0' } }, place));
    for (let wish = 1; wish <= 20; wish++) {
      await run(client.patch(ConfigMap, 'wishes', { type: 'merge', body: { data: { wish: String(wish) } } }, place));
      await cluster.advance(90);
    }
    await cluster.settle();
    assert.equal((await run(client.get(ConfigMap, 'wishes', place))).data?.['granted'], '20');
  });
});
