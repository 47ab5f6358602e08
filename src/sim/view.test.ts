/** A view on servers that are behind, break off and show the past again: it never goes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import type { Client } from '#client/client.ts';
import { startView } from '#client/view.ts';
import { startSimCluster } from './cluster.ts';
import { faultyClient } from './faults.ts';

const inDefault = { namespace: 'default' };

test('a view takes nothing that is older than what it has, and nothing twice', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const cluster = await startSimCluster({ seed, nodes: 0 });
    const { client, run, universe, history } = cluster;
    let replayed = 0;
    const past = (): number | undefined =>
      history.changes.findLast(({ at }) => at <= universe.time.elapsed - 3_000)?.revision;
    const faulty = faultyClient(universe.machine('test'), client, {
      life: { name: 'test', alive: true, cut: false, writes: 0 },
      faults: { replayWatch: 0.3, rewindWatch: 0.8, breakWatch: 0.1, expireWatch: 0.05, staleRelist: 0.6 },
      hooks: { past },
    });
    let newest = 0;
    const counting: Client = {
      ...faulty,
      watch: (kind, options) =>
        (async function* () {
          for await (const event of faulty.watch(kind, options)) {
            const { metadata } = event.object as { readonly metadata: { readonly resourceVersion: string } };
            const revision = Number(metadata.resourceVersion);
            if (revision < newest) replayed++;
            newest = Math.max(newest, revision);
            yield event;
          }
        })() as never,
    };
    const view = startView(universe.machine('test'), counting, ConfigMap, inDefault);
    await run(view.synced);
    const revisions = new Map<string, number>();
    const ended = new Set<string>();
    view.onChange(({ old, now }) => {
      const { uid, resourceVersion } = ((now ?? old) as ConfigMap).metadata;
      assert.ok(!ended.has(uid), 'an object that was gone came back');
      if (!now) ended.add(uid);
      else assert.ok(Number(resourceVersion) >= (revisions.get(uid) ?? 0), 'an object went back');
      revisions.set(uid, Number(resourceVersion));
    });
    for (let step = 0; step < 60; step++) {
      const name = `m${step % 4}`;
      const data = { step: String(step) };
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
      if (step % 7 === 3) await run(client.deleteCollection(ConfigMap, inDefault));
      else await run(client.patch(ConfigMap, name, { type: 'apply', body }, { ...inDefault, fieldManager: 'test' }));
      await cluster.advance(700);
    }
    await cluster.advance(120_000);
    const { items } = await run(client.list(ConfigMap, inDefault));
    const shape = ({ metadata, data }: ConfigMap): string => `${metadata.name} ${JSON.stringify(data)}`;
    assert.deepEqual([...view.all()].map(shape).toSorted(), items.map(shape).toSorted());
    assert.ok(replayed > 0, 'nothing was shown again');
    const end = async (): Promise<void> => view[Symbol.asyncDispose]();
    await run(end());
    await cluster[Symbol.asyncDispose]();
  }
});
